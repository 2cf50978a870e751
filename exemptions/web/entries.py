"""From where somebody comes to ask: an instance, patch, CVE, finding or patch group, as first words of the form."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from exemptions.models import Exemption
from patching.models import Application, Cve, ManagedInstance, PatchFinding, PatchGroup
from patching.standings import findings_of_cve
from patching.words import counted, listed

LONGEST_NUMBER = 15
Kind = Exemption.Kind


@dataclass(frozen=True)
class Entry:
    """What is known of the ask before anything is typed."""

    instances: list[ManagedInstance]
    patches: tuple[str, ...] = ()

    @property
    def applications(self) -> set[int]:
        """The applications that its instances belong to."""
        return {one.application_id for one in self.instances if one.application_id is not None}

    def words(self, application: Application) -> dict[str, Any]:
        """The form's first values for one application."""
        mine = [one for one in self.instances if one.application_id == application.pk]
        if not mine:
            return {}
        about = str(mine[0]) if len(mine) == 1 else counted(len(mine), "instance") + f" of {application}"
        known: dict[str, Any] = {"instances": [one.pk for one in mine]}
        if self.patches:
            title = f"Leave {listed(self.patches)} off {about}"
            chosen = {"kind": Kind.PATCH_EXCLUSION, "open_patches": list(self.patches)}
            return {**known, **chosen, "title": title if len(title) <= 120 else f"{title[:119]}…"}
        return {**known, "title": f"Keep {about} out of {'its' if len(mine) == 1 else 'their'} window"[:120]}


def entry_of(request: HttpRequest) -> Entry | None:
    """What the address names, or None where it names nothing. Raises Http404 for what one may not see."""
    for name, found in ENTRIES.items():
        if given := request.GET.get(name, ""):
            return found(request, given)
    return None


def _instance(request: HttpRequest, given: str) -> Entry:
    return Entry([get_object_or_404(_instances(request), pk=_number(given))])


def _finding(request: HttpRequest, given: str) -> Entry:
    rows = _findings(request).select_related("instance__account_region__account", "instance__application")
    finding = get_object_or_404(rows, pk=_number(given))
    return Entry([finding.instance], (finding.patch_id,))


def _group(request: HttpRequest, given: str) -> Entry:
    group = get_object_or_404(PatchGroup.objects.visible_to(request.user).live(), pk=_number(given))
    rows = _instances(request).filter(
        account_region=group.account_region_id, instance_id__in=group.spec["instances"]
    )
    return _some(list(rows))


def _patch(request: HttpRequest, given: str) -> Entry:
    found = _findings(request).filter(patch_id=given)
    return _some(list(_instances(request).filter(pk__in=found.values("instance"))), given)


def _cve(request: HttpRequest, given: str) -> Entry:
    """What would fix a CVE, and the instances that lack it."""
    found = findings_of_cve(request.user, get_object_or_404(Cve, cve=given.upper()))
    rows = _instances(request).filter(pk__in={one.instance_id for one in found})
    return _some(list(rows), *sorted({one.patch_id for one in found}))


def _some(instances: list[ManagedInstance], *patches: str) -> Entry:
    entry = Entry(instances, patches)
    if not entry.applications:
        raise Http404
    return entry


def _instances(request: HttpRequest) -> QuerySet[ManagedInstance]:
    rows = ManagedInstance.objects.visible_to(request.user).present()
    return rows.select_related("application", "account_region__account")


def _findings(request: HttpRequest) -> QuerySet[PatchFinding]:
    return PatchFinding.objects.visible_to(request.user).open().filter(instance__gone_at=None)


def _number(text: str) -> int:
    """A primary key from an address; 0, which no row has, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < LONGEST_NUMBER else 0


ENTRIES = {"instance": _instance, "finding": _finding, "group": _group, "patch": _patch, "cve": _cve}
