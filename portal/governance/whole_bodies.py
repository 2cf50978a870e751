"""A body that stops before the length it was announced with is no body: nothing of it is read as if it were whole.

Servers hand on what arrived before a connection broke as if that were all, and of some kinds of file nobody could
tell. Around the WSGI application, so that pages, API and uploads share it.
"""

from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class CutShort(OSError):
    """The connection ended before the body did; Django makes an UnreadablePostError of it."""


class WholeBody:
    """What a server gives to read a body from, counted."""

    def __init__(self, source: Any, length: int) -> None:
        self.source, self.left = source, length

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, all that is left by default. Raises CutShort at an early end."""
        wanted = self.left if size is None or size < 0 else min(size, self.left)
        return self._counted(self.source.read(wanted), wanted)

    def readline(self, size: int = -1) -> bytes:
        """Up to the next line's end. Raises CutShort at an early end."""
        wanted = self.left if size is None or size < 0 else min(size, self.left)
        line = self.source.readline(wanted)
        return self._counted(line, len(line) if line.endswith(b"\n") else wanted)

    def _counted(self, found: bytes, wanted: int) -> bytes:
        self.left -= len(found)
        if len(found) < wanted:
            raise CutShort(f"{self.left} bytes of the body did not arrive.")
        return found


def whole_bodies(application: Application) -> Application:
    """The same application, which never takes a part of a body for all of it."""

    def whole(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        announced = environ.get("CONTENT_LENGTH") or ""
        if announced.isascii() and announced.isdecimal():
            environ["wsgi.input"] = WholeBody(environ["wsgi.input"], int(announced))
        return application(environ, start_response)

    return whole
