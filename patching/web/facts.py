"""The few facts that a list says of a request, so that nobody has to open each one. Reads environments once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from patching import effects
from patching.models import ChangeRequest, Environment
from patching.words import KINDS, counted, listed

_ORDER = ("window", "baseline", "patch-group")


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


def add_to(requests: Iterable[ChangeRequest]) -> None:
    """Give each request its ``facts``; their current revisions are expected to be at hand."""
    known = {one.slug: one for one in Environment.objects.all()}
    for request in requests:
        request.facts = _facts(request, known)  # type: ignore[attr-defined]


def _facts(request: ChangeRequest, known: dict[str, Environment]) -> Facts:
    items = effects.items_of(request.current) if request.current else []
    kinds = Counter(item["kind"] for item in items)
    slugs = {item["spec"].get("environment", "") for item in items}
    environments = sorted((known[slug] for slug in slugs if slug in known), key=lambda one: -one.rank)
    return Facts(
        objects=listed(counted(kinds[kind], KINDS[kind].lower()) for kind in _ORDER if kinds[kind]),
        instances=len({one for item in items for one in item["spec"].get("instances", ())}),
        environments=tuple(environments),
        removes=sum(item["action"] == "delete" for item in items),
    )
