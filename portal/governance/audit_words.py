"""Audit entries in words, in the past tense, for timelines and the log. Pure."""

import re
from datetime import UTC, datetime
from typing import Any

from portal.governance.models import AuditEntry, Role

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
# the end of an action → what somebody did; {names} come from the entry's detail
_SAID = {
    "revised": "wrote revision {revision}",
    "submitted": "submitted revision {revision} for decision",
    "decision.approve": "approved revision {revision}",
    "decision.reject": "rejected revision {revision}",
    "decision.request_changes": "asked for changes to revision {revision}",
    "offered": "offered less than revision {revision} asks for",
    "offer.accepted": "accepted the offer of {from} as revision {revision}",
    "offer.declined": "declined the offer on revision {revision}",
    "changes_requested": "sent it back",
    "approved": "approved it: the last decision was made",
    "rejected": "closed it as rejected",
    "withdrawn": "withdrew it",
    "superseded": "closed it: a later request replaces it",
    "stale": "closed it: what it was decided upon has moved",
    "pushing": "began to push it to AWS",
    "applied": "pushed it to AWS and read it back",
    "partially_applied": "pushed a part of it to AWS",
    "failed": "could not push it to AWS",
    "comment.said": "commented",
    "comment.blocking": "wrote a comment that blocks approval",
    "comment.private": "wrote a private note",
    "comment.resolved": "resolved the blocking comment of {of}",
    "runreview.prepared": "prepared the run, {ticked} lines ticked",
    "runreview.healthy": "confirmed that everything works",
    "runreview.problem": "reported a problem",
    "failurerecord.opened": "opened it",
    "failurerecord.held": "kept later windows shut until {until}",
    "failurerecord.released": "let the held windows go",
    "failurerecord.resolved": "resolved it",
    "calendarfeed.made": "made the calendar address {label}",
    "calendarfeed.revoked": "revoked the calendar address {label}",
    "minted": "made an API token",
    "list.exported": "exported {rows} rows of the list {list} as {format}",
    "setup.exported": "took out what is in effect as {format}: {files}",
    "role.granted": "granted the role {role}",
    "role.ended": "ended the role {role}",
    "role.delegated": "delegated their decisions to {to}",
    "role.delegation_ended": "took back what was delegated to {to}",
    "team.joined": "put {label}",
    "team.left": "took {person} out of the team",
    "person.added": "let them in",
    "person.deactivated": "deactivated them: sessions, tokens and password ended",
    "person.reactivated": "let them in again",
    "account.proved": "proved the connection",
    "account.not_proved": "checked the connection and found no way in",
    "revoked": "revoked it",
    "narrowed": "narrowed it",
    "restored": "restored it, with proof from AWS",
    "drift.restore_wished": "asked to restore it",
    "review_raised": "asked for a review: {text}",
    "review_kept": "reviewed it and let it go on",
    "review_ended": "reviewed it and ended it",
    "succeeded": "finished the push",
    "partial": "finished a part of the push",
    "refused": "refused the plan of the push",
    "abandoned": "gave up the push",
}
_ROLES = {"applied": "ok", "approved": "ok", "succeeded": "ok", "restored": "ok", "approve": "ok"} | {
    "resolved": "ok",
    "blocking": "warn",
    **dict.fromkeys(("failed", "rejected", "refused", "reject"), "bad"),
    **dict.fromkeys(
        ("review_raised", "changes_requested", "stale", "partially_applied", "request_changes", "partial"),
        "warn",
    ),
    **dict.fromkeys(("submitted", "pushing"), "wait"),
}
SLOTS = {
    "team_lead": "team lead",
    "security_operations": "security operations",
    "ciso": "CISO",
    "lead_or_security": "team lead or security operations",
}


def said(entry: AuditEntry) -> str:
    """What the entry tells, to stand behind a name: "approved revision 3 as CISO"."""
    if entry.action == "token.revoked":
        return f"revoked the API token {entry.detail.get('name', '')}".strip()
    parts = entry.action.split(".")
    for length in (2, 1):
        template = _SAID.get(".".join(parts[-length:]))
        if template:
            break
    else:
        template = plain(parts[-1])
    values = {**entry.detail, "label": entry.object_label}
    if "role" in values:
        values["role"] = dict(Role.choices).get(values["role"], values["role"])
    text = re.sub(r"\{(\w+)\}", lambda found: _told(values.get(found[1], "")), template)
    slot = SLOTS.get(str(entry.detail.get("slot", "")))
    return " ".join(f"{text}{' as ' + slot if slot else ''}".split())


def _told(value: Any) -> str:
    """A value of the detail for people; a moment is kept there as ISO has it."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    try:
        moment = datetime.fromisoformat(str(value)) if _MOMENT.match(str(value)) else None
    except ValueError:
        moment = None
    return f"{moment.astimezone(UTC):%a %-d %b %Y, %H:%M} UTC" if moment else str(value)


def role(entry: AuditEntry) -> str:
    """The colour role of an entry on a timeline."""
    return _ROLES.get(entry.action.rpartition(".")[2], "off")


def plain(name: str) -> str:
    """partially_applied as people write it."""
    return name.replace("_", " ")


def event(entry: AuditEntry) -> dict[str, Any]:
    """An entry as the timeline component takes it."""
    return {
        "at": entry.at,
        "who": str(entry.actor) if entry.actor_id else "",
        "what": said(entry),
        "reason": entry.reason,
        "role": role(entry),
    }
