"""What speaks against an open request as a whole: names that are taken, others who ask for the same."""

from collections.abc import Iterable, Mapping
from typing import Any

from patching.contents import items_of
from patching.findings.telling import WARNING, Finding
from patching.items import is_new, name_of
from patching.models import ChangeRequest
from patching.permissions import ROWS
from patching.words import counted, listed

WAITING = (ChangeRequest.State.SUBMITTED, ChangeRequest.State.CHANGES_REQUESTED, ChangeRequest.State.APPROVED)


def of_request(request: ChangeRequest) -> list[Finding]:
    """Findings on an open request as a whole: whether it still can take effect, and who else asks for the same."""
    if request.current is None:
        return []
    items = items_of(request.current)
    found = []
    if taken := _taken(items):
        claim = "It can no longer take effect as it stands"
        evidence = f"There is {listed(taken[:3])} already."
        found.append(Finding(WARNING, claim, evidence, "It has to be changed before anybody can approve it."))
    mine = _objects(items)
    others = ChangeRequest.objects.filter(team=request.team, state__in=WAITING).exclude(pk=request.pk)
    for other in others.select_related("current"):
        same = sorted(mine & _objects(items_of(other.current))) if other.current else []
        if same:
            names = listed([str(name) for *_, name in same[:3]])
            claim = f"{other.number} is about {counted(len(same), 'object')} of this one"
            found.append(
                Finding(
                    WARNING, claim, f"Both set {names}.", "Only the first to be approved can take effect."
                )
            )
    return found


def _taken(items: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of new objects under which something stands by now."""
    names: dict[str, set[str]] = {}
    for one in items:
        if is_new(one):
            names.setdefault(one["kind"], set()).add(name_of(one))
    return sorted(
        name
        for kind, wanted in names.items()
        for name in ROWS[kind].objects.live().filter(name__in=wanted).values_list("name", flat=True)
    )


def _objects(items: Iterable[Mapping[str, Any]]) -> set[tuple[str, ...]]:
    """What items are about, as kind, place and name, or kind and id where they change what is there."""
    found: set[tuple[str, ...]] = {
        ("unmanaged" if one["action"] == "adopt" else "id", one["kind"], str(one["target"]))
        for one in items
        if one["target"] is not None
    }
    for one in items:
        if one["action"] != "delete":
            spec = one["spec"]
            found.add((one["kind"], spec.get("account", ""), spec.get("region", ""), name_of(one)))
    return found
