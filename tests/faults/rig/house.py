"""The parent of an installation's processes: Django stands by this environment, and a child is one fork away.

Reads one JSON line a child: ``{"kind": one of KINDS, "name", "log", "arguments", "more"}``; answers with its pid.
``more`` is what this child alone has in its environment; settings that were read stay as they are.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from typing import IO, Any

import django

django.setup()

from botocore import loaders  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils.module_loading import import_string  # noqa: E402

from patching.aws import session  # noqa: E402
from portal.celery import app  # noqa: E402
from tests.faults.rig.processes import die_with_parent  # noqa: E402


def live(line: IO[str]) -> None:
    """Fork what is asked for until nobody asks any more."""
    for asked in line:
        wanted = json.loads(asked)
        work = KINDS[wanted["kind"]]
        _warm_up(wanted["kind"] == "web")
        pid = os.fork()
        if not pid:
            _become(work, wanted)
        line.write(json.dumps({"pid": pid}) + "\n")
        line.flush()


@cache
def _warm_up(is_web: bool) -> None:
    """Once for all children: what they import and read before they can begin."""
    if is_web:
        import_string("portal.wsgi.application")
        import_string("portal.urls.urlpatterns")
        return
    app.loader.import_default_modules()
    loader: loaders.Loader = session._descriptions
    for service in ("sts", "ssm", "ec2", "scheduler"):
        loader.load_service_model(service, "service-2")
        loader.load_service_model(service, "endpoint-rule-set-1")


def _become(work: Callable[..., object], wanted: dict[str, Any]) -> None:
    """Never returns."""
    os.setsid()
    die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(wanted["more"])
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((0, nothing), (1, log), (2, log)):
        os.dup2(target, number)
    status = 1
    try:
        work(wanted["name"], *wanted["arguments"])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the log is all that is left of it
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _web(_: str, *arguments: str) -> None:
    sys.argv = ["gunicorn", *arguments]
    import_string("gunicorn.app.wsgiapp.run")()


def _worker(name: str, *arguments: str) -> None:
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    app.worker_main(["worker", "--hostname", f"{name}@%h", "--concurrency", "1", *quiet, *arguments])


def _beat(_: str, *arguments: str) -> None:
    scheduler = ["--scheduler", "celery.beat:Scheduler", "--pidfile="]
    app.start(["beat", "--loglevel", "INFO", *(arguments or scheduler)])


def _embedded(*_: str) -> None:
    """A worker and a beat as threads of one process, as in the demo."""
    worker, _beat = (import_string(f"portal.demo.parts.{part}")(app) for part in ("Worker", "Beat"))
    worker.thread.join()


def _push(_: str, *arguments: str) -> None:
    call_command("push", *arguments)


def _write(name: str, number: str) -> None:
    import_string("tests.faults.rig.writer.draft")(name, number)


KINDS: dict[str, Callable[..., object]] = {
    "web": _web,
    "worker": _worker,
    "beat": _beat,
    "embedded": _embedded,
    "push": _push,
    "write": _write,
}
