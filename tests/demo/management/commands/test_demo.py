"""The demo as a visitor starts it: one process and one child, and nobody left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).resolve().parents[4]
pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Demo:
    """A demo of its own state and ports, as `make demo` starts it."""

    def __init__(self, var: Path) -> None:
        self.var, self.port, self.aws_port = var, free_port(), free_port()
        self.process = None

    def start(self, **environment: str) -> str:
        own = {"VAR_DIR": str(self.var), "DEMO_PORT": str(self.port), "DEMO_AWS_PORT": str(self.aws_port)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "portal.demo", "--exit-with-parent"],
            cwd=ROOT,
            env={**os.environ, **own, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self.process.stdout.readline().strip()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode

    def tokens(self) -> dict[str, str]:
        return json.loads((self.var / "demo" / "tokens.json").read_text())

    def call(self, path: str, body: dict | None = None, token: str = "") -> dict:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        with urlopen(Request(f"http://127.0.0.1:{self.port}{path}", data, headers), timeout=60) as reply:
            return json.load(reply)

    def aws_clock(self) -> datetime:
        with urlopen(f"http://127.0.0.1:{self.aws_port}/_sim/clock", timeout=10) as reply:
            return datetime.fromisoformat(json.load(reply)["now"])

    def aws_is_gone(self, within: float = 15) -> bool:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.aws_port)) != 0:
                    return True
            time.sleep(0.1)
        return False


@pytest.fixture
def demo(tmp_path):
    demo = Demo(tmp_path)
    yield demo
    if demo.process and demo.process.poll() is None:
        demo.process.kill()
        demo.process.communicate()


def test_a_demo_starts_lets_time_pass_and_takes_up_where_it_was(demo):
    assert demo.start() == f"Patchwarden is ready at http://127.0.0.1:{demo.port}"
    ready = demo.call("/readyz")
    assert (ready["ready"], ready["problem"]) == (True, "")
    tokens = demo.tokens()
    assert (demo.var / "demo" / "tokens.json").stat().st_mode & 0o777 == 0o600
    assert (demo.var / "demo" / "secret_key").stat().st_mode & 0o777 == 0o600
    before = demo.aws_clock()

    now = demo.call("/api/v1/demo/advance", {"by": 3600}, tokens["rita"])["now"]

    there = demo.aws_clock()
    assert there - before >= timedelta(hours=1)
    assert abs(datetime.fromisoformat(now) - there) < timedelta(seconds=30)
    assert demo.stop(signal.SIGINT) == 0
    assert demo.aws_is_gone()

    demo.start()
    assert demo.tokens() == tokens
    assert timedelta(0) <= demo.aws_clock() - there < timedelta(minutes=2)
    assert demo.stop() == 0


def test_nobody_is_left_when_the_demo_is_killed_and_reset_starts_afresh(demo):
    demo.start()
    tokens = demo.tokens()
    demo.stop(signal.SIGKILL)
    assert demo.aws_is_gone()

    demo.start(RESET="1")

    assert demo.tokens() != tokens
    assert demo.stop() == 0


@pytest.mark.parametrize("which", ["port", "aws_port"])
def test_a_taken_port_is_named_with_the_way_out(demo, which):
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", getattr(demo, which)))
        squatter.listen()
        demo.start()
        _, problem = demo.process.communicate(timeout=30)

    assert demo.process.returncode == 2
    assert f"Port {getattr(demo, which)} is taken." in problem
    assert {"port": "DEMO_PORT=", "aws_port": "DEMO_AWS_PORT="}[which] in problem
