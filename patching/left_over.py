"""What lies about in an account-region: ours and wanted by nobody, there twice, or decided to go and still there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from patching import run_contents
from patching.models import AccountRegion, ChangeRequest, PushRun, ResourceState, Revision, Tombstone, Waiver
from portal.governance import roles
from portal.governance.models import User

NOTED = ("orphan", "twin")
NOT_LOOKED_AT = "No push has looked at it since."


@dataclass(frozen=True)
class Removal:
    """Leave to delete one resource that has not been used yet."""

    kind: str
    label: str
    since: datetime
    waits_for: str
    request: ChangeRequest | None = None
    waiver: Waiver | None = None


def noted(user: User, place: AccountRegion) -> list[dict[str, Any]]:
    """Orphans and twins as the last push that made a plan noted them; a team reads only what is its own."""
    run = PushRun.objects.filter(account_region=place).exclude(plan_digest="").first()
    if run is None:
        return []
    return [step for step in run_contents.plan_for(user, run) if step["action"] in NOTED]


def removals(user: User, place: AccountRegion) -> list[Removal]:
    """Open leaves to delete, the oldest first, each with the decision that gave it and what it waits for."""
    stones = list(Tombstone.objects.filter(account_region=place, buried_at=None).order_by("created_at", "pk"))
    if not roles.reads_all(user):
        mine = run_contents.sources_of(user)
        stones = [stone for stone in stones if (stone.source["kind"], str(stone.source["id"])) in mine]
    states = {(one.kind, one.key): one for one in ResourceState.objects.filter(account_region=place)}
    revisions = Revision.objects.select_related("request").in_bulk(_ids(stones, "revision"))
    waivers = Waiver.objects.select_related("instance").in_bulk(_ids(stones, "waiver"))
    found = []
    for stone in stones:
        state = states.get((stone.kind, stone.key))
        kind, number = stone.source["kind"], int(stone.source["id"])
        revision = revisions.get(number) if kind == "revision" else None
        found.append(
            Removal(
                kind=stone.kind,
                label=state.label if state else stone.key,
                since=stone.created_at,
                waits_for=(state.condition_text if state else "") or NOT_LOOKED_AT,
                request=revision.request if revision else None,
                waiver=waivers.get(number) if kind == "waiver" else None,
            )
        )
    return found


def _ids(stones: list[Tombstone], kind: str) -> list[int]:
    return [int(stone.source["id"]) for stone in stones if stone.source["kind"] == kind]
