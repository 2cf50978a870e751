"""What the page of one exemption shows: what it means, how it stands in AWS, what it leaves unpatched. Reads only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q

from exemptions import asked, ending, exploited, permissions
from exemptions.models import Decision, Exemption
from exemptions.moved import moved_between
from exemptions.overlaps import overlaps_of
from exemptions.web import brief, catalogued, ends, other_ways, shown_elsewhere
from patching import exclusions, openings, posture
from patching.models import MaintenanceWindow, ManagedInstance, PatchFinding, ResourceState, Waiver
from patching.words import counted, listed
from portal.governance import audit, audit_words, clock, roles
from portal.governance.looks import Look
from portal.governance.models import AuditEntry, User

State = Exemption.State
Condition = ResourceState.Condition
MOST_PATCHES = 15  # shown before the rest is asked for
MOST_EARLIER = 5
MOST_RUNS = 400  # a run every six hours for as long as an exemption may last
NAMED = 3

ENFORCEMENT = {  # how one instance stands → role and word
    "not_enforced": ("wait", "Approved, not enforced yet"),
    "enforced": ("ok", "Enforced, read back"),
    "drifted": ("warn", "Drifted"),
    "failed": ("bad", "Could not be enforced"),
    "not_restored": ("warn", "Not restored yet"),
    "restored": ("ok", "Restored, read back"),
}
WAY_BACK = {
    Condition.IN_SYNC: ("ok", "Laid down in AWS"),
    Condition.DRIFTED: ("warn", "Edited outside Patchwarden"),
    Condition.FAILED: ("bad", "Could not be laid down"),
    Condition.MISSING: ("bad", "Gone from AWS"),
    Condition.REMOVED: ("off", "Done, taken away"),
}
STEPS = ("critical", "important", "moderate", "low", "other")


@dataclass(frozen=True)
class Row:
    """One instance: the window it is kept out of, and how that stands in AWS."""

    instance: ManagedInstance
    window: str
    state: str
    role: str
    label: str
    text: str = ""
    way_back: tuple[str, str] | None = None  # role and word
    laid_down_at: datetime | None = None
    returns_at: datetime | None = None  # what the way back in AWS says
    proved_at: datetime | None = None  # when a push read it back after the end
    first_patched_at: datetime | None = None


@dataclass(frozen=True)
class Missed:
    """One window and what the exemption costs in its runs."""

    window: MaintenanceWindow
    instances: int
    runs: Sequence[datetime]
    first_after: datetime | None

    @property
    def timezone(self) -> str:
        return str(self.window.spec["timezone"])


def of(exemption: Exemption, user: User, *, all_patches: bool = False) -> dict[str, Any]:
    """Everything the page shows, each kind of row fetched once."""
    now = clock.now()
    state = exemption.state_at(now)
    joined = "environment", "account_region__account"
    instances = list(exemption.instances.select_related(*joined).order_by("name", "pk"))
    excludes = exemption.kind == Exemption.Kind.PATCH_EXCLUSION
    windows = {} if excludes else asked.windows_of(instances)
    homes = asked.groups_of(instances) if excludes else windows
    missed = _missed(exemption, instances, windows, now)
    findings = _findings(instances, exemption.patches)
    shown = findings if all_patches else findings[:MOST_PATCHES]
    catalogued.add_pages(shown, instances)
    said = asked.content_of(exemption.current) if exemption.current else {}
    override = bool(said.get("exploited_override"))
    needs = list(exemption.needs) or permissions.slots_needed(
        instances, exemption.ends_at - now, exemption.renewal, exploited=override
    )
    about = {
        "exemption": exemption,
        "revision": exemption.current,
        "said": said,
        "exploited": exploited.under(instances, exemption.patches)
        if exemption.state in Exemption.OPEN or state in ("active", "expiring")
        else [],
        "state": state,
        "is_open": exemption.state in Exemption.OPEN,
        "holds": state in ("active", "expiring"),
        "instances": instances,
        "production": sum(bool(one.environment and one.environment.is_production) for one in instances),
        "excludes": excludes,
        "rows": _rows(exemption, instances, homes),
        "missed": missed,
        "runs_missed": sum(len(one.runs) for one in missed),
        "first_missed": min((one.runs[0] for one in missed if one.runs), default=None),
        "moves": _moves(instances, windows),
        "held_by_others": _held_by_others(exemption, instances, now),
        "findings": shown,
        "named": catalogued.pages_of(instances, exemption.patches),
        "patches": len(findings),
        "open_findings": sum(one["instances"] for one in findings),
        "critical": sum(one["instances"] for one in findings if one["step"] == posture.Step.CRITICAL),
        "oldest": min((one["since"] for one in findings), default=None),
        "lasts": exemption.ends_at - (exemption.approved_at or now),
        "why_more": _why_more(exemption, needs, instances, now, override),
        "slots": _slots(exemption, user, needs, state),
        "documents": exemption.documents.select_related("added_by"),
        "earlier": _earlier(exemption, user, now),
        "overlaps": overlaps_of(exemption, user),
        "events": [_event(entry) for entry in _entries(exemption)],
        "may": _may(exemption, user, state),
        "mirrors": shown_elsewhere.of(exemption, instances),
        "other_ways": other_ways.findings_of(exemption, instances),
        **ends.of(exemption, user),
        **brief.of(exemption, user, instances, now),
    }
    about["verdict"] = _verdict(exemption, user, state)
    about["standing"] = Counter(row.state for row in about["rows"])
    return about


# What it means


def _missed(
    exemption: Exemption,
    instances: Sequence[ManagedInstance],
    windows: Mapping[int, MaintenanceWindow],
    now: datetime,
) -> list[Missed]:
    """Per window the runs that its instances miss, and the first one after the end."""
    size = Counter(windows[one.pk].pk for one in instances if one.pk in windows)
    rows = []
    for window in {one.pk: one for one in windows.values()}.values():
        start = exemption.approved_at or now
        starts = openings.next_starts(window.spec, start=start, count=MOST_RUNS, since=window.created_at)
        runs = [one for one in starts if one < exemption.ends_at]
        after = openings.next_starts(window.spec, start=exemption.ends_at, count=1, since=window.created_at)
        rows.append(Missed(window, size[window.pk], runs, after[0] if after else None))
    return sorted(rows, key=lambda one: one.window.name)


def _moves(
    instances: Sequence[ManagedInstance], windows: Mapping[int, MaintenanceWindow]
) -> list[dict[str, Any]]:
    """Tag moves by account's tag key and window, for the list of what changes in AWS."""
    counts = Counter(
        (one.account_region.account.window_tag, windows[one.pk].name)
        for one in instances
        if one.pk in windows
    )
    return [{"tag": tag, "window": name, "count": count} for (tag, name), count in sorted(counts.items())]


