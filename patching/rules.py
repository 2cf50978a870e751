"""What a request may ask given what is there: names, ownership, instances, quotas. Reads rows, writes nothing."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from django.db.models import QuerySet

from patching import adopting, freezing, limits, schedules, shutting_rules, unmanaged
from patching.items import Problem, check_alphabet, is_new
from patching.models import (
    AccountRegion,
    Adoption,
    Application,
    Environment,
    Freeze,
    MaintenanceWindow,
    ManagedInstance,
    Occurrence,
    PatchBaseline,
    PatchGroup,
)
from patching.models.governed import Governed
from patching.permissions import ROWS
from portal.governance import clock, roles
from portal.governance.models import Role, Team, User

Item = Mapping[str, Any]


def check(items: Sequence[Item], *, by: User, team: Team, quotas: bool = True) -> list[Problem]:
    """Every rule that these items would break for this team, with the field that breaks it.

    A draft may be above a quota (``quotas`` is False): it shows what would make it fit. Nothing else may.
    """
    problems: list[Problem] = []
    with roles.asked_once():
        for number, item in enumerate(items):
            problems += _check_item(item, f"items[{number}]", items, by, team)
    problems = problems or list(_membership(items))
    return problems or ([*_quotas(items), *_uses(items)] if quotas else [])


def team_of(items: Iterable[Item]) -> Team | None:
    """The one team whose applications these items are about; None when they name none or several."""
    slugs = {item["spec"].get("application") for item in items if item["spec"].get("application")}
    slugs |= {row.application.slug for row in targets(items) if row.application}
    teams = list(Team.objects.filter(applications__slug__in=slugs).distinct()[:2])
    return teams[0] if len(teams) == 1 else None


def targets(items: Iterable[Item]) -> list[Governed]:
    """The live rows that these items change or delete."""
    rows = [_target(item) for item in items]
    return [row for row in rows if row is not None]


def account_regions(items: Iterable[Item]) -> QuerySet[AccountRegion]:
    """Where these items will have an effect in AWS: named places, targets' places, and users of a baseline."""
    found: set[int] = set()
    for item in items:
        spec, row = item["spec"], _target(item)
        place = place_of(spec) if "account" in spec else None
        found |= {place.pk} if place else set()
        if isinstance(row, PatchGroup | MaintenanceWindow | Occurrence):
            found.add(row.account_region_id)
        if item["kind"] == "freeze":
            found |= {one.account_region_id for one in _frozen(spec, row)}
        if isinstance(row, PatchBaseline):
            found |= {group.account_region_id for group in groups_using(row.name)}
        if item["action"] == "adopt" and (theirs := adopting.there(item["target"])) is not None:
            found.add(theirs.account_region_id)
    return AccountRegion.objects.filter(pk__in=found).select_related("account")


def _frozen(spec: Mapping[str, Any], row: Governed | None) -> list[MaintenanceWindow]:
    """Windows that a freeze would keep shut, or keeps shut as it is."""
    return [
        *(freezing.windows_under(spec) if spec else ()),
        *(freezing.windows_of(row) if isinstance(row, Freeze) else ()),
    ]


def place_of(spec: Mapping[str, Any]) -> AccountRegion | None:
    """The active account-region that a spec names."""
    return (
        AccountRegion.objects.filter(
            account__account_id=spec["account"], region=spec["region"], is_active=True
        )
        .select_related("account")
        .first()
    )


def groups_using(baseline: str) -> list[PatchGroup]:
    """Live groups that use a baseline of this name."""
    return [group for group in PatchGroup.objects.live() if baseline in group.spec["baselines"].values()]


def _target(item: Item) -> Governed | None:
    if is_new(item):
        return None
    return (
        ROWS[item["kind"]]
        .objects.live()
        .filter(pk=item["target"])
        .select_related("application__team")
        .first()
    )


