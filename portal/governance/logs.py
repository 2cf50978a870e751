"""What a log line looks like: structured, with the id of the request it belongs to, and without secrets.

Functions that structlog puts in a row; `portal/settings.py` names the formatter that they make.
"""

import re
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

import structlog

from portal.governance.redacting import HIDDEN, is_secret, without_secrets

Event = MutableMapping[str, Any]
# what begins a new line, commands a terminal or turns the reading direction, and halves of letters
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# what our own lines may carry beside their message; what libraries add, such as the whole request, stays outside
FIELDS = ["method", "path", "status", "duration_ms"]


def on_one_line(text: str) -> str:
    """Control characters as escapes: nobody's input begins a line of its own."""
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class Redaction:
    """Takes secrets out of everything that is about to be written; ``known`` are values to look for."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.known = tuple(filter(None, known))

    def __call__(self, _: Any, __: str, event: Event) -> Event:
        for name, value in list(event.items()):
            if not name.startswith("_"):
                event[name] = self._clean(name, value)
        return event

    def _clean(self, name: str, value: Any) -> Any:
        if is_secret(name):
            return HIDDEN
        if isinstance(value, dict):
            return {str(key): self._clean(str(key), one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean("", one) for one in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        text = without_secrets(str(value), self.known)
        return "\n".join(map(on_one_line, text.split("\n"))) if name == "exception" else on_one_line(text)


def as_line(_: Any, __: str, event: Event) -> str:
    """For people: time, level, logger, what happened, and the rest as name=value; a traceback is indented below."""
    event = dict(event)
    trace = event.pop("exception", "")
    head = [str(event.pop(name, "")) for name in ("timestamp", "level", "logger", "event")]
    head[1] = head[1].upper()
    line = " ".join([*head, *(f"{name}={value}" for name, value in sorted(event.items()))])
    return "\n    | ".join([line, *str(trace).split("\n")]) if trace else line


def chain() -> list[Callable[..., Any]]:
    """What every record goes through, ours and the libraries'."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=FIELDS),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def formatter(how: str, secrets: Iterable[str] = ()) -> structlog.stdlib.ProcessorFormatter:
    """``json``: one object a line; ``line``: for people. ``secrets`` are never written, wherever they turn up."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=chain(),
        processors=[
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            Redaction(secrets),
            structlog.processors.JSONRenderer() if how == "json" else as_line,
        ],
    )
