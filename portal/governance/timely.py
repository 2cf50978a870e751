"""A worker whose clock is wrong does nothing: it hands its message back, and ends; started anew, it ends at once."""

from typing import Any, Never

from celery import Task
from celery.exceptions import Reject
from django.db import Error

from portal.governance import host_clock
from portal.governance.host_clock import HostClockOff


class TimelyTask(Task):
    """Runs only while this host's clock is right."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if text := host_clock.told_problem():
            self._leave_to_others(text)
        return super().__call__(*args, **kwargs)

    def _leave_to_others(self, why: str) -> Never:
        if self.request.called_directly:
            raise HostClockOff(why)
        self.app.control.shutdown(destination=[self.request.hostname])
        raise Reject(why, requeue=True)


def refuse_to_start(**_: Any) -> None:
    """End a worker that starts with a wrong clock, before it takes anything; whatever restarts it tries again."""
    try:
        text = host_clock.told_problem()
    except Error:
        return  # a database that is not there yet is waited for, and every task asks again
    if text:
        raise SystemExit(text)