def _check_item(item: Item, path: str, items: Sequence[Item], by: User, team: Team) -> list[Problem]:
    problems: list[Problem] = []
    row = _target(item)
    if item["action"] == "adopt":
        problems += _check_adoption(item, path, by)
    elif item["target"] is not None:
        if row is None or not ROWS[item["kind"]].objects.visible_to(by).filter(pk=row.pk).exists():
            return [
                Problem(
                    f"{path}.target", "unknown", f"There is no {item['kind']} with the id {item['target']}."
                )
            ]
        if row.application and row.application.team_id != team.pk:
            message = f"{row.name} belongs to {row.application.team}; its members ask for changes to it."
            return [Problem(f"{path}.target", "not_yours", message)]
        if row.application is None and item["kind"] != "freeze" and not _owns_shared(by):
            return [
                Problem(
                    f"{path}.target", "not_yours", f"{row.name} is shared; security operations change it."
                )
            ]
    if item["action"] == "delete":
        return _check_delete(item, path, items, row)
    spec, at = item["spec"], f"{path}.spec"
    if item["kind"] == "freeze":
        return [*problems, *shutting_rules.check_freeze(spec, at, row, by=by, team=team)]
    if item["kind"] == "occurrence":
        return [*problems, *shutting_rules.check_occurrence(spec, at, row, by=by, team=team)]
    problems += _check_ownership(spec, at, by, team)
    problems += _check_name(item, at, row, items)
    if item["kind"] == "baseline":
        if row is not None and row.spec["definition"].get("OperatingSystem", "WINDOWS") != spec[
            "definition"
        ].get("OperatingSystem", "WINDOWS"):
            message = "AWS cannot change the operating system of a baseline; ask for a new one."
            problems.append(Problem(f"{at}.definition.OperatingSystem", "immutable", message))
        if row is not None and row.name != spec["name"] and (users := _left_behind(row, items)):
            message = f"{row.name} is used by {', '.join(users[:3])}; rename it there in the same request."
            problems.append(Problem(f"{at}.name", "in_use", message))
        return problems
    place = place_of(spec)
    if place is None:
        message = (
            f"Account {spec['account']} in {spec['region']} is not connected; an operator can connect it."
        )
        return [*problems, Problem(f"{at}.account", "unknown", message)]
    if problems:
        return problems
    problems += _check_instances(spec, at, place)
    if item["kind"] == "window" and item["action"] != "adopt":
        problems += _check_runs_ahead(spec, at, row)
    if item["kind"] == "patch-group" and not problems:
        problems += _check_group_baselines(spec, at, place, items)
    return problems


def _check_runs_ahead(spec: Mapping[str, Any], at: str, row: Governed | None) -> list[Problem]:
    """A schedule or an end that is asked for now has something ahead; one that stands may be over."""
    now = clock.now()
    stands = row.spec if row else {}
    when = ("schedule", "timezone", "offset")
    problems = []
    if any(spec.get(name) != stands.get(name) for name in when):
        problems += [
            Problem(f"{at}.schedule", one.code, str(one))
            for one in schedules.window_problems(
                spec["schedule"], timezone=spec["timezone"], offset=spec.get("offset", 0), now=now
            )
        ]
    end = spec.get("end_date", "")
    if end and end != stands.get("end_date") and date.fromisoformat(end) <= now.date():
        message = f"The end has passed; give a day after {now:%Y-%m-%d}, or leave it empty."
        problems.append(Problem(f"{at}.end_date", "past", message))
    return problems


def _check_adoption(item: Item, path: str, by: User) -> list[Problem]:
    """It is listed as nobody's, reaches nobody else's instances, and what it is to become is in the same place."""
    theirs = adopting.there(item["target"])
    seen = theirs is not None and unmanaged.Reach(by, theirs.account_region).may_bring(theirs)
    if theirs is None or not seen or theirs.kind != item["kind"]:
        message = f"There is no {item['kind']} outside Patchwarden's management with the id {item['target']}."
        return [Problem(f"{path}.target", "unknown", message)]
    if Adoption.objects.filter(
        account_region=theirs.account_region, aws_id=theirs.aws_id, done_at=None
    ).exists():
        message = f"{theirs.name} ({theirs.aws_id}) is about to be adopted by another approved request."
        return [Problem(f"{path}.target", "taken", message)]
    place, spec = theirs.account_region, item["spec"]
    if item["kind"] == "window" and (spec["account"], spec["region"]) != (
        place.account.account_id,
        place.region,
    ):
        return [
            Problem(f"{path}.spec.account", "elsewhere", f"{theirs.name} is in {place}; name that place.")
        ]
    listed_os = theirs.content.get("reply", {}).get("OperatingSystem", "WINDOWS")
    if item["kind"] == "baseline" and spec["definition"].get("OperatingSystem", "WINDOWS") != listed_os:
        message = f"{theirs.name} is for {listed_os}; AWS cannot change the operating system of a baseline."
        return [Problem(f"{path}.spec.definition.OperatingSystem", "immutable", message)]
    return []


def _check_ownership(spec: Mapping[str, Any], at: str, by: User, team: Team) -> list[Problem]:
    problems = []
    slug = spec.get("application", "")
    if slug:
        application = Application.objects.visible_to(by).filter(slug=slug).select_related("team").first()
        if application is None:
            problems.append(
                Problem(f"{at}.application", "unknown", f"There is no application “{slug}” of yours.")
            )
        elif application.team_id != team.pk:
            message = f"{slug} belongs to {application.team}; one request is about one team's applications."
            problems.append(Problem(f"{at}.application", "not_yours", message))
    elif not _owns_shared(by):
        message = (
            "A baseline without an application is shared by all teams; security operations ask for those."
        )
        problems.append(Problem(f"{at}.application", "required", message))
    environment = spec.get("environment", "")
    if environment and not Environment.objects.filter(slug=environment).exists():
        known = ", ".join(Environment.objects.values_list("slug", flat=True))
        problems.append(Problem(f"{at}.environment", "unknown", f"Use one of {known}."))
    return problems


