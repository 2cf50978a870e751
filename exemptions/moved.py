"""What differs between two revisions of an exemption, field by field and in words. Reads only."""

from datetime import date, datetime
from typing import Any

from exemptions.asked import CONTROL_KINDS, content_of
from exemptions.models import Exemption, Revision
from portal.governance.looks import Moved

FIELDS = {
    "kind": "Kind",
    "title": "Title",
    "ends_at": "Ends",
    "instances": "Instances",
    "patches": "Patches",
    "root_cause": "Why they cannot be patched",
    "reason": "What breaks",
    "tried": "What was tried",
    "fix_plan": "How it will be fixed",
    "fix_expected_on": "Fixed by",
    "exploited_override": "Why what is exploited may stay",
    "compensating_controls": "Compensating controls",
    "exposure": "Exposure",
    "data_class": "Data",
    "backup": "Reminded too",
    "conditions": "Conditions",
    "documents": "Documents",
}
CHOICES = {
    "kind": dict(Exemption.Kind.choices),
    "root_cause": dict(Exemption.RootCause.choices),
    "exposure": dict(Exemption.Exposure.choices),
    "data_class": dict(Exemption.DataClass.choices),
}


def moved_between(read: Revision, now: Revision) -> list[Moved]:
    """The fields that differ, in the order in which the page shows them."""
    before, after = content_of(read), content_of(now)
    return [
        Moved(label, _told(name, before.get(name)), _told(name, after.get(name)))
        for name, label in FIELDS.items()
        if before.get(name) != after.get(name)
    ]


def _told(name: str, value: Any) -> Any:
    if not value:
        return value
    if name == "compensating_controls" and not isinstance(value, str):
        return [_control(one) for one in value]
    if name in CHOICES:
        return CHOICES[name].get(value, value)
    if name == "ends_at":
        return datetime.fromisoformat(value)
    if name == "fix_expected_on":
        return date.fromisoformat(value)
    if name == "documents":
        return [one["name"] for one in value]
    return value


def _control(control: dict[str, Any]) -> str:
    """“Reachable from the bastion only (Network restriction, shown by acl.pdf until 2026-12-31)”."""
    kind = CONTROL_KINDS.get(control["kind"], control["kind"])
    shown = f", shown by {control['evidence']}" if control["evidence"] else ""
    until = f" until {control['valid_until']}" if control["valid_until"] else ""
    return f"{control['what']} ({kind}{shown}{until})"
