"""How every state of every noun is shown: one table of its colour role and its word, and icons that differ. Pure."""

from typing import Any, NamedTuple


class Look(NamedTuple):
    """How one state is shown: its colour role, its icon, its word."""

    role: str
    word: str
    icon: str


ICON_OF_ROLE = {
    "ok": "circle-check",
    "wait": "clock",
    "warn": "alert-triangle",
    "bad": "alert-circle",
    "off": "circle-dashed",
}

# A key is a state, or "kind.state" where one word means different things for different nouns.
STATES: dict[str, tuple[str, str]] = {
    # change requests and exemptions, as stored
    "draft": ("off", "Draft"),
    "submitted": ("wait", "Waits for decisions"),
    "changes_requested": ("warn", "Changes asked for"),
    "approved": ("ok", "Approved"),
    "pushing": ("wait", "Being pushed"),
    "applied": ("ok", "Applied"),
    "partially_applied": ("warn", "Partly applied"),
    "failed": ("bad", "Failed"),
    "rejected": ("bad", "Rejected"),
    "withdrawn": ("off", "Withdrawn"),
    "stale": ("warn", "Overtaken by events"),
    "superseded": ("off", "Replaced by a later request"),
    "revoked": ("warn", "Revoked"),
    "kept": ("ok", "It may go on"),
    "ended": ("warn", "It was ended"),
    "restored": ("ok", "Ended, restored with proof"),
    # computed from dates
    "lapsed": ("off", "Lapsed undecided"),
    "upcoming": ("wait", "Approved, not begun"),
    "active": ("ok", "Active"),
    "expiring": ("warn", "Ends soon"),
    "expired": ("warn", "Expired, not yet restored"),
    # decisions, and the slots they fill
    "decision.approve": ("ok", "Approved"),
    "decision.reject": ("bad", "Rejected"),
    "decision.request_changes": ("warn", "Asked for changes"),
    "slot.open": ("wait", "Waits"),
    "slot.vacant": ("bad", "Nobody may decide"),
    "slot.advice": ("off", "Advice"),
    # what somebody said
    "comment.blocking": ("warn", "Blocks approval"),
    "comment.resolved": ("ok", "Resolved"),
    "comment.note": ("wait", "Private note"),
    # what a request, a plan or an operation does to an object
    "action.create": ("ok", "New"),
    "action.change": ("wait", "Change"),
    "action.update": ("wait", "Change"),
    "action.delete": ("bad", "Removal"),
    "action.adopt": ("wait", "Adoption"),
    "action.enable": ("ok", "Switch on"),
    "action.disable": ("warn", "Switch off"),
    "action.none": ("off", "As it is"),
    "action.blocked": ("bad", "Cannot be done"),
    "action.waiting": ("wait", "Waits"),
    # push and pull runs
    "planned": ("wait", "Planned"),
    "running": ("wait", "Running"),
    "succeeded": ("ok", "Done"),
    "partial": ("warn", "Partly done"),
    "refused": ("bad", "Refused itself"),
    "abandoned": ("warn", "Worker lost"),
    # one frozen AWS request
    "operation.intent": ("wait", "Sent or about to be"),
    "operation.abandoned": ("off", "Given up, not needed"),
    "done": ("ok", "Done"),
    "unknown": ("off", "Unknown"),
    # what is true of an object in AWS
    "pending": ("wait", "Not in AWS yet"),
    "in_sync": ("ok", "As approved"),
    "out_of_sync": ("wait", "Waits for a push"),
    "drifted": ("warn", "Edited outside Patchwarden"),
    "missing": ("bad", "Gone from AWS"),
    "parked": ("bad", "Parked"),
    "removed": ("off", "Removed"),
    # freezes, by dates
    "freeze.ahead": ("wait", "Ahead"),
    "freeze.in_force": ("warn", "In force"),
    "freeze.ended": ("off", "Over"),
    "freeze.removed": ("off", "Removed"),
    "orphan": ("warn", "Ours, but nobody asked for it"),
    "twin": ("warn", "In AWS twice"),
    "enforced": ("ok", "Enforced"),
    "not_enforced": ("wait", "Not enforced yet"),
    "enabled": ("ok", "Enabled"),
    "disabled": ("off", "Disabled"),
    # account-regions
    "healthy": ("ok", "Healthy"),
    "unreachable": ("bad", "AWS does not answer"),
    "denied": ("bad", "AWS does not let us in"),
    "throttled": ("warn", "AWS asks us to slow down"),
    "clock": ("bad", "The host's clock is wrong"),
    "breaker.closed": ("ok", "Closed"),
    "breaker.open": ("bad", "Open"),
    "breaker.trying": ("wait", "Next try decides"),
    # changes made outside
    "drift.open": ("warn", "Open"),
    "drift.restored": ("ok", "Restored"),
    "drift.adopted": ("ok", "Kept by request"),
    "drift.passed": ("off", "Went away by itself"),
    "backing_off": ("warn", "Waits before the next try"),
    "never_pulled": ("off", "Not read yet"),
    "proved": ("ok", "Proved"),
    "not_proved": ("off", "Not proved"),
    # instances: what EC2 and the agent say, and compliance
    "instance.running": ("ok", "Running"),
    "instance.stopped": ("off", "Stopped"),
    "instance.terminated": ("off", "Terminated"),
    "online": ("ok", "Agent online"),
    "connection_lost": ("bad", "Agent offline"),
    "inactive": ("bad", "Agent inactive"),
    "not_managed": ("warn", "Not managed"),
    "compliant": ("ok", "Compliant"),
    "non_compliant": ("bad", "Not compliant"),
    "excused": ("wait", "Excused by an exemption"),
    "known_exploited": ("bad", "Known exploited"),
    "not_approved": ("off", "Not approved"),
    "never_scanned": ("off", "Never scanned"),
    "stale_scan": ("warn", "Old scan"),
    # one patch on one instance, in SSM's words
    "patch.installed": ("ok", "Installed"),
    "patch.installed_other": ("ok", "Installed, not by the baseline"),
    "patch.installed_pending_reboot": ("warn", "Needs a restart"),
    "patch.installed_rejected": ("warn", "Installed, but rejected"),
    "patch.missing": ("bad", "Missing"),
    "patch.failed": ("bad", "Failed to install"),
    "patch.not_applicable": ("off", "Not applicable"),
    "patch.available_security_update": ("warn", "Available, not approved"),
    # one execution of a window, in SSM's words
    "execution.pending": ("wait", "Pending"),
    "execution.in_progress": ("wait", "Running"),
    "execution.success": ("ok", "Done"),
    "execution.timed_out": ("bad", "Timed out"),
    "execution.cancelling": ("wait", "Being cancelled"),
    "execution.cancelled": ("off", "Cancelled"),
    "execution.skipped_overlapping": ("warn", "Skipped, the last one still ran"),
    "execution.not_started": ("bad", "Not started"),
    # one opening of a window on the calendar
    "opening.planned": ("wait", "Planned"),
    "opening.open": ("wait", "Open now"),
    "opening.not_seen": ("off", "No run seen"),
    "opening.held": ("warn", "Held shut"),
    "opening.skipped": ("off", "Skipped"),
    "opening.moved": ("wait", "Moved here"),
    "opening.moved_away": ("off", "Moved away"),
    # what owners say of a run, and what they reported
    "review.open": ("wait", "Not confirmed yet"),
    "review.healthy": ("ok", "Confirmed healthy"),
    "review.problem": ("bad", "Problem reported"),
    "failure.open": ("bad", "Open"),
    "failure.resolved": ("ok", "Resolved"),
    # mail and tokens
    "outbox.waiting": ("wait", "Waits to be sent"),
    "outbox.sent": ("ok", "Sent"),
    "outbox.failed": ("bad", "Not delivered"),
    "token.active": ("ok", "Active"),
    "token.expired": ("off", "Expired"),
}

