"""The simulated AWS from a command line: `python -m patching.simulator`, and `manage.py simulate_aws` alike.

Nothing here or below knows Django, which would cost a running simulator half as much memory again.
"""

import argparse
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from patching.simulator import beginning, catalogue, snapshot, syncing
from patching.simulator.server import Front, Server
from patching.simulator.simulation import Simulation
from patching.simulator.state import World
from patching.simulator.store import Store

DESCRIPTION = "Run the simulated AWS on 127.0.0.1. Its clock stands still until POST /_sim/advance moves it."


class CannotRunError(Exception):
    """What was asked for cannot be done; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--state", type=Path, help="directory that keeps the state; without it, memory only")
    parser.add_argument(
        "--fleet", default="demo", help="for a new state: demo, empty, or how many instances, such as 10000"
    )
    parser.add_argument("--start-at", help="ISO 8601 time at which a new state starts")
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="NAME=CHOICE",
        help="where AWS does not say: unknown-window=does-not-exist, list-lag=5, …; may be repeated",
    )
    parser.add_argument("--load", type=Path, metavar="FILE", help="begin with a world that --save wrote")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the world to a file and end")
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when standard input ends")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop. Returns the status: 2 where it could not start."""
    parser = argparse.ArgumentParser(prog="python -m patching.simulator")
    add_arguments(parser)
    try:
        run(parser.parse_args(arguments), say=lambda line: print(line, flush=True))  # noqa: T201 - a command
    except CannotRunError as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - a command
        return 2
    return 0


def run(options: argparse.Namespace, say: Callable[[str], object]) -> None:
    """Do what the options say. Raises CannotRunError."""
    simulation = _simulation(options)
    try:
        if options.save:
            snapshot.write(simulation.world, options.save)
            say(f"The world of {simulation.world.now:%Y-%m-%d %H:%M} UTC is in {options.save}.")
        else:
            _serve(simulation, options, say)
    finally:
        with simulation.lock:
            if simulation.store is not None:
                simulation.store.close()


def _serve(simulation: Simulation, options: argparse.Namespace, say: Callable[[str], object]) -> None:
    try:
        server = Server(Front(simulation, lambda asked: _fresh_world(options, asked)), options.port)
    except OSError as problem:
        if problem.errno != errno.EADDRINUSE:
            raise
        raise CannotRunError(f"Port {options.port} is taken. Choose another with --port.") from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.stop).start())
    if simulation.store is not None:
        simulation.store.tidy()
    if options.exit_with_parent:
        threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    syncing.fill_again(simulation.world)
    say(f"The simulated AWS is ready at {server.url}")
    server.serve()


def _simulation(options: argparse.Namespace) -> Simulation:
    store = Store(options.state) if options.state else None
    simulation = Simulation(_world(options, store), store, catalogue.load)
    _choose(simulation.world, options.variant)
    simulation.save()
    return simulation


def _fresh_world(options: argparse.Namespace, asked: dict[str, Any]) -> World:
    """A world to begin again with, the variants of the command line in it."""
    world = beginning.fresh_world(asked)
    _choose(world, options.variant)
    return world


def _choose(world: World, variants: Sequence[str]) -> None:
    for one in variants:
        name, _, choice = one.partition("=")
        try:
            world.controls.choose(name, choice)
        except ValueError as problem:
            raise CannotRunError(f"--variant {one}: {problem}") from None


def _world(options: argparse.Namespace, store: Store | None) -> World:
    """What is kept goes first; a file to load is for a new state only, so that nothing kept is lost."""
    kept = store.load() if store else None
    if kept is not None and options.load:
        raise CannotRunError(f"--load: {options.state} holds a state already. Choose another directory.")
    if kept is not None:
        return kept
    try:
        if options.load:
            return snapshot.read(options.load)
        return beginning.fresh_world({"fleet": options.fleet, "start_at": options.start_at})
    except (OSError, ValueError) as problem:
        given = next((name for name in ("load", "start_at") if getattr(options, name)), "fleet")
        raise CannotRunError(f"--{given.replace('_', '-')}: {problem}") from None


def _stop_at_end_of_input(server: Server) -> None:
    """The parent holds the other end of the pipe; when it dies, however it dies, the pipe ends."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.stop()
