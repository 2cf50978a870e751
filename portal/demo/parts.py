"""The parts of a running demo: the simulated AWS as a child process; web, worker and beat as threads of this one."""

import logging
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from celery import Celery
from celery.beat import EmbeddedService
from celery.worker import state as worker_state
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

from portal.demo import simulator
from portal.demo.environment import BASE_DIR, LOOPBACK
from portal.demo.simulator import SimulatorSilent
from portal.wsgi import application

# so that a port or a lock freed by a demo that is just going away is not mistaken for a taken one
PATIENCE = 5.0
SETTLE = 0.1


class CannotStart(Exception):
    """The demo cannot run here; the message says why and what to do."""


def raise_unless_free(port: int, variable: str) -> None:
    """Wait a moment for a port; raises CannotStart when somebody keeps it."""
    deadline = time.monotonic() + PATIENCE
    while not _is_free(port):
        if time.monotonic() > deadline:
            raise CannotStart(
                f"Port {port} is taken. Stop what listens there, or choose another: make demo {variable}={port + 10}"
            )
        time.sleep(SETTLE)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class SimulatedAws:
    """A child that lives no longer than we do: it ends when its standard input does, however we go."""

    def __init__(self, port: int, state: Path) -> None:
        # without Django, which it has no use for
        command = [sys.executable, "-m", "patching.simulator", "--exit-with-parent"]
        self.process = subprocess.Popen(  # noqa: S603 - our own command, two numbers and a path
            [*command, "--port", str(port), "--state", str(state)],
            cwd=BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            # Ctrl-C is for us: the child answers until we have stopped asking
            start_new_session=True,
        )

    @property
    def has_died(self) -> bool:
        return self.process.poll() is not None

    def wait(self, seconds: float = 60) -> None:
        """Until it answers; raises CannotStart when it dies or stays silent."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.has_died:
            try:
                simulator.clock()
            except SimulatorSilent:
                time.sleep(SETTLE)
            else:
                return
        raise CannotStart("The simulated AWS did not start; what it says stands above.")

    def stop(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Server(ThreadedWSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Web:
    """The same WSGI application as in production, one thread a connection, on loopback only."""

    def __init__(self, port: int) -> None:
        logging.getLogger("django.server").setLevel(logging.ERROR)
        self.url = f"http://{LOOPBACK}:{port}"
        self.server = Server((LOOPBACK, port), WSGIRequestHandler)
        self.server.set_app(application)
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(SETTLE,), name="web", daemon=True
        )
        self.thread.start()

    def wait(self, seconds: float = 30) -> None:
        """Until the sign-in page answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with urlopen(f"{self.url}/accounts/login/", timeout=10) as page:  # noqa: S310 - our own loopback
                    if page.status == 200:
                        return
            except (URLError, OSError):
                time.sleep(SETTLE)
        raise CannotStart("The first page does not answer; what went wrong stands above.")

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)


class Worker:
    """Celery's worker as a thread: the in-memory broker reaches no other process."""

    def __init__(self, app: Celery) -> None:
        self.worker = app.Worker(
            pool="threads",
            concurrency=2,
            loglevel="WARNING",
            quiet=True,
            redirect_stdouts=False,
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
        )
        self.thread = threading.Thread(target=self.worker.start, name="worker", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        worker_state.should_stop = 0
        self.thread.join(timeout=10)


class Beat:
    """Celery's beat as a thread, with its schedule in memory: what is due says the database."""

    def __init__(self, app: Celery) -> None:
        self.thread = EmbeddedService(app, thread=True, scheduler_cls="celery.beat:Scheduler")
        self.thread.start()

    def stop(self) -> None:
        self.thread.stop()
