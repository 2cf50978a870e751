"""What of a push somebody may read: a pass over an account-region touches several teams' windows."""

from typing import Any

from django.db.models import QuerySet

from patching import desired
from patching.models import AccountRegion, Operation, PushRun, ResourceState, Revision, Waiver
from portal.governance import roles
from portal.governance.models import User

Name = tuple[str, str]  # kind and key of a resource


def operations_for(user: User, run: PushRun) -> list[Operation]:
    """The writes of a run, oldest first; of those a team sees the ones its own requests brought about."""
    operations = list(run.operations.select_related("resource").order_by("pk"))
    if roles.reads_all(user):
        return operations
    mine = _resources_of(user, run.account_region)
    return [one for one in operations if (one.resource.kind, one.resource.key) in mine]


def plan_for(user: User, run: PushRun) -> list[dict[str, Any]]:
    """The planned steps of a run, narrowed like its operations."""
    steps = list(run.plan)
    if roles.reads_all(user):
        return steps
    mine = _resources_of(user, run.account_region)
    return [step for step in steps if (step["kind"], step["key"]) in mine]


def narrowed(user: User, rows: QuerySet[Any], to_resource: str = "") -> QuerySet[Any]:
    """Rows about resources, narrowed to those that this person's teams brought about; ``to_resource`` leads there."""
    if roles.reads_all(user):
        return rows
    mine = sources_of(user)
    told = rows.values_list("pk", f"{to_resource}sources") if mine else ()
    return rows.filter(pk__in=[pk for pk, sources in told if _are_mine(sources, mine)])


def sources_of(user: User) -> set[Name]:
    """Decided revisions and waivers of this person's teams."""
    teams = roles.teams_of(user)
    revisions = Revision.objects.filter(request__team__in=teams).values_list("pk", flat=True)
    waivers = Waiver.objects.filter(instance__application__team__in=teams).values_list("pk", flat=True)
    return {("revision", str(pk)) for pk in revisions} | {("waiver", str(pk)) for pk in waivers}


def _are_mine(sources: list[dict[str, str]], mine: set[Name]) -> bool:
    """By the first source, which owns it: a shared baseline is also behind the groups of others."""
    return bool(sources) and (sources[0]["kind"], sources[0]["id"]) in mine


def _resources_of(user: User, place: AccountRegion) -> set[Name]:
    """Resources of one place that exist because of this person's teams."""
    mine = sources_of(user)
    if not mine:
        return set()
    found = {
        (key.kind, key.name)
        for key, one in desired.now_for(place).items()
        if one.sources and (one.sources[0].kind, one.sources[0].id) in mine
    }
    states = ResourceState.objects.filter(account_region=place).values_list("kind", "key", "sources")
    return found | {(kind, key) for kind, key, sources in states if _are_mine(sources, mine)}
