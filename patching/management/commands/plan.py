"""What a push would do now: `manage.py plan 211125483017/eu-central-1`. Writes nothing."""

from collections.abc import Iterable
from typing import Any

from patching import push
from patching.management.placing import PlaceCommand, named_place, reaching_aws
from patching.plan import Note, Plan, Step


class Command(PlaceCommand):
    help = "Show what a push of one account-region would do now. Status 1 when there is something to do."

    def handle(self, *args: Any, **options: Any) -> None:
        place = named_place(options["place"])
        with reaching_aws():
            planned = push.preview(place)
        document = {
            "account_region": str(place),
            "digest": planned.digest,
            "refusal": planned.refusal,
            "steps": [step.as_plain() for step in planned.steps],
            "blocked": _notes(planned.blocked),
            "waiting": _notes(planned.waiting),
            "orphans": _notes(planned.orphans),
            "twins": _notes(planned.twins),
        }
        findings = bool(planned.steps or planned.blocked or planned.waiting or planned.twins)
        self.answer(document, list(_lines(planned)), as_json=options["json"], findings=findings)


def _notes(notes: Iterable[Note]) -> list[dict[str, str]]:
    return [
        {"kind": note.key.kind, "label": note.label, "aws_id": note.aws_id, "reason": note.reason}
        for note in notes
    ]


def _lines(planned: Plan) -> Iterable[str]:
    if not planned.steps:
        yield "Nothing to do."
    for step in planned.steps:
        yield _line(step)
        for change in step.changes if step.action == "update" else ():
            yield f"    {change.field}: {change.live or '(nothing)'} → {change.desired or '(nothing)'}"
    told = (
        ("cannot be done", planned.blocked),
        ("waits", planned.waiting),
        ("is nobody's", planned.orphans),
        ("is there twice", planned.twins),
    )
    for word, notes in told:
        for note in notes:
            yield f"{note.key.kind} {note.label} {word}: {note.reason}"
    if planned.refusal:
        yield f"Refused: {planned.refusal}"


def _line(step: Step) -> str:
    return f"{step.action:8}{step.key.kind:13}{step.label}  ({step.reason})"
