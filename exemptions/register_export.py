"""The register of exemptions as a signed document, which anybody can check who knows the public key. Reads only.

It says what was asked, for what, until when and who approved it; no reasons, comments or documents.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from exemptions import register_key
from exemptions.models import Exemption
from portal.governance.canonical import canonical_json
from portal.governance.models import Outcome

MEMBERS = {"register", "signature", "public_key", "key_id"}


class NotGenuine(Exception):
    """The document is not what was signed; the message says how one can tell."""


@dataclass(frozen=True)
class Genuine:
    """What a document that holds says of itself, and by which key."""

    installation: str
    made_at: str
    exemptions: int
    key_id: str


def register_at(moment: datetime) -> dict[str, Any]:
    """Every exemption that was ever submitted, as it stands at a moment."""
    rows = Exemption.objects.exclude(submitted_at=None).order_by("pk")
    rows = rows.select_related("team", "application", "current", "renews")
    rows = rows.prefetch_related(
        "instances__account_region__account",
        "current__decisions__decided_by",
        "current__decisions__on_behalf_of",
    )
    return {
        "installation": settings.INSTALLATION,
        "made_at": _iso(moment),
        "exemptions": [_entry(one, moment) for one in rows],
    }


def signed(register: Mapping[str, Any]) -> str:
    """The document as text, in canonical JSON. Raises KeyProblem."""
    key = register_key.signing_key()
    public = register_key.public_text(key)
    document = {
        "register": register,
        "signature": register_key.sign(key, _message(register)),
        "public_key": public,
        "key_id": register_key.key_id(public),
    }
    return f"{canonical_json(document)}\n"


def verify(text: str, *, key_id: str = "") -> Genuine:
    """Check a document byte by byte. Raises NotGenuine.

    A document carries its public key, so it proves itself only against a ``key_id`` that is known from elsewhere.
    """
    try:
        document = json.loads(text)
        again = canonical_json(document)
    except (ValueError, RecursionError):
        raise NotGenuine("It is not JSON.") from None
    if not isinstance(document, dict) or set(document) != MEMBERS or text.rstrip("\n") != again:
        raise NotGenuine("It is not written as it was signed: something was added, removed or rearranged.")
    public, signature = str(document["public_key"]), str(document["signature"])
    if not register_key.fits(public, signature, _message(document["register"])):
        raise NotGenuine("The signature does not fit: something in it was changed.")
    if document["key_id"] != register_key.key_id(public):
        raise NotGenuine("The key's id is not that of the key.")
    if key_id and document["key_id"] != key_id:
        raise NotGenuine(f"It was signed by the key {document['key_id']}, not by {key_id}.")
    told = document["register"]
    return Genuine(told["installation"], told["made_at"], len(told["exemptions"]), document["key_id"])


def _message(register: Any) -> bytes:
    return canonical_json(register).encode()


def _entry(one: Exemption, moment: datetime) -> dict[str, Any]:
    assert one.current is not None
    return {
        "number": one.number,
        "title": one.title,
        "kind": one.kind,
        "state": one.state_at(moment),
        "team": one.team.slug,
        "application": one.application.slug,
        "instances": sorted(
            f"{row.account_region.account.account_id}/{row.account_region.region}/{row.instance_id}"
            for row in one.instances.all()
        ),
        "patches": one.patches,
        "starts_at": _iso(one.approved_at),
        "ends_at": _iso(one.ends_at),
        "closed_at": _iso(one.closed_at),
        "restored_at": _iso(one.restored_at),
        "renewal": one.renewal,
        "renews": one.renews.number if one.renews else None,
        "revision": one.current.number,
        "digest": one.current.digest,
        "approved_by": [
            {
                "slot": word.slot,
                "person": word.decided_by.username,
                "on_behalf_of": word.on_behalf_of.username if word.on_behalf_of else None,
                "at": _iso(word.decided_at),
            }
            for word in sorted(one.current.decisions.all(), key=lambda word: word.decided_at)
            if word.outcome == Outcome.APPROVE
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
