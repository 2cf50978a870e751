"""PostgreSQL and Redis of our own on free ports, to be killed at will.

``python -m tests.faults.rig.services COMMAND…`` runs a command with DATABASE_URL and REDIS_URL of such a pair.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import redis

from tests.faults.rig import processes

ROOT_USER = os.getuid() == 0


class Redis:
    """A redis-server without persistence, as docker-compose.yml runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, processes.free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port, socket_timeout=5)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [
            "redis-server",
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            ".",
        ]
        log = self.folder / "redis.log"
        self.process = processes.start(
            ["env", "-C", str(self.folder), *command], env=dict(os.environ), log=log
        )
        processes.until(self._answers, 10, "Redis answers")

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError, OSError):
            return bool(self.client.ping())
        return False

    def kill(self) -> None:
        if self.process is not None:
            processes.kill(self.process)
            self.process = None

    stop = kill


class Postgres:
    """A PostgreSQL cluster with fsync, as a crash must find it; run as the user postgres where we are root."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        assert found, "Install Debian's postgresql: its initdb is not under /usr/lib/postgresql."
        self.bin = found[-1].parent
        self.folder = Path(tempfile.mkdtemp(prefix="patchwarden-faults-"))
        self.port = processes.free_port()
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        self.folder.chmod(0o755)
        if ROOT_USER:
            shutil.chown(self.data, "postgres")
        self._run("initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres", "--no-sync")
        self.start()

    def url(self, name: str = "postgres", port: int | None = None) -> str:
        return f"postgres://postgres@127.0.0.1:{port or self.port}/{name}"

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self.data}"
        self._run("pg_ctl", "-D", str(self.data), "-o", options, "-l", str(self.data / "log"), "-w", "start")

    def restart(self) -> None:
        """As a crash would: every backend is killed, nothing is written out, recovery runs on start."""
        self._run(
            "pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "restart", "-l", str(self.data / "log")
        )

    def sql(self, *statements: str) -> None:
        with psycopg.connect(self.url(), autocommit=True, connect_timeout=5) as connection:
            for statement in statements:
                connection.execute(statement)

    def stop(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.bin / program), *arguments]
        if ROOT_USER:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60)


@contextlib.contextmanager
def both() -> Iterator[dict[str, str]]:
    """The environment that leads to a pair of them."""
    with tempfile.TemporaryDirectory() as folder:
        server, broker = Postgres(), Redis(Path(folder))
        try:
            server.sql("CREATE DATABASE faults")
            yield {"DATABASE_URL": server.url("faults"), "REDIS_URL": broker.url}
        finally:
            broker.stop()
            server.stop()


def main() -> None:
    with both() as urls:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        raise SystemExit(subprocess.run(sys.argv[1:], env={**os.environ, **urls}, check=False).returncode)


if __name__ == "__main__":
    main()
