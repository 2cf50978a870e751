"""``python -m tests.faults.rig.nursery``: forks workers that have everything imported, so that a kill costs little.

Reads one JSON line a child from standard input: ``{"kind": one of KINDS, "name", "log", "env", "arguments"}``; answers
with its pid. Whatever was started dies with it.
"""

import json
import os
import signal
import sys
from typing import Any

import django

django.setup()

from botocore import loaders  # noqa: E402
from celery import Celery  # noqa: E402
from django.core.management import call_command  # noqa: E402

from patching.aws import session  # noqa: E402
from portal.celery import app  # noqa: E402
from portal.demo import parts  # noqa: E402
from tests.faults.rig import writer  # noqa: E402
from tests.faults.rig.processes import die_with_parent  # noqa: E402

KINDS = ("worker", "beat", "embedded", "push", "write")


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a child ended
    _warm_up(app)
    print(json.dumps({"ready": os.getpid()}), flush=True)  # noqa: T201 - this is the protocol
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["kind"] not in KINDS:
            raise SystemExit(f"There is no {asked['kind']}; ask for one of {', '.join(KINDS)}.")
        pid = os.fork()
        if not pid:
            _become(asked)
        print(json.dumps({"pid": pid}), flush=True)  # noqa: T201


def _warm_up(celery: Celery) -> None:
    celery.loader.import_default_modules()
    loader: loaders.Loader = session._descriptions
    for service in ("sts", "ssm", "ec2", "scheduler"):
        loader.load_service_model(service, "service-2")
        loader.load_service_model(service, "endpoint-rule-set-1")


def _become(asked: dict[str, Any]) -> None:
    """Never returns."""
    os.setsid()
    die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(asked.get("env", {}))
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((0, nothing), (1, log), (2, log)):
        os.dup2(number and log or target, number)
    status = 1
    try:
        status = _work(asked) or 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the log is all that is left of it
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _work(asked: dict[str, Any]) -> int | None:
    arguments = asked.get("arguments", [])
    if asked["kind"] == "worker":
        quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        app.worker_main(
            ["worker", "--hostname", f"{asked['name']}@%h", "--concurrency", "1", *quiet, *arguments]
        )
    elif asked["kind"] == "beat":
        scheduler = ["--scheduler", "celery.beat:Scheduler", "--pidfile="]
        app.start(["beat", "--loglevel", "INFO", *(arguments or scheduler)])
    elif asked["kind"] == "embedded":
        worker, _beat = parts.Worker(app), parts.Beat(app)
        worker.thread.join()
    elif asked["kind"] == "write":
        writer.draft(asked["name"], *arguments)
    else:
        call_command("push", *arguments)
    return None


if __name__ == "__main__":
    main()
