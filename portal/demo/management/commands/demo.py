"""Run the whole demo in one process and one child, until told to stop or until its parent is gone."""

import fcntl
import os
import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.celery import app as celery
from portal.demo import company, environment, history, parts, passing_time, simulator, token_file
from portal.demo.parts import CannotStart
from portal.demo.simulator import SimulatorSilent
from portal.demo.tasks import keep_time

KEPT_AT_RESET = {"lock", "secret_key"}
KEEP_TIME_SECONDS = 5.0
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Command(BaseCommand):
    help = "Run the demo: portal, workers and a simulated AWS. Start it with `make demo`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--exit-with-parent", action="store_true", help="stop when the caller is gone")

    def handle(self, *args: Any, **options: Any) -> None:
        self.parent = os.getppid() if options["exit_with_parent"] else None
        for number in STOPPING:
            signal.signal(number, _leave)
        with ExitStack() as house:
            try:
                self._build(house)
                self.stdout.write(f"Patchwarden is ready at {self.web.url}")
                self.stdout.flush()
                self._watch()
            except CannotStart as problem:
                raise CommandError(str(problem), returncode=2) from None
            finally:
                # a second Ctrl-C must not leave half of the house standing
                _ignore_signals()

    def _build(self, house: ExitStack) -> None:
        """Everything in the order in which it is needed; it is torn down the other way round."""
        state = Path(settings.VAR_DIR)
        house.enter_context(_only_demo_of(state))
        port, aws_port = environment.port(), environment.aws_port()
        parts.raise_unless_free(port, "DEMO_PORT")
        parts.raise_unless_free(aws_port, "DEMO_AWS_PORT")
        if os.environ.get("RESET", "") not in ("", "0"):
            _empty(state)
        self.aws = parts.SimulatedAws(aws_port, state / "aws")
        house.callback(self.aws.stop)
        call_command("migrate", verbosity=0, interactive=False)
        self.aws.wait()
        passing_time.resume()
        if not company.is_founded():
            company.found(simulator.accounts())
            history.write()
        if not token_file.is_valid(state / "tokens.json"):
            token_file.write(state / "tokens.json")
        house.callback(self._save_the_time)
        celery.conf.beat_schedule["let time pass in the simulated AWS"] = {
            "task": keep_time.name,
            "schedule": KEEP_TIME_SECONDS,
        }
        house.callback(parts.Worker(celery).stop)
        house.callback(parts.Beat(celery).stop)
        self.web = parts.Web(port)
        house.callback(self.web.stop)
        self.web.wait()

    def _watch(self) -> None:
        while self.parent in (None, os.getppid()):
            time.sleep(0.5)
            if self.aws.has_died:
                raise CommandError("The simulated AWS has stopped, so the demo stops too.")

    def _save_the_time(self) -> None:
        """The simulated AWS remembers what time it is; the next start takes up from there."""
        try:
            passing_time.keep_together()
        except SimulatorSilent:
            self.stderr.write("The simulated AWS was gone before the clocks could be brought together.")


def _leave(number: int, frame: Any) -> None:
    raise SystemExit(0)


def _ignore_signals() -> None:
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


def _only_demo_of(state: Path) -> TextIO:
    """Hold the state directory; raises CannotStart when another demo lives in it."""
    file = open(state / "lock", "w")  # noqa: SIM115 - held as long as the demo runs
    deadline = time.monotonic() + parts.PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.close()
                raise CannotStart(f"Another demo runs on {state}. Stop it first.") from None
            time.sleep(parts.SETTLE)
        else:
            return file


def _empty(state: Path) -> None:
    for path in state.iterdir():
        if path.name in KEPT_AT_RESET:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
