"""What a test holds of processes that were forked for it: the nursery that forks them, and each by its pid."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.faults.rig import processes
from tests.faults.rig.processes import PYTHON, ROOT


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


class Nursery:
    """The process in which houses are forked; see rig/nursery.py. One serves all installations of a run."""

    def __init__(self, log: Path, **env: str) -> None:
        self.log = log
        self._houses: dict[frozenset[tuple[str, str]], str] = {}
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [PYTHON, "-m", "tests.faults.rig.nursery"],
                cwd=ROOT,
                env={**os.environ, **env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                start_new_session=True,
                preexec_fn=processes.die_with_parent,
                text=True,
            )

    def house(self, env: dict[str, str]) -> str:
        """The house that stands by this environment; installations that ask for the same share it."""
        known = frozenset(env.items())
        if known not in self._houses:
            self._houses[known] = name = f"house-{len(self._houses)}"
            self.ask(name, env=env)
        return self._houses[known]

    def ask(self, house: str, **asked: Any) -> int:
        """The pid of whom it forked."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"house": house, **asked}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"The nursery ended: {processes.tail(self.log)}"
        pid: int = json.loads(line)["pid"]
        return pid

    def stop(self) -> None:
        processes.kill(self._process)
