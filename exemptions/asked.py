"""What an exemption asks for: its words and scope, checked field by field, and the content that a revision seals."""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from exemptions import policy
from exemptions.models import Exemption, Revision
from patching import clones
from patching.models import (
    Application,
    MaintenanceWindow,
    ManagedInstance,
    Patch,
    PatchBaseline,
    PatchGroup,
)
from portal.governance import clock, roles
from portal.governance.errors import FieldProblem
from portal.governance.models import User

Kind = Exemption.Kind
MOST_INSTANCES = 50
MOST_CONTROLS = 10
LONGEST_TEXT = 4000
SHORTEST_STAY = timedelta(hours=1)
CVE = re.compile(r"CVE-\d{4}-\d+", re.I)
# what a revision's content says in the very words of an ask
AS_SAID = (
    *("kind", "title", "root_cause", "reason", "tried", "fix_plan", "exploited_override"),
    *("exposure", "data_class", "conditions"),
)
CONTROL_KINDS = {
    "network": "Network restriction",
    "access": "Access restriction",
    "monitoring": "Monitoring",
    "virtual_patch": "Virtual patch (WAF, IPS)",
    "backup": "Backup and recovery",
    "other": "Other",
}


@dataclass(frozen=True, kw_only=True)
class Control:
    """One compensating control: what lowers the risk meanwhile, and the document that shows it."""

    what: str
    kind: str = "other"
    evidence: str = ""  # name of a document of this exemption
    valid_until: str = ""  # ISO date after which the evidence has to be shown anew


@dataclass(frozen=True, kw_only=True)
class Ask:
    """The questionnaire and the scope: which instances, which patches, until when, and why."""

    title: str
    reason: str  # what breaks
    compensating_controls: Sequence[Control]
    instances: Sequence[ManagedInstance]
    ends_at: datetime
    kind: str = Kind.NODE_DEFERRAL
    patches: Sequence[str] = ()
    root_cause: str = ""
    tried: str = ""
    fix_plan: str = ""
    fix_expected_on: date | None = None
    exposure: str = ""
    data_class: str = ""
    backup: User | None = None
    exploited_override: str = ""  # why something known to be exploited may stay open all the same
    conditions: Sequence[str] = ()  # what an accepted counter-offer added

    @classmethod
    def of(cls, **words: Any) -> "Ask":
        """The same from loose words: a control may be a mapping, or all of them one text."""
        given = words.get("compensating_controls", ())
        if isinstance(given, str):
            given = [{"what": given}] if given.strip() else []
        controls = [one if isinstance(one, Control) else Control(**one) for one in given]
        patches = sorted({one.strip() for one in words.get("patches") or () if one.strip()})
        return cls(**{**words, "compensating_controls": controls, "patches": patches})

    def content(self, application: Application) -> dict[str, Any]:
        """What a revision seals, documents aside. The same ask always gives the same content."""
        override = self.exploited_override.strip()
        return {
            **({"exploited_override": override} if override else {}),
            "kind": str(self.kind),
            "title": self.title.strip(),
            "root_cause": str(self.root_cause),
            "reason": self.reason.strip(),
            "tried": self.tried.strip(),
            "fix_plan": self.fix_plan.strip(),
            "fix_expected_on": self.fix_expected_on.isoformat() if self.fix_expected_on else "",
            "compensating_controls": [
                {**asdict(one), "what": one.what.strip()} for one in self.compensating_controls
            ],
            "exposure": self.exposure,
            "data_class": self.data_class,
            "application": application.slug,
            "instances": sorted({one.instance_id for one in self.instances}),
            "patches": list(self.patches),
            "ends_at": self.ends_at.isoformat(),
            "backup": self.backup.username if self.backup else "",
            "conditions": list(self.conditions),
        }

    def columns(self) -> dict[str, Any]:
        """What the exemption's row repeats of it, for lists and filters."""
        return {
            "title": self.title.strip(),
            "kind": self.kind,
            "patches": list(self.patches),
            "root_cause": self.root_cause,
            "exposure": self.exposure,
            "data_class": self.data_class,
            "backup": self.backup,
            "ends_at": self.ends_at,
        }


def ask_of(exemption: Exemption, **changes: Any) -> Ask:
    """The current revision as an ask again, with changes, as ``Ask.of`` takes them."""
    assert exemption.current is not None
    said = content_of(exemption.current)
    fix = said.get("fix_expected_on")
    now: dict[str, Any] = {name: said[name] for name in AS_SAID if name in said}
    return Ask.of(
        **{
            **now,
            "fix_expected_on": date.fromisoformat(fix) if fix else None,
            "compensating_controls": said["compensating_controls"],
            "patches": said.get("patches", []),
            "instances": list(exemption.instances.select_related("account_region__account")),
            "ends_at": exemption.ends_at,
            "backup": exemption.backup,
            **changes,
        }
    )


