"""Run the simulated AWS: `manage.py simulate_aws --port 8001 --state var/aws`. For demo and tests, never production."""

import errno
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from patching.simulator import beginning, catalogue
from patching.simulator.server import Front, Server
from patching.simulator.simulation import Simulation
from patching.simulator.store import Store


class Command(BaseCommand):
    help = "Run the simulated AWS on 127.0.0.1. Its clock stands still until POST /_sim/advance moves it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8001)
        parser.add_argument(
            "--state", type=Path, help="directory that keeps the state; without it, memory only"
        )
        parser.add_argument("--fleet", choices=beginning.FLEETS, default="demo", help="for a new state")
        parser.add_argument("--start-at", help="ISO 8601 time at which a new state starts")
        parser.add_argument("--exit-with-parent", action="store_true", help="stop when standard input ends")

    def handle(self, *args: Any, **options: Any) -> None:
        simulation = self._simulation(options)
        try:
            server = Server(Front(simulation, beginning.fresh_world), options["port"])
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE:
                raise
            raise CommandError(
                f"Port {options['port']} is taken. Choose another with --port.", returncode=2
            ) from None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.stop).start())
        if options["exit_with_parent"]:
            threading.Thread(target=self._stop_at_end_of_input, args=(server,), daemon=True).start()
        self.stdout.write(f"The simulated AWS is ready at {server.url}")
        self.stdout.flush()
        server.serve()
        with simulation.lock:
            if simulation.store is not None:
                simulation.store.close()

    def _simulation(self, options: dict[str, Any]) -> Simulation:
        asked = {"fleet": options["fleet"], "start_at": options["start_at"]}
        store = Store(options["state"]) if options["state"] else None
        world = store.load() if store else None
        try:
            simulation = Simulation(world or beginning.fresh_world(asked), store, catalogue.load)
        except ValueError as problem:
            raise CommandError(f"--start-at: {problem}", returncode=2) from None
        simulation.save()
        return simulation

    @staticmethod
    def _stop_at_end_of_input(server: Server) -> None:
        """The parent holds the other end of the pipe; when it dies, however it dies, the pipe ends."""
        while os.read(sys.stdin.fileno(), 4096):
            pass
        server.stop()
