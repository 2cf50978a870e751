"""``python -m tests.faults.rig.nursery``: forks houses that have others' code imported, so that each is soon up.

A house is the parent of an installation's processes (rig/house.py): it takes on the installation's environment and sets
Django up by it. One JSON line on standard input, one on standard output: ``{"house": name, "env": {…}}`` forks a house,
and anything else with a ``house`` is its own to answer. Whatever was started dies with whoever started it.
"""

import importlib
import json
import os
import signal
import socket
import sys
import traceback
from typing import Any

from tests.faults.rig.processes import die_with_parent

# what takes long to import and asks for no settings
OF_OTHERS = (
    "boto3",
    "celery.app.trace",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.worker.worker",
    "cryptography.x509",
    "django.contrib.admin.sites",
    "django.db.models",
    "django.forms",
    "django.test.client",
    "django_filters",
    "drf_spectacular",
    "gunicorn.app.wsgiapp",
    "gunicorn.workers.gthread",
    "hcl2",
    "icalendar",
    "kombu.transport.redis",
    "prometheus_client",
    "psycopg",
    "requests",
    "structlog",
    "xlsxwriter",
)


class House:
    def __init__(self, env: dict[str, str]) -> None:
        ours, its_own = socket.socketpair()
        self.pid = os.fork()
        if not self.pid:
            _move_in(env, its_own)
        its_own.close()
        self._line = ours.makefile("rw")

    def ask(self, asked: dict[str, Any]) -> Any:
        self._line.write(json.dumps(asked) + "\n")
        self._line.flush()
        return json.loads(self._line.readline())


def _move_in(env: dict[str, str], line: socket.socket) -> None:
    """Never returns."""
    try:
        os.setsid()
        die_with_parent()
        os.environ.clear()
        os.environ.update(env)
        importlib.import_module("tests.faults.rig.house").live(line.makefile("rw"))
    except BaseException:  # noqa: BLE001 - the log is all that is left of it
        traceback.print_exc()
    finally:
        os._exit(1)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a child ended
    for name in OF_OTHERS:
        importlib.import_module(name)
    houses: dict[str, House] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        name = asked["house"]
        if "env" in asked:
            houses[name] = House(asked["env"])
            answer = {"pid": houses[name].pid}
        else:
            answer = houses[name].ask(asked)
        print(json.dumps(answer), flush=True)  # noqa: T201 - this is the protocol


if __name__ == "__main__":
    main()
