"""The signed register says what was decided, nothing private, and no byte of it can be changed unseen."""

import json

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from exemptions import register_export, register_key
from exemptions.register_export import NotGenuine
from portal.governance import clock
from portal.governance.canonical import canonical_json
from tests.exemptions import asks
from tests.exemptions.test_register_key import PEM

REGISTER = {"installation": "patchwarden", "made_at": "2026-06-01T06:00:00+00:00", "exemptions": []}


@pytest.fixture(autouse=True)
def key(settings):
    settings.REGISTER_SIGNING_KEY = PEM


def test_it_says_what_was_approved_by_whom_and_nothing_private(cast):
    approved = asks.approved(cast["rita"])
    asks.drafted(cast["rita"], list(approved.instances.all()))
    (entry,) = register_export.register_at(clock.now())["exemptions"]
    assert (entry["number"], entry["state"], entry["team"]) == (approved.number, "expiring", "payments")
    assert entry["digest"] == approved.current.digest
    assert len(entry["instances"]) == 2
    assert "clara" in {one["person"] for one in entry["approved_by"]}
    text = canonical_json(entry)
    assert not any(words in text for words in (asks.REASON, asks.CONTROLS, "vendor-statement"))


def test_its_state_follows_the_dates(cast):
    approved = asks.approved(cast["rita"])
    (entry,) = register_export.register_at(approved.ends_at)["exemptions"]
    assert entry["state"] == "expired"


def test_what_was_signed_holds_and_names_the_key():
    found = register_export.verify(register_export.signed(REGISTER))
    assert (found.installation, found.exemptions) == ("patchwarden", 0)
    ours = register_key.key_id(register_key.public_text(register_key.signing_key()))
    assert register_export.verify(register_export.signed(REGISTER), key_id=ours).key_id == ours


def test_a_document_by_another_key_is_told_from_ours(settings):
    from_us = register_export.verify(register_export.signed(REGISTER)).key_id
    with pytest.raises(NotGenuine, match="signed by the key"):
        register_export.verify(register_export.signed(REGISTER), key_id="0" * len(from_us))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("06:00", "07:00"),
        lambda text: text.replace('"register":', '"register": '),
        lambda text: text.replace('{"key_id"', '{"key_id":"x","key_id"'),
        lambda text: json.dumps({**json.loads(text), "more": 1}),
        lambda text: "[]",
        lambda text: "nothing",
        lambda text: "[" * 100_000,
    ],
)
def test_what_was_changed_is_not_genuine(spoil):
    with pytest.raises(NotGenuine):
        register_export.verify(spoil(register_export.signed(REGISTER)))


@given(st.data())
def test_no_changed_byte_goes_unseen(data):
    body = bytearray(SIGNED)
    at = data.draw(st.integers(0, len(body) - 2))  # the line's end says nothing
    body[at] = data.draw(st.integers(0, 127).filter(lambda byte: byte != body[at]))
    with pytest.raises(NotGenuine):
        register_export.verify(body.decode())


def _signed():
    key = load_pem_private_key(PEM.encode(), None)
    public = register_key.public_text(key)
    document = {
        "register": REGISTER,
        "signature": register_key.sign(key, canonical_json(REGISTER).encode()),
        "public_key": public,
        "key_id": register_key.key_id(public),
    }
    return f"{canonical_json(document)}\n".encode()


SIGNED = _signed()