def _owns_shared(user: User) -> bool:
    return roles.has_role(user, Role.SECURITY_OPERATIONS)


def _check_name(item: Item, at: str, row: Governed | None, items: Sequence[Item]) -> list[Problem]:
    spec = item["spec"]
    same = ROWS[item["kind"]].objects.live().filter(name__iexact=spec["name"])
    if item["kind"] != "baseline":
        same = same.filter(
            account_region__account__account_id=spec["account"], account_region__region=spec["region"]
        )
    leaving = [one["target"] for one in items if one["kind"] == item["kind"] and one["action"] == "delete"]
    other = same.exclude(pk__in=[*leaving, *([row.pk] if row else [])]).first()
    if other is None:
        renamed = item["kind"] == "patch-group" and row is not None and row.name != spec["name"]
        return check_alphabet(spec["name"], f"{at}.name") if renamed else []
    if other.name == spec["name"]:
        message = f"There is a {item['kind']} called “{other.name}” already; change that one or choose another name."
        return [Problem(f"{at}.name", "taken", message)]
    message = f"Looks like the existing “{other.name}”. AWS is case-sensitive; choose one."
    return [Problem(f"{at}.name", "taken", message)]


def _check_instances(spec: Mapping[str, Any], at: str, place: AccountRegion) -> list[Problem]:
    """Named instances are there, are the application's, are in the zone, and are not Auto Scaling's."""
    known = {
        instance.instance_id: instance
        for instance in ManagedInstance.objects.present()
        .filter(account_region=place, instance_id__in=spec["instances"])
        .select_related("application", "environment")
    }
    problems = []
    for number, instance_id in enumerate(spec["instances"]):
        instance = known.get(instance_id)
        field = f"{at}.instances[{number}]"
        belongs = (
            instance is not None
            and instance.application is not None
            and instance.application.slug == spec["application"]
            and instance.environment is not None
            and instance.environment.slug == spec["environment"]
        )
        if instance is None or not belongs:
            # the same words for a stranger's instance and for none at all
            message = (
                f"{instance_id} is not an instance of {spec['application']} {spec['environment']} in {place}."
            )
            problems.append(Problem(field, "unknown", message))
        elif instance.in_auto_scaling_group:
            message = (
                f"{instance} is in the Auto Scaling group {instance.auto_scaling_group}; such instances are replaced, "
                "not patched. Patch its image instead."
            )
            problems.append(Problem(field, "auto_scaling", message))
        elif spec["az"] and instance.availability_zone != spec["az"]:
            message = f"{instance} is in {instance.availability_zone}, not in {spec['az']}."
            problems.append(Problem(field, "zone", message))
    return problems


def _check_group_baselines(
    spec: Mapping[str, Any], at: str, place: AccountRegion, items: Sequence[Item]
) -> list[Problem]:
    """Each baseline exists or is asked for here, fits its operating system, and none is lacking."""
    asked = {
        one["spec"]["name"]: one["spec"]["definition"].get("OperatingSystem", "WINDOWS")
        for one in items
        if one["kind"] == "baseline" and one["action"] != "delete"
    }
    leaving = [one["target"] for one in items if one["kind"] == "baseline" and one["action"] == "delete"]
    application = Application.objects.get(slug=spec["application"])
    live = dict(
        PatchBaseline.objects.live()
        .exclude(pk__in=leaving)
        .filter(application=None)
        .values_list("name", "operating_system")
    )
    live |= dict(
        PatchBaseline.objects.live()
        .exclude(pk__in=leaving)
        .filter(application__team=application.team)
        .values_list("name", "operating_system")
    )
    systems = live | asked
    problems = []
    for system, name in sorted(spec["baselines"].items()):
        if name not in systems:
            message = f"There is no baseline “{name}”; ask for it in the same request."
            problems.append(Problem(f"{at}.baselines.{system}", "unknown", message))
        elif systems[name] != system:
            message = f"{name} is a baseline for {systems[name]}, not for {system}."
            problems.append(Problem(f"{at}.baselines.{system}", "operating_system", message))
    running = set(
        ManagedInstance.objects.present()
        .filter(account_region=place, instance_id__in=spec["instances"])
        .exclude(operating_system="")
        .values_list("operating_system", flat=True)
    )
    for system in sorted(running - set(spec["baselines"])):
        message = (
            f"Instances of this group run {system}; without a baseline AWS's default would apply silently."
        )
        problems.append(Problem(f"{at}.baselines.{system}", "required", message))
    return problems