ICONS_OF_STATES = {
    "action.create": "plus",
    "action.change": "replace",
    "action.update": "replace",
    "action.delete": "trash",
    "action.adopt": "link",
    "action.enable": "player-play",
    "action.disable": "player-pause",
    "slot.advice": "message",
    "comment.note": "lock",
    "excused": "shield-off",
    "opening.held": "lock",
    "opening.skipped": "ban",
    "opening.moved": "arrow-right",
    "opening.moved_away": "arrow-right",
    "pushing": "upload",
}


def spelled(name: str) -> str:
    """DuplicateFound, CONNECTION_LOST and "request-changes" in the spelling of the table."""
    if not name.isupper():
        name = "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(name))
    return name.lower().replace("-", "_").replace(" ", "_").replace("__", "_")


def look_of(state: Any, kind: str = "", label: str = "", role: str = "", icon: str = "") -> Look:
    """How to show a state; what the table does not know is shown neutral and never green."""
    name = spelled(str(getattr(state, "value", state) or "unknown"))
    key = f"{kind}.{name}" if f"{kind}.{name}" in STATES else name
    known_role, word = STATES.get(key, ("off", name.replace("_", " ").capitalize()))
    role = role or known_role
    return Look(role, label or word, icon or ICONS_OF_STATES.get(key, ICON_OF_ROLE[role]))