def _held_by_others(
    exemption: Exemption, instances: Sequence[ManagedInstance], now: datetime
) -> list[Waiver]:
    """Other waivers in force on the same instances: the tag goes back at the latest end of them all."""
    others = Waiver.objects.in_force(now).filter(instance__in=instances)
    others = others.exclude(source=f"exemption:{exemption.pk}")
    return list(others.select_related("instance").order_by("instance__name", "ends_at"))


def _findings(instances: Sequence[ManagedInstance], patches: Sequence[str]) -> list[dict[str, Any]]:
    """Open findings of the instances by patch, the worst and oldest first; only of ``patches`` where some are named."""
    found = PatchFinding.objects.open().filter(instance__in=instances)
    if patches:
        found = exclusions.naming(found, patches)
    rows = (
        posture.with_step(found)
        .values("patch_id", "step", "severity")
        .annotate(
            instances=Count("instance", distinct=True),
            since=Min("first_seen_at"),
            title=Min("title"),
            failed=Count("pk", filter=Q(state="failed")),
        )
        .order_by()
    )
    return sorted(rows, key=lambda row: (STEPS.index(row["step"]), row["since"], row["patch_id"]))


def _why_more(
    exemption: Exemption,
    needs: Sequence[str],
    instances: Sequence[ManagedInstance],
    now: datetime,
    override: bool,
) -> str:
    """Why security operations decide too, in words; "" where they do not."""
    if permissions.SECURITY not in needs:
        return ""
    reasons = []
    if exemption.ends_at - (exemption.submitted_at or now) > permissions.LONG:
        reasons.append(f"it lasts longer than {permissions.LONG.days} days")
    if override:
        reasons.append("something known to be exploited stays open by an override")
    if exemption.renewal:
        reasons.append("it is a renewal")
    if permissions.is_high_risk(instances):
        reasons.append("a critical patch is missing on a production instance")
    return listed(reasons) or "of what it was when it was submitted"