def content_of(revision: Revision) -> dict[str, Any]:
    """What a revision asks for, its documents included."""
    return dict(json.loads(revision.content))


def problems(ask: Ask, application: Application) -> list[FieldProblem]:
    """Everything that is wrong with it as it is written, each under its field."""
    return [
        *_text_problems(ask),
        *_control_problems(ask),
        *_choice_problems(ask, application),
        *date_problems(ask.ends_at, limit_of(ask)),
        *scope_problems(ask, application),
    ]


def missing_answers(ask: Ask) -> list[FieldProblem]:
    """What a draft may leave open and those who decide need to know."""
    wanted: dict[str, tuple[Any, str]] = {
        "tried": (ask.tried, "Say what was tried, such as a newer driver or a test on a clone."),
        "fix_plan": (ask.fix_plan, "Say how and when it will be fixed, such as the vendor's release date."),
        "exposure": (ask.exposure, "Say who can reach these instances, such as internal."),
        "data_class": (ask.data_class, "Say what data they hold, such as confidential."),
    }
    return [FieldProblem(name, "required", text) for name, (value, text) in wanted.items() if not value]


def evidence_in_force(ask: Ask) -> set[str]:
    """Names of documents that show a control and whose date to be shown anew is still ahead, today included."""
    today = f"{clock.now():%Y-%m-%d}"
    return {one.evidence for one in ask.compensating_controls if one.evidence and one.valid_until >= today}


def evidence_problems(ask: Ask, attached: Collection[str]) -> list[FieldProblem]:
    """Controls that name a document which is not among those attached."""
    return [
        FieldProblem(
            "compensating_controls",
            "evidence",
            f"Control {number}: no document is called “{control.evidence}”. Attach it, or name none.",
        )
        for number, control in enumerate(ask.compensating_controls, start=1)
        if control.evidence and control.evidence not in attached
    ]


def date_problems(ends_at: datetime, limit: policy.Limit) -> list[FieldProblem]:
    """Too soon, or later than the policy lets it last."""
    now = clock.now()
    if ends_at <= now + SHORTEST_STAY:
        return [FieldProblem("ends_at", "past", "The end must be at least an hour ahead.")]
    if ends_at > now + limit.longest:
        message = (
            f"This exemption lasts {limit.longest.days} days at most, to {now + limit.longest:%d %b %Y}, "
            f"because {limit.why}. Renew it if need be."
        )
        return [FieldProblem("ends_at", "too_long", message)]
    return []


def scope_problems(ask: Ask, application: Application) -> list[FieldProblem]:
    """Instances and patches of which nothing can be exempted."""
    instances = ask.instances
    if not 1 <= len({one.pk for one in instances}) <= MOST_INSTANCES:
        return [FieldProblem("instances", "length", f"Name 1 to {MOST_INSTANCES} instances.")]
    strangers = [one for one in instances if one.application_id != application.pk or one.gone_at]
    found = [
        FieldProblem("instances", "unknown", f"{one.instance_id} is not an instance of {application}.")
        for one in strangers
    ]
    own = [one for one in instances if one not in strangers]
    if ask.kind == Kind.PATCH_EXCLUSION:
        return [*found, *_exclusion_problems(ask, own)]
    if ask.patches:
        message = "Patches are named only by an exemption that leaves patches off; leave this empty."
        found.append(FieldProblem("patches", "unexpected", message))
    windows = windows_of(own)
    return [
        *found,
        *(
            FieldProblem(
                "instances",
                "no_window",
                f"{one} is in no maintenance window of ours, so there is nothing to keep it out of.",
            )
            for one in own
            if one.pk not in windows
        ),
    ]


def windows_of(instances: Iterable[ManagedInstance]) -> dict[int, MaintenanceWindow]:
    """The live window in which each instance is patched, by the instance's primary key."""
    return _rows_of(MaintenanceWindow, instances)


def groups_of(instances: Iterable[ManagedInstance]) -> dict[int, PatchGroup]:
    """The live patch group of each instance, by the instance's primary key."""
    return _rows_of(PatchGroup, instances)


def _rows_of(model: Any, instances: Iterable[ManagedInstance]) -> dict[int, Any]:
    wanted = {(one.account_region_id, one.instance_id): one.pk for one in instances}
    rows = model.objects.live().filter(account_region__in={place for place, _ in wanted})
    return {
        wanted[row.account_region_id, instance_id]: row
        for row in rows
        for instance_id in row.spec["instances"]
        if (row.account_region_id, instance_id) in wanted
    }


