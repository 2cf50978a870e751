"""Make one account-region what was approved: `manage.py push 211125483017/eu-central-1`."""

from typing import Any

from patching import push, turns
from patching.management.answering import cannot_run
from patching.management.placing import PlaceCommand, named_place, reaching_aws
from patching.models import Operation, PushRun

State = PushRun.State


class Command(PlaceCommand):
    help = "Push one account-region now. Status 1 when not everything is as approved, 2 when AWS let nothing be done."

    def handle(self, *args: Any, **options: Any) -> None:
        place = named_place(options["place"])
        turns.want(place, by_hand=True)
        place.refresh_from_db()
        with reaching_aws():
            run = push.push(place, trigger="command line")
        if run is None:
            raise cannot_run(f"{place} is being pushed by another worker just now. Try again in a while.")
        document = {
            "account_region": str(place),
            "run": run.pk,
            "state": run.state,
            "writes": run.writes,
            "error_code": run.error_code,
            "error": run.error,
            "plan": run.plan,
        }
        refused = run.operations.filter(state=Operation.State.FAILED).select_related("resource")
        lines = [
            f"{run}: {run.get_state_display()}, {run.writes} writes.",
            *([run.error] if run.error else []),
            *(f"{one.resource.label}: {one.error}" for one in refused),
        ]
        findings = run.state in (State.PARTIAL, State.REFUSED)
        self.answer(document, lines, as_json=options["json"], findings=findings)
        if run.state != State.SUCCEEDED:
            raise cannot_run(run.error or f"{run} did not come to an end.")
