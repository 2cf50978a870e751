"""What was true of an exemption's instances when it was approved, and what no longer is. Reads only."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage

from exemptions import exploited
from exemptions.asked import Control, content_of, groups_of, windows_of
from exemptions.models import Exemption, Review
from patching.models import MaintenanceWindow, ManagedInstance, PatchGroup
from patching.words import counted, listed
from portal.governance import clock, roles
from portal.governance.canonical import digest

Cause = Review.Cause
NAMED = 3
NONE = "none"
WORDS = {
    "application": (Cause.OWNER, "application"),
    "environment": (Cause.ENVIRONMENT, "environment"),
    "exposure": (Cause.EXPOSURE, "exposure"),
}


class Change(NamedTuple):
    """One thing that is no longer as it was; ``key`` stays the same as long as the change does."""

    cause: str
    key: str
    text: str


def facts_of(exemption: Exemption) -> dict[str, Any]:
    """What ``changes_of`` compares with later: of each instance, and the windows or groups it refers to."""
    instances = _instances(exemption)
    exclusion = exemption.kind == Exemption.Kind.PATCH_EXCLUSION
    rows: Mapping[int, Any] = groups_of(instances) if exclusion else windows_of(instances)
    return {
        "instances": {str(one.pk): _fact(one) for one in instances},
        "rows": {str(row.uid): {"name": row.name, "revision": row.revision_id} for row in rows.values()},
        "exploited": [one.cve.cve for one in exploited.of(exemption)],
        "fixes": [ref for ref, _ in exploited.fixes_of(exemption)],
    }


def changes_of(exemption: Exemption) -> Iterator[Change]:
    """What has changed under it since its approval, or who has left, or which evidence has lapsed."""
    if exemption.approved_facts:
        yield from _moved(exemption)
        yield from _rows_changed(exemption)
        yield from _catalogue_changed(exemption)
    owner = exemption.requested_by
    if not roles.is_member(owner, exemption.team):
        left = f"is no longer in {exemption.team}" if owner.is_active else "has left"
        yield Change(Cause.LEFT, str(owner.pk), f"{owner}, who asked for it, {left}.")
    yield from _evidence_lapsed(exemption)


def _instances(exemption: Exemption) -> list[ManagedInstance]:
    joined = "application", "environment", "account_region__account"
    return list(exemption.instances.select_related(*joined).order_by("name", "pk"))


def _fact(instance: ManagedInstance) -> dict[str, str]:
    return {
        "application": instance.application.slug if instance.application else "",
        "environment": instance.environment.slug if instance.environment else "",
        "exposure": str(instance.tags.get(settings.EXEMPTION_EXPOSURE_TAG, "")),
    }


def _moved(exemption: Exemption) -> Iterator[Change]:
    """Instances whose application, environment or exposure is another one, told together where alike."""
    before = exemption.approved_facts["instances"]
    known = [(one, before[str(one.pk)]) for one in _instances(exemption) if str(one.pk) in before]
    for field, (cause, word) in WORDS.items():
        moved = [
            (was[field], _fact(one)[field], one) for one, was in known if _fact(one)[field] != was[field]
        ]
        for (was, now), alike in groupby(sorted(moved, key=_move), key=_move):
            instances = [one for _, _, one in alike]
            text = f"{_named(instances)} changed {word} from {was or NONE} to {now or NONE}."
            yield Change(cause, _key(was, now, *(one.pk for one in instances)), text)


def _move(one: tuple[str, str, ManagedInstance]) -> tuple[str, str]:
    return one[0], one[1]


def _rows_changed(exemption: Exemption) -> Iterator[Change]:
    """Windows of a deferral, or groups of an exclusion, that were decided anew or retired."""
    exclusion = exemption.kind == Exemption.Kind.PATCH_EXCLUSION
    model: Any = PatchGroup if exclusion else MaintenanceWindow
    cause, word = (Cause.GROUP, "patch group") if exclusion else (Cause.WINDOW, "window")
    before = exemption.approved_facts["rows"]
    for row in model.objects.filter(uid__in=before).select_related("revision").order_by("name"):
        was = before[str(row.uid)]
        if row.retired_at is not None:
            yield Change(cause, f"{row.uid}:retired", f"The {word} {was['name']} was taken away.")
        elif row.revision_id != was["revision"]:
            text = f"The {word} {was['name']} was changed by CR-{row.revision.request_id}."
            yield Change(cause, f"{row.uid}:{row.revision_id}", text)


def _catalogue_changed(exemption: Exemption) -> Iterator[Change]:
    """What became known to be exploited under it, and what replaces a patch that it leaves off."""
    known = set(exemption.approved_facts.get("exploited", ()))
    for one in exploited.of(exemption):
        if one.cve.cve not in known:
            text = f"{one} is known to be exploited since {one.cve.exploited_on:%d %b %Y}, and stays open under it."
            yield Change(Cause.CATALOGUE, f"exploited:{one.cve.cve}", text)
    before = set(exemption.approved_facts.get("fixes", ()))
    for ref, text in exploited.fixes_of(exemption) if "fixes" in exemption.approved_facts else ():
        if ref not in before:
            yield Change(Cause.CATALOGUE, f"fix:{digest(ref)[:32]}", f"A fix appeared: {text}")


def _evidence_lapsed(exemption: Exemption) -> Iterator[Change]:
    today = f"{clock.now():%Y-%m-%d}"
    stored = {one.name: one.file.name for one in exemption.documents.all()}
    said = content_of(exemption.current)["compensating_controls"] if exemption.current else []
    for number, control in enumerate((Control(**one) for one in said), start=1):
        if control.valid_until and control.valid_until < today:
            text = f"{_control(number, control)} was shown to hold until {control.valid_until}, which has passed."
            yield Change(Cause.EVIDENCE, f"{number}:until:{control.valid_until}", text)
        stored_as = stored.get(control.evidence)
        if control.evidence and not (stored_as and default_storage.exists(stored_as)):
            text = f"{_control(number, control)} is shown by “{control.evidence}”, which is not there."
            yield Change(Cause.EVIDENCE, f"{number}:missing:{_key(control.evidence)}", text)


def _control(number: int, control: Control) -> str:
    what = control.what if len(control.what) <= 80 else f"{control.what[:79]}…"
    return f"Control {number} (“{what}”)"


def _named(instances: Sequence[ManagedInstance]) -> str:
    """The first few by name, and how many more."""
    more = len(instances) - NAMED
    names: Iterable[str] = (str(one) for one in instances[: NAMED if more > 0 else None])
    return listed([*names, counted(more, "other")] if more > 0 else names)


def _key(*parts: Any) -> str:
    return digest(":".join(map(str, parts)))[:32]
