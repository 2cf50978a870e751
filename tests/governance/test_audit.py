"""The audit chain: nothing is written outside a transaction, nothing altered goes unseen."""

import json

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from portal.governance import audit, triggers
from portal.governance.models import AuditEntry, AuditHead


@pytest.fixture
def chain(rita):
    with transaction.atomic():
        for number in range(5):
            audit.record("story.told", rita, by=rita, reason=f"chapter {number}", detail={"number": number})


def test_each_entry_seals_the_one_before(chain):
    entries = list(AuditEntry.objects.order_by("seq"))
    assert [entry.prev_hash for entry in entries[1:]] == [entry.hash for entry in entries[:-1]]
    assert audit.verify() == audit.Proof(5)


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_refused(rita):
    with pytest.raises(RuntimeError, match="belongs in the transaction"):
        audit.record("story.told", rita, by=rita)


def test_an_entry_falls_with_what_it_tells_of(rita):
    with transaction.atomic():
        audit.record("story.told", rita, by=rita)
        transaction.set_rollback(True)
    assert audit.verify() == audit.Proof(0)


TAMPERING = {
    "reason": "reason = 'another story'",
    "actor": "actor_name = 'Nobody'",
    "action": "action = 'story.untold'",
    "object": "object_label = 'someone else'",
    "time": "at = real_at, real_at = '2020-01-01 00:00:00+00:00'",
    "detail": "detail = '{\"number\": 9}'",
    "hash": "hash = prev_hash",
}


@pytest.mark.parametrize("change", TAMPERING.values(), ids=TAMPERING.keys())
def test_a_changed_entry_is_named(chain, change):
    tamper(f"UPDATE governance_auditentry SET {change} WHERE seq = 3")  # noqa: S608
    assert audit.verify().bad_seq == 3


def test_a_lost_entry_is_named(chain):
    tamper("DELETE FROM governance_auditentry WHERE seq = 2")
    assert audit.verify().bad_seq == 2


def test_a_cut_tail_is_seen_by_the_head(chain):
    tamper("DELETE FROM governance_auditentry WHERE seq = 5")
    proof = audit.verify()
    assert (proof.bad_seq, proof.problem) == (5, "The chain ends at 4, its head says 5.")


def test_the_command_names_the_first_bad_entry(chain, capsys):
    call_command("verify_audit", "--json")
    assert json.loads(capsys.readouterr().out)["holds"] is True
    tamper("UPDATE governance_auditentry SET reason = 'x' WHERE seq = 4")
    with pytest.raises(SystemExit) as left:
        call_command("verify_audit", "--json")
    assert left.value.code == 1
    assert json.loads(capsys.readouterr().out)["first_bad"] == 4


def test_a_team_reads_its_own_part_and_the_auditor_all(rita, noor, axel):
    with transaction.atomic():
        audit.record("story.told", rita, by=rita, team=rita.memberships.get().team)
    assert audit.visible_to(noor).count() == 0
    assert audit.visible_to(rita).count() == audit.visible_to(axel).count() == 1


def test_the_head_is_one_row(chain):
    assert AuditHead.objects.get().seq == 5


def tamper(statement):
    """As somebody would who owns the database and took its triggers away."""
    triggers.remove(connection)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        triggers.install(connection)
