"""An installation of real processes over the test's database: web, workers and beat, all of them ours to kill."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import redis
from django.conf import settings
from django.db import connection

from tests.faults.rig import processes
from tests.faults.rig.processes import PYTHON, ROOT

START = 60.0  # seconds; two loaded cores take their time
OUR_FAULT = "Internal Server Error"


def database_url() -> str:
    """Of the database that the test itself uses."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    return f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"


class Child:
    """A process that the nursery forked: we know its pid, and its log."""

    def __init__(self, name: str, pid: int, log: Path) -> None:
        self.name, self.pid, self.log = name, pid, log

    @property
    def lives(self) -> bool:
        with suppress(OSError):
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state not in "ZX"
        return False

    def send(self, number: int, *, group: bool = True) -> None:
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, number)

    def kill(self) -> None:
        """The whole of it, at once."""
        self.send(signal.SIGKILL)
        processes.until(lambda: not self.lives, 10, f"{self.name} is dead", every=0.005)

    def terminate(self, seconds: float = 60) -> float:
        """As a deployment does: SIGTERM to the main process; returns how long it took to finish."""
        self.send(signal.SIGTERM, group=False)
        return processes.until(lambda: not self.lives, seconds, f"{self.name} ends on SIGTERM")

    def pool(self) -> list[int]:
        """The processes in which a worker does its tasks."""
        return processes.children(self.pid)


class Web:
    """gunicorn, as the Dockerfile runs it, on a free port."""

    def __init__(
        self, env: dict[str, str], log: Path, *, workers: int = 2, options: tuple[str, ...] = ()
    ) -> None:
        self.port = processes.free_port()
        self.url, self.log = f"http://127.0.0.1:{self.port}", log
        command = [PYTHON, "-m", "gunicorn", "portal.wsgi:application", "--bind", f"127.0.0.1:{self.port}"]
        command += [
            "--worker-class",
            "gthread",
            "--workers",
            str(workers),
            "--threads",
            "4",
            "--timeout",
            "60",
        ]
        command += ["--worker-tmp-dir", "/dev/shm", "--graceful-timeout", "10"]
        self.process = processes.start([*command, *options], env=env, log=log)
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
        return processes.children(self.process.pid)

    def failures(self) -> str:
        """What it logged for each answer with 500, tracebacks included: to be told by the test that fails of it."""
        told, is_told = [], False
        for line in self.log.read_text(errors="replace").splitlines():
            is_told = OUR_FAULT in line or (is_told and line.startswith(" "))
            if is_told:
                told.append(line)
        return "\n".join(told)

    def stop(self, number: int = signal.SIGTERM) -> None:
        processes.kill(self.process, number)


class Installation:
    """Everything with which processes of an installation are started; stops them all at the end."""

    def __init__(self, folder: Path, *, aws: str, redis: str = "", database: str = "", **env: str) -> None:
        self.folder = folder
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CRASH_"))},
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DEPLOYMENT": "development",
            "DEMO": "false",
            "SECRET_KEY": settings.SECRET_KEY,
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "SECURE_COOKIES": "false",
            "EMAIL_URL": "dummymail://",
            "VAR_DIR": str(folder / "var"),
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
        (folder / "var").mkdir(exist_ok=True)
        self._nursery: subprocess.Popen[bytes] | None = None
        self._stops: list[Callable[[], object]] = []

    @property
    def is_embedded(self) -> bool:
        """Without Redis there is one process with a worker and a beat inside, as in the demo."""
        return not self.env["REDIS_URL"]

    def web(self, name: str = "web", *, workers: int = 2, options: tuple[str, ...] = (), **env: str) -> Web:
        web = Web({**self.env, **env}, self.log(name), workers=workers, options=options)
        self._stops.append(lambda: web.stop(signal.SIGKILL))
        return web

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

    def manage(self, *arguments: str, seconds: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
        command = [PYTHON, "manage.py", *arguments]
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

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
        if self._nursery is not None:
            processes.kill(self._nursery)
            self._nursery = None

    def _fork(self, kind: str, name: str, *arguments: str, **env: str) -> Child:
        log = self.log(name)
        asked = {"kind": kind, "name": name, "log": str(log), "env": env, "arguments": arguments}
        child = Child(name, self._ask(asked)["pid"], log)
        self._stops.append(child.kill)
        return child

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self._nursery is None:
            with self.log("nursery").open("ab") as log:
                self._nursery = subprocess.Popen(
                    [PYTHON, "-m", "tests.faults.rig.nursery"],
                    cwd=ROOT,
                    env=self.env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=processes.die_with_parent,
                )
            self._answer()
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(json.dumps(asked).encode() + b"\n")
        self._nursery.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._nursery is not None
        assert self._nursery.stdout is not None
        line = self._nursery.stdout.readline()
        assert line, f"The nursery ended: {processes.tail(self.log('nursery'))}"
        answer: dict[str, Any] = json.loads(line)
        return answer
