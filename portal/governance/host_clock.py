"""Whether this host's clock is right, by the database's: AWS takes no signature of a wrong one, and terms end by it."""

import logging
import socket
from datetime import timedelta

from django.db import connection

from portal.governance import clock, outbox, roles
from portal.governance.errors import DomainError
from portal.governance.models import Role

WORTH_A_WORD = timedelta(seconds=2)
AT_MOST = timedelta(seconds=30)

logger = logging.getLogger(__name__)


class HostClockOff(DomainError):
    """This host's clock is too far off to act for anybody; others may go on."""

    code = "host_clock"
    http_status = 503


def off_by() -> timedelta:
    """How far this host is ahead of the database; zero where both are one host."""
    if connection.vendor != "postgresql":
        return timedelta()
    before = clock.real_now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (there,) = cursor.fetchone()
    return before + (clock.real_now() - before) / 2 - there


def problem() -> str:
    """What is wrong, in a sentence; "" while the clock is near enough. A small difference is only logged."""
    ahead = off_by()
    if abs(ahead) <= WORTH_A_WORD:
        return ""
    text = (
        f"The clock of {socket.gethostname()} is {abs(ahead).total_seconds():,.0f} s "
        f"{'ahead of' if ahead > timedelta() else 'behind'} the database's. Set it by NTP."
    )
    logger.warning("%s", text)
    return text if abs(ahead) > AT_MOST else ""


def must_be_right() -> None:
    """Raise HostClockOff where nothing may be done in anybody's name."""
    if text := problem():
        raise HostClockOff(text)


def told_problem() -> str:
    """The same as ``problem``, after operators were told of it: once a day for each host."""
    text = problem()
    if not text:
        return ""
    host, day = socket.gethostname(), (clock.real_now() - off_by()).date()
    outbox.tell_all(
        roles.holders(Role.OPERATOR),
        event="host.clock",
        key=f"{host}/{day}",
        subject=f"The clock of {host} is wrong",
        body=f"{text} Until then its workers end as soon as they start; those of other hosts go on.",
        url="/operations/",
    )
    return text