def _left_behind(baseline: Governed, items: Sequence[Item]) -> list[str]:
    """Groups that would go on using the name of a baseline that these items take away."""
    kept = {
        one["target"]
        for one in items
        if one["kind"] == "patch-group"
        and one["action"] == "change"
        and baseline.name in one["spec"]["baselines"].values()
    }
    touched = {one["target"] for one in items if one["kind"] == "patch-group" and one["target"] is not None}
    return [
        group.name for group in groups_using(baseline.name) if group.pk not in touched or group.pk in kept
    ]


def _check_delete(item: Item, path: str, items: Sequence[Item], row: Governed | None) -> list[Problem]:
    if not isinstance(row, PatchBaseline):
        return []
    users = _left_behind(row, items)
    if not users:
        return []
    message = f"{row.name} is used by {', '.join(users[:3])}; give those groups another baseline in the same request."
    return [Problem(f"{path}.target", "in_use", message)]


def _membership(items: Sequence[Item]) -> Iterable[Problem]:
    """An instance is in one patch group and in one window at most."""
    for kind, model in (("patch-group", PatchGroup), ("window", MaintenanceWindow)):
        touched = {one["target"] for one in items if one["kind"] == kind and not is_new(one)}
        holder: dict[tuple[str, str, str], str] = {}
        for row in model.objects.live().exclude(pk__in=touched):
            for instance_id in row.spec["instances"]:
                holder[row.spec["account"], row.spec["region"], instance_id] = row.name
        for number, item in enumerate(items):
            if item["kind"] != kind or item["action"] == "delete":
                continue
            spec = item["spec"]
            for position, instance_id in enumerate(spec["instances"]):
                key = spec["account"], spec["region"], instance_id
                if key in holder and holder[key] != spec["name"]:
                    message = f"{instance_id} is already in {holder[key]}; an instance is in one {kind} only."
                    yield Problem(f"items[{number}].spec.instances[{position}]", "taken", message)
                holder[key] = spec["name"]


def _quotas(items: Sequence[Item]) -> Iterable[Problem]:
    """AWS's quotas per account and Region, reckoned as if everything asked for were there; those of others count."""
    added: dict[AccountRegion, list[int]] = defaultdict(list)
    for number, item in enumerate(items):
        opens_anew = item["kind"] == "window" or bool(item["spec"].get("moved_to"))
        if opens_anew and item["action"] == "create" and (place := place_of(item["spec"])):
            added[place].append(number)
    for place, numbers in added.items():
        gone = [one["target"] for one in items if one["kind"] == "window" and one["action"] == "delete"]
        ours = MaintenanceWindow.objects.live().filter(account_region=place).exclude(pk__in=gone).count() + 1
        ours += Occurrence.objects.live().filter(account_region=place, moved_to__gt=clock.now()).count()
        strange = len(limits.others(place, "window"))
        most = limits.limit(place, "windows")
        if ours + strange + len(numbers) > most:
            theirs = f" and {strange} that are not managed here" if strange else ""
            message = (
                f"{place} has {ours + strange} of {most} maintenance windows, the daily scan included{theirs}; "
                f"this request adds {len(numbers)}."
            )
            yield Problem(f"items[{numbers[-1]}].spec.account", "quota", message)


def _uses(items: Sequence[Item]) -> Iterable[Problem]:
    """A baseline serves so many groups, and an account-region holds so many baselines."""
    touched = {one["target"] for one in items if one["kind"] == "patch-group" and one["target"] is not None}
    used: dict[AccountRegion, Counter[str]] = defaultdict(Counter)
    for group in PatchGroup.objects.live().exclude(pk__in=touched).select_related("account_region__account"):
        used[group.account_region].update(set(group.spec["baselines"].values()))
    for number, item in enumerate(items):
        if item["kind"] != "patch-group" or item["action"] == "delete":
            continue
        place = place_of(item["spec"])
        if place is None:
            continue
        here = used[place]
        for system, name in item["spec"]["baselines"].items():
            is_first = not here[name]
            here[name] += 1
            if problem := _too_much_used(place, here, name, is_first=is_first):
                yield Problem(f"items[{number}].spec.baselines.{system}", "quota", problem)


def _too_much_used(place: AccountRegion, here: Counter[str], name: str, *, is_first: bool) -> str:
    """What speaks against one more use of a baseline there; "" where nothing does."""
    groups = limits.limit(place, "groups")
    if here[name] > groups:
        return f"{name} would serve {here[name]} groups in {place}; AWS allows {groups}. Make another one."
    if not is_first:
        return ""
    strange, allowed = len(limits.others(place, "baseline")), limits.limit(place, "baselines")
    if len(here) + strange <= allowed:
        return ""
    theirs = f", {strange} of them not managed here" if strange else ""
    return f"{place} would hold {len(here) + strange} patch baselines{theirs}; AWS allows {allowed}."
