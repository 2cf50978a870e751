"""An installation of real processes over the test's database: web, workers and beat, all of them ours to kill."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import redis
from django.conf import settings
from django.db import connection

from tests.faults.rig import processes
from tests.faults.rig.children import Child, Nursery

START = 60.0  # seconds; two loaded cores take their time
OUR_FAULT = "Internal Server Error"


def database_url() -> str:
    """Of the database that the test itself uses."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    return f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"


class Web:
    """gunicorn, as the Dockerfile runs it, on a free port."""

    def __init__(self, start: Callable[..., Child], *, workers: int) -> None:
        self.port = processes.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        options = {
            "bind": f"127.0.0.1:{self.port}",
            "worker-class": "gthread",
            "workers": workers,
            "threads": 4,
            "timeout": 60,
            "worker-tmp-dir": "/dev/shm",
            "graceful-timeout": 10,
        }
        said = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.process = start("portal.wsgi:application", *said)
        self.log = self.process.log
        self.wait()

    def wait(self, seconds: float = START) -> float:
        """Until it is ready for visitors."""
        return processes.until(
            self.is_ready, seconds, lambda: f"the web is ready; {processes.tail(self.log)}"
        )

    def is_ready(self) -> bool:
        with suppress(URLError, OSError), urlopen(f"{self.url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def workers(self) -> list[int]:
        return self.process.pool()

    def failures(self) -> str:
        """What it logged for each answer with 500, tracebacks included: to be told by the test that fails of it."""
        told, is_told = [], False
        for line in self.log.read_text(errors="replace").splitlines():
            is_told = OUR_FAULT in line or (is_told and line.startswith(" "))
            if is_told:
                told.append(line)
        return "\n".join(told)


class Installation:
    """Everything with which processes of an installation are started; stops them all at the end."""

    def __init__(
        self, folder: Path, nursery: Nursery, *, aws: str, redis: str = "", database: str = "", **env: str
    ) -> None:
        self.folder, self.nursery = folder, nursery
        self.env = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AWS_", "CRASH_", "PYTEST_"))
            },
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DEPLOYMENT": "development",
            "DEMO": "false",
            "SECRET_KEY": settings.SECRET_KEY,
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "SECURE_COOKIES": "false",
            "EMAIL_URL": "dummymail://",
            "VAR_DIR": str(nursery.log.parent / "var"),
            "DATABASE_URL": database or database_url(),
            "REDIS_URL": redis,
            "LOG_LEVEL": "INFO",
            "AWS_ENDPOINT_URL": aws,
            "AWS_ACCESS_KEY_ID": "AKIAHUB",
            "AWS_SECRET_ACCESS_KEY": "hub",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            # the simulator answers in milliseconds; what is under test is not how politely we ask
            "AWS_READS_PER_SECOND": "0",
            "AWS_WRITES_PER_SECOND": "0",
            "PUSH_SETTLE_SECONDS": "1",
            "PUSH_LEASE_SECONDS": "3",
            "PUSH_MAX_DELETE_SHARE": "0.9",
            "TICK_SECONDS": "0.5",
            **env,
        }
        Path(self.env["VAR_DIR"]).mkdir(exist_ok=True)
        self._stops: list[Callable[[], object]] = []

    @property
    def is_embedded(self) -> bool:
        """Without Redis there is one process with a worker and a beat inside, as in the demo."""
        return not self.env["REDIS_URL"]

    def web(self, name: str = "web", *, workers: int = 2, **env: str) -> Web:
        return Web(partial(self._fork, "web", name, settings=env), workers=workers)

    def worker(self, name: str, *arguments: str, **env: str) -> Child:
        return self._fork("embedded" if self.is_embedded else "worker", name, *arguments, **env)

    def beat(self, name: str = "beat", *arguments: str, **env: str) -> Child | None:
        """None where each embedded process has its own."""
        return None if self.is_embedded else self._fork("beat", name, *arguments, **env)

    def push(self, place: object, *, name: str = "push", **env: str) -> Child:
        """One pass by ``manage.py push`` in a process of its own."""
        return self._fork("push", name, str(place), "--json", **env)

    def writer(self, name: str, number: int) -> Child:
        """A process that writes so many drafts."""
        return self._fork("write", name, str(number))

    def queue_length(self) -> int:
        """Messages that no worker has taken or finished yet."""
        broker = redis.Redis.from_url(self.env["REDIS_URL"])
        return int(broker.llen("celery")) + int(broker.hlen("unacked"))

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def stop(self) -> None:
        for stop in reversed(self._stops):
            stop()
        self._stops.clear()

    def _fork(
        self, kind: str, name: str, *arguments: str, settings: dict[str, str] | None = None, **env: str
    ) -> Child:
        """``settings`` are read by the house, ``env`` by the child alone."""
        log = self.log(name)
        house = self.nursery.house({**self.env, **(settings or {})})
        asked = {"kind": kind, "name": name, "log": str(log), "more": env, "arguments": arguments}
        child = Child(name, self.nursery.ask(house, **asked), log)
        self._stops.append(child.kill)
        return child