def limit_of(ask: Ask) -> policy.Limit:
    """How long it may last and how often it may be renewed, by how its instances stand now."""
    return policy.limit_for(policy.standing_of(ask.instances, ask.patches, ask.exposure, ask.data_class))


def _text_problems(ask: Ask) -> list[FieldProblem]:
    bounds: dict[str, tuple[str, int, int]] = {
        "title": (ask.title, 3, 120),
        "reason": (ask.reason, 20, LONGEST_TEXT),
        "tried": (ask.tried, 0, LONGEST_TEXT),
        "fix_plan": (ask.fix_plan, 0, LONGEST_TEXT),
        "exploited_override": (ask.exploited_override, 0, LONGEST_TEXT),
    }
    return [
        FieldProblem(
            name, "length", f"Give {least} to {most} characters." if least else f"At most {most} characters."
        )
        for name, (text, least, most) in bounds.items()
        if not least <= len(text.strip()) <= most
    ]


def _control_problems(ask: Ask) -> list[FieldProblem]:
    controls = ask.compensating_controls
    if not 1 <= len(controls) <= MOST_CONTROLS:
        message = (
            f"Name 1 to {MOST_CONTROLS} compensating controls, such as “reachable from the bastion only”."
        )
        return [FieldProblem("compensating_controls", "length", message)]
    found = []
    for number, control in enumerate(controls, start=1):
        if not 10 <= len(control.what.strip()) <= 1000:
            text = f"Control {number}: describe it in 10 to 1000 characters."
            found.append(FieldProblem("compensating_controls", "length", text))
        if control.kind not in CONTROL_KINDS:
            text = (
                f"Control {number}: “{control.kind}” is no kind of control; use {', '.join(CONTROL_KINDS)}."
            )
            found.append(FieldProblem("compensating_controls", "choice", text))
        if control.valid_until and not _is_date(control.valid_until):
            text = f"Control {number}: “{control.valid_until}” is no date; write it as 2026-12-31."
            found.append(FieldProblem("compensating_controls", "date", text))
    return found


def _choice_problems(ask: Ask, application: Application) -> list[FieldProblem]:
    found = []
    for name, value, choices in (
        ("kind", ask.kind, Kind.values),
        ("root_cause", ask.root_cause, ["", *Exemption.RootCause.values]),
        ("exposure", ask.exposure, ["", *Exemption.Exposure.values]),
        ("data_class", ask.data_class, ["", *Exemption.DataClass.values]),
    ):
        if value not in choices:
            text = f"“{value}” is not one of {', '.join(one for one in choices if one)}."
            found.append(FieldProblem(name, "choice", text))
    if ask.backup and not roles.is_member(ask.backup, application.team):
        message = (
            f"{ask.backup} is not in {application.team}; name one of its members to be reminded, or nobody."
        )
        found.append(FieldProblem("backup", "unknown", message))
    return found


def _exclusion_problems(ask: Ask, instances: Sequence[ManagedInstance]) -> list[FieldProblem]:
    if not ask.patches:
        message = "Name the patches to leave off, such as KB5039227 or openssl."
        return [FieldProblem("patches", "required", message)]
    if named := [one for one in ask.patches if CVE.fullmatch(one)]:
        systems = {one.operating_system for one in instances}
        fixes = Patch.objects.filter(
            operating_system__in=systems, advisories__cves__cve__in=[one.upper() for one in named]
        )
        known = sorted(set(fixes.order_by().values_list("name", flat=True)))
        such = f", such as {', '.join(known[:5])}" if known else ""
        message = (
            f"{', '.join(named)}: a baseline cannot reject a CVE. Name the KB or package that fixes it{such}."
        )
        return [FieldProblem("patches", "cve", message)]
    groups, found = groups_of(instances), []
    for one in instances:
        group = groups.get(one.pk)
        name = group.spec["baselines"].get(one.operating_system) if group else None
        baseline = PatchBaseline.objects.live().filter(name=name).first() if name else None
        if group is None:
            message = f"{one} is in no patch group of ours; its baseline is not ours to change."
            found.append(FieldProblem("instances", "no_group", message))
        elif baseline is None:
            message = f"{one} has no baseline of ours in {group} for {one.operating_system or 'its system'}."
            found.append(FieldProblem("instances", "no_baseline", message))
        else:
            found += [
                FieldProblem("patches", code, message)
                for code, message in clones.problems(baseline.spec["definition"], ask.patches)
            ]
    return list(dict.fromkeys(found))


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
