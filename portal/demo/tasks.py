"""The demo's own beat: time passes in the simulated AWS as it does in the portal."""

import logging

from celery import shared_task

from portal.demo import passing_time
from portal.demo.simulator import SimulatorSilent

logger = logging.getLogger(__name__)


@shared_task(name="demo.keep_time")
def keep_time() -> None:
    try:
        passing_time.keep_together()
    except SimulatorSilent as problem:
        logger.warning("%s", problem)
