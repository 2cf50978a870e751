"""What of a push somebody may read: a pass over an account-region touches several teams' windows."""

from typing import Any

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


def _resources_of(user: User, place: AccountRegion) -> set[Name]:
    """Resources of one place that exist because of this person's teams."""
    teams = roles.teams_of(user)
    revisions = Revision.objects.filter(request__team__in=teams).values_list("pk", flat=True)
    waivers = Waiver.objects.filter(instance__application__team__in=teams).values_list("pk", flat=True)
    mine = {("revision", str(pk)) for pk in revisions} | {("waiver", str(pk)) for pk in waivers}
    if not mine:
        return set()
    found = {
        (key.kind, key.name)
        for key, one in desired.now_for(place).items()
        if any((source.kind, source.id) in mine for source in one.sources)
    }
    states = ResourceState.objects.filter(account_region=place).values_list("kind", "key", "sources")
    return found | {
        (kind, key)
        for kind, key, sources in states
        if any((source["kind"], source["id"]) in mine for source in sources)
    }
