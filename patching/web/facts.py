"""The few facts that a list says of a request, so that nobody has to open each one. Reads environments once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from patching import contents
from patching.around import Around, Item
from patching.models import ChangeRequest, Environment
from patching.models.governed import Governed
from patching.words import KINDS, counted, listed

_ORDER = ("freeze", "occurrence", "window", "baseline", "patch-group")


@dataclass(frozen=True)
class Facts:
    """What one request is about, at a glance."""

    objects: str
    instances: int
    environments: tuple[Environment, ...]
    removes: int

    @property
    def production(self) -> bool:
        return any(one.is_production for one in self.environments)


def add_to(requests: Sequence[ChangeRequest]) -> None:
    """Give each request its ``facts``; their current revisions are expected to be at hand."""
    known = {one.slug: one for one in Environment.objects.all()}
    items = {one.pk: contents.items_of(one.current) if one.current else [] for one in requests}
    rows = Around([item for asked in items.values() for item in asked]).rows
    for request in requests:
        request.facts = _facts(items[request.pk], rows, known)  # type: ignore[attr-defined]


def _facts(
    items: Sequence[Item], rows: Mapping[tuple[str, int], Governed], known: Mapping[str, Environment]
) -> Facts:
    kinds = Counter(item["kind"] for item in items)
    touched = [row for item in items if (row := rows.get((item["kind"], item["target"] or 0)))]
    specs = [*(item["spec"] for item in items), *(row.spec for row in touched)]
    slugs = {spec.get("environment", "") for spec in specs}
    environments = sorted((known[slug] for slug in slugs if slug in known), key=lambda one: -one.rank)
    return Facts(
        objects=listed(counted(kinds[kind], KINDS[kind].lower()) for kind in _ORDER if kinds[kind]),
        instances=len({one for spec in specs for one in spec.get("instances", ())}),
        environments=tuple(environments),
        removes=sum(item["action"] == "delete" for item in items),
    )
