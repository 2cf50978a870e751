"""Read inventory and compliance of one account-region: `manage.py pull 211125483017/eu-central-1`."""

from typing import Any

from patching import pull
from patching.management.answering import cannot_run
from patching.management.placing import PlaceCommand, named_place, reaching_aws


class Command(PlaceCommand):
    help = (
        "Read one account-region now. Status 1 when something in it is doubtful, 2 when it could not be read."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        place = named_place(options["place"])
        with reaching_aws():
            run = pull.pull(place)
        doubtful = run.error_code in pull.WORTH_A_LOOK
        if run.error and not doubtful:
            raise cannot_run(run.error)
        document = {
            "account_region": str(place),
            "run": run.pk,
            "instances": run.instances,
            "new_scans": run.new_scans,
            "error_code": run.error_code,
            "error": run.error,
        }
        lines = [f"{run}: {run.instances} instances, {run.new_scans} new scans.", *run.error.splitlines()]
        self.answer(document, lines, as_json=options["json"], findings=doubtful)