# How it stands


def _rows(exemption: Exemption, instances: Sequence[ManagedInstance], homes: Mapping[int, Any]) -> list[Row]:
    """Each instance with the window or, of an exclusion, the patch group that is its own."""
    if exemption.approved_at is None:
        word = ("off", "Asked for") if exemption.state in Exemption.OPEN else ("off", "Not exempted")
        return [Row(one, homes[one.pk].name if one.pk in homes else "", "asked", *word) for one in instances]
    proven = {one["instance"]: one for one in exemption.restored_proof or ()}
    return [_row(one, proven.get(one["instance"].instance_id)) for one in ending.enforcement_of(exemption)]


def _row(one: ending.Enforcement, proof: Mapping[str, Any] | None) -> Row:
    """What was proved stays so, whatever another exemption does to the instance later."""
    if proof is not None:
        return _proven(one, proof)
    role, label = ENFORCEMENT[one["state"]]
    back = one["way_back"]
    known = WAY_BACK.get(Condition(back.condition)) if back else None
    ready = ending.lies_ready(back)
    return Row(
        one["instance"],
        one["waiver"].restores_to,
        one["state"],
        role,
        label,
        one["text"],
        known or ("wait", "Not laid down yet"),
        back.changed_at if back and ready else None,
        _moment((back.applied or {}).get("at")) if back and ready else None,
        first_patched_at=one["first_patched_at"],
    )


def _proven(one: ending.Enforcement, proof: Mapping[str, Any]) -> Row:
    role, label = ENFORCEMENT["restored"]
    text = f"Tag read back as {proof['tag']}" if proof["because"] == "Read back." else proof["because"]
    return Row(
        one["instance"],
        one["waiver"].restores_to,
        "restored",
        role,
        label,
        text,
        WAY_BACK[Condition.REMOVED],
        proved_at=datetime.fromisoformat(proof["read_back_at"]) if proof["read_back_at"] else None,
        first_patched_at=one["first_patched_at"],
    )


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(f"{text}+00:00") if text else None


# Who decides


@dataclass(frozen=True)
class Verdict:
    """The decision that one person may make now."""

    title: str
    progress: str
    others: str  # whose word it still waits for besides


def _verdict(exemption: Exemption, user: User, state: str) -> Verdict | None:
    slot = permissions.slot_for(user, exemption) if state == State.SUBMITTED else None
    if slot is None:
        return None
    role = permissions.SLOT_NAMES[slot] if slot == permissions.CISO else "security operations"
    if slot == permissions.CISO and (giver := roles.delegating_ciso(user)):
        role = f"delegate of {giver}, CISO"
    left = [permissions.SLOT_NAMES[one] for one in permissions.open_slots(exemption) if one != slot]
    needed = len(exemption.needs)
    progress = "Yours is the only decision it needs"
    if needed > 1:
        progress = f"{needed - len(left) - 1} of {needed} decisions made" + (
            "" if left else ", yours is left"
        )
    return Verdict(f"Your decision as {role}", progress, listed(left))


