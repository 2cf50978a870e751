"""Visitors: callers of the API over real connections, who remember every answer and how long it took."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings

from portal.governance.models import ApiToken, User
from tests import people

API = "/api/v1"
CUT = 0  # the status of a call that got no answer


@dataclass
class Answer:
    status: int
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class Caller:
    """One person with a token of theirs; each call is a connection of its own."""

    def __init__(self, port: int, user: User, *, timeout: float = 30) -> None:
        self.port, self.timeout = port, timeout
        scopes = list(ApiToken.Scope.values)
        _, token = ApiToken.objects.create(user, expiry=timedelta(hours=12), name="faults", scopes=scopes)
        self.headers = {"Authorization": f"Bearer {token}"}
        self.answers: list[Answer] = []

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> Answer:
        content = json.dumps({} if body is None else body).encode()
        return self.call("POST", path, content, {"Content-Type": "application/json"})

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """The answer; status 0 when the connection was cut before there was one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        began = time.monotonic()
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused while we still send: read why
                connection.request(method, path, body, {**self.headers, **(headers or {})})
            reply = connection.getresponse()
            answer = Answer(reply.status, reply.read(), time.monotonic() - began)
        except (OSError, http.client.HTTPException):
            answer = Answer(CUT, b"", time.monotonic() - began)
        finally:
            connection.close()
        self.answers.append(answer)
        return answer


class Browser(Caller):
    """One person with a browser in which they have signed in."""

    def __init__(self, port: int, user: User, *, timeout: float = 30) -> None:
        self.port, self.timeout = port, timeout
        cookie = people.signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value
        self.headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}
        self.answers = []


class Visit:
    """Somebody who does the same again and again in a thread, until told to stop."""

    def __init__(self, deed: Callable[[int], object], pause: float = 0.0) -> None:
        self._deed, self._pause, self._over = deed, pause, threading.Event()
        self.problem: BaseException | None = None
        self.times = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._deed(self.times)
                self.times += 1
                self._over.wait(self._pause)
        except BaseException as problem:  # noqa: BLE001 - told to whoever waits for the end
            self.problem = problem

    def end(self) -> None:
        self._over.set()
        self._thread.join(60)
        if self.problem is not None:
            raise self.problem


def times(callers: Sequence[Caller]) -> list[float]:
    return [answer.seconds for caller in callers for answer in caller.answers]


def broken(callers: Sequence[Caller]) -> list[Answer]:
    """Answers that no visitor should ever see."""
    return [answer for caller in callers for answer in caller.answers if answer.status >= 500]
