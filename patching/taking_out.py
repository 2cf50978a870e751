"""The verb that takes out what is in effect: which of it, as a file for each account-region, told in the audit log."""

from dataclasses import dataclass, replace
from typing import Any, Self

from django.db import transaction

from patching import exporting
from patching.exchange.formats import WRITTEN
from patching.models import AccountRegion, Application, MaintenanceWindow, PatchGroup
from portal.governance import audit
from portal.governance.errors import DomainError, FieldProblem, InvalidInput
from portal.governance.models import User


class NothingInEffect(DomainError):
    """Nothing of what was chosen is in effect."""

    code = "nothing_in_effect"
    http_status = 404


@dataclass(frozen=True)
class Choice:
    """Groups and windows in effect. Start from ``all_of`` and narrow it."""

    groups: Any
    windows: Any
    names: tuple[str, ...] = ()

    @classmethod
    def all_of(cls, seen_by: User | None) -> Self:
        """All that a person may see; None for a command on the server."""
        groups, windows = PatchGroup.objects.live(), MaintenanceWindow.objects.live()
        if seen_by is not None:
            groups, windows = groups.visible_to(seen_by), windows.visible_to(seen_by)
        return cls(groups, windows)

    def of_place(self, place: AccountRegion) -> Self:
        return self._only(account_region=place)

    def of_application(self, application: Application) -> Self:
        return replace(self._only(application=application), names=(*self.names, application.slug))

    def of_group(self, group: PatchGroup) -> Self:
        """One group, with the windows in which its instances are patched."""
        there = self.windows.filter(account_region=group.account_region)
        patching_it = [one.pk for one in exporting.windows_of([group], there)]
        return replace(
            self,
            groups=self.groups.filter(pk=group.pk),
            windows=there.filter(pk__in=patching_it),
            names=(*self.names, group.name.replace(" ", "-")),
        )

    def _only(self, **fields: Any) -> Self:
        return replace(self, groups=self.groups.filter(**fields), windows=self.windows.filter(**fields))


def take_out(choice: Choice, file_format: str, *, by: User | None) -> dict[str, str]:
    """Name of the file → its text, one for each account-region that has something of it.

    Raises InvalidInput for a format that is not written, NothingInEffect where there is nothing to write.
    """
    if file_format not in WRITTEN:
        known = ", ".join(WRITTEN)
        raise InvalidInput([FieldProblem("as", "choice", f"Use one of {known}.")])
    groups, windows = (
        list(rows.select_related("revision__request")) for rows in (choice.groups, choice.windows)
    )
    ids = {one.account_region_id for one in groups} | {one.account_region_id for one in windows}
    if not ids:
        raise NothingInEffect("Nothing of it is in effect.")
    files, told = {}, []
    for place in AccountRegion.objects.filter(pk__in=ids).select_related("account"):
        setup = exporting.setup_of(
            place,
            [one for one in groups if one.account_region_id == place.pk],
            [one for one in windows if one.account_region_id == place.pk],
        )
        name = "-".join([*choice.names, place.account.account_id, place.region])
        file = f"{name}.{WRITTEN[file_format].suffix}"
        files[file] = exporting.text_of(setup, file_format)
        told.append((place, {"format": WRITTEN[file_format].title, "files": [file]}))
    # all is written before the audit log's turn is taken, for which every decision and push waits
    with transaction.atomic():
        for place, detail in told:
            audit.record("setup.exported", place, by=by, detail=detail)
    return files