def _slots(exemption: Exemption, user: User, needs: Sequence[str], state: str) -> list[dict[str, Any]]:
    """Who decided and who is still to decide, as the component takes it."""
    words = Decision.objects.filter(revision=exemption.current).select_related("decided_by", "on_behalf_of")
    made = {word.slot: word for word in words}
    shown = []
    for slot in needs:
        role = permissions.SLOT_NAMES[slot]
        word = made.get(slot)
        if word is not None:
            role += f", for {word.on_behalf_of}" if word.on_behalf_of else ""
            shown.append(
                {
                    "person": "You" if word.decided_by_id == user.pk else str(word.decided_by),
                    "role": role,
                    "state": word.outcome,
                    "about": f"revision {exemption.current.number}" if exemption.current else "",
                    "when": word.decided_at,
                    "reason": word.reason,
                }
            )
        elif exemption.state in Exemption.OPEN and state != "lapsed":
            people = list(permissions.eligible(exemption, slot))
            why = (
                "Needed for every exemption"
                if slot == permissions.CISO
                else "Needed because of its risk or length"
            )
            shown.append(
                {
                    "person": _people(people, user),
                    "role": role,
                    "state": "open" if people else "vacant",
                    "about": why if people else "",
                }
            )
    return shown


def _people(people: Sequence[User], user: User) -> str:
    names = sorted(
        ("You" if one.pk == user.pk else str(one) for one in people), key=lambda name: (name != "You", name)
    )
    if len(names) > NAMED:
        names = [*names[: NAMED - 1], f"{len(names) - NAMED + 1} others"]
    return listed(names, "or")


def _may(exemption: Exemption, user: User, state: str) -> dict[str, bool]:
    """Which verbs this person has here; the others are not shown."""
    closed = bool(exemption.current and exemption.current.decisions.filter(closes=True).exists())
    member = roles.is_member(user, exemption.team)
    return {
        "edit": exemption.state in Exemption.OPEN and member and permissions.may_edit(user, exemption),
        "submit": exemption.state in (State.DRAFT, State.CHANGES_REQUESTED) and member and not closed,
        "withdraw": exemption.state in Exemption.OPEN and permissions.may_withdraw(user, exemption),
        "revoke": state in ("active", "expiring") and permissions.may_revoke(user, exemption),
    }


# What came before


def _earlier(exemption: Exemption, user: User, now: datetime) -> list[Exemption]:
    """Other exemptions of this team, those on the same instances first."""
    mine = exemption.instances.values("pk")
    rows = Exemption.objects.visible_to(user).filter(team=exemption.team).exclude(pk=exemption.pk)
    return list(
        rows.exclude(state=State.DRAFT)
        .with_effective_state(now)
        .annotate(
            size=Count("instances", distinct=True),
            shared=Count("instances", filter=Q(instances__in=mine), distinct=True),
        )
        .order_by("-shared", "-pk")[:MOST_EARLIER]
    )


def _entries(exemption: Exemption) -> Sequence[AuditEntry]:
    """Its history, newest first; who opened which document is in the audit log."""
    entries = audit.timeline(exemption).exclude(action="exemptions.document.read")
    return list(entries.select_related("actor").order_by("-seq"))


def _event(entry: AuditEntry) -> dict[str, Any]:
    told = audit_words.event(entry)
    if entry.action == "exemptions.document.added":
        told["what"] = f"attached {entry.detail.get('name', 'a document')}"
    elif entry.action == "exemptions.document.damaged":
        told |= {"what": f"found {entry.detail.get('name', 'a document')} damaged", "role": "bad"}
    elif entry.action == "exemptions.exemption.restored":
        told["what"] = (
            f"read back {counted(len(entry.detail.get('proof', [])), 'instance')} and marked it restored"
        )
    return told


# What moved while somebody read


def moved_since(exemption: Exemption, number: int, sentence: str) -> dict[str, Any]:
    """What changed between the revision that somebody read and the one there is now."""
    read = exemption.revisions.filter(number=number).first()
    now = exemption.revisions.select_related("author").order_by("-number").first()
    moved = moved_between(read, now) if read and now else []
    return {"sentence": sentence, "read": number, "now": now, "moved": moved}


def since(exemption: Exemption, earlier: Look) -> dict[str, Any]:
    """What changed since somebody looked, as ``components/since.html`` takes it."""
    assert exemption.current is not None
    read = exemption.revisions.get(number=earlier.revision)
    return {
        "look": earlier,
        "now": exemption.current,
        "moved": moved_between(read, exemption.current),
        "url": "#h-why",
    }
