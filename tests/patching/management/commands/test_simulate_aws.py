import os
import signal
import socket
import subprocess
import sys
import threading
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.management import CommandError, call_command

PLACE = {"region_name": "eu-central-1", "aws_access_key_id": "AKIAHUB", "aws_secret_access_key": "hub"}
WINDOW = {"Schedule": "rate(7 days)", "Duration": 2, "Cutoff": 0, "AllowUnassociatedTargets": False}


@pytest.fixture
def simulator(tmp_path):
    """Start it as a child, `simulator()`, and give its process and a boto3 client of the hub account."""
    started = []

    def start(*options, stdin=subprocess.DEVNULL):
        command = [
            sys.executable,
            "manage.py",
            "simulate_aws",
            "--port",
            "0",
            "--state",
            str(tmp_path),
            *options,
        ]
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True)
        started.append(process)
        url = process.stdout.readline().split()[-1]
        config = Config(retries={"total_max_attempts": 1})
        return process, boto3.client("ssm", endpoint_url=url, config=config, **PLACE)

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_taken_port_is_told_and_nothing_starts():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} is taken") as refused:
            call_command("simulate_aws", port=port, fleet="empty")
    assert refused.value.returncode == 2


def test_a_start_that_is_no_time_is_told():
    with pytest.raises(CommandError, match="--start-at") as refused:
        call_command("simulate_aws", port=0, start_at="yesterday")
    assert refused.value.returncode == 2


def test_a_variant_that_there_is_not_is_told():
    with pytest.raises(CommandError, match="--variant colour=red: There is no variant colour"):
        call_command("simulate_aws", port=0, fleet="empty", variant=["colour=red"])


@pytest.mark.slow
def test_a_variant_of_the_command_line_outlives_a_reset(simulator):
    process, ssm = simulator("--fleet", "empty", "--variant", "unknown-window=does-not-exist")
    url = ssm.meta.endpoint_url
    urlopen(Request(f"{url}/_sim/reset", data=b"{}")).close()

    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.delete_maintenance_window(WindowId="mw-0123456789abcdef0")


@pytest.mark.slow
def test_it_ends_with_its_parent_and_remembers(simulator):
    process, ssm = simulator("--fleet", "empty", "--exit-with-parent", stdin=subprocess.PIPE)
    window_id = ssm.create_maintenance_window(Name="kept", **WINDOW)["WindowId"]

    process.stdin.close()
    assert process.wait(timeout=10) == 0

    process, ssm = simulator()
    assert ssm.get_maintenance_window(WindowId=window_id)["Name"] == "kept"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


@pytest.mark.slow
def test_killed_in_the_middle_it_has_everything_that_it_answered(simulator):
    process, ssm = simulator("--fleet", "empty")
    answered = []

    enough = threading.Event()

    def keep_calling():
        try:
            for number in range(50):
                answered.append(ssm.create_patch_baseline(Name=f"baseline-{number}")["BaselineId"])
                if number == 10:
                    enough.set()
        except BotoCoreError:
            pass

    caller = threading.Thread(target=keep_calling)
    caller.start()
    assert enough.wait(timeout=30)
    os.kill(process.pid, signal.SIGKILL)
    caller.join()

    _, ssm = simulator()
    filters = [{"Key": "OWNER", "Values": ["Self"]}]
    kept = ssm.describe_patch_baselines(Filters=filters, MaxResults=100)["BaselineIdentities"]
    assert set(answered) <= {one["BaselineId"] for one in kept}
    assert len(kept) <= len(answered) + 1
