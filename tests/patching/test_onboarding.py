"""Accounts and applications come in by verbs that check what they are given."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from patching import onboarding
from patching.models import AccountRegion, Application, AwsAccount, Selector
from portal.governance import audit, clock
from portal.governance.errors import InvalidInput, NotAllowed, WrongState
from tests import factories, people
from tests.simulated_aws import RETAIL, SHARED


def test_an_operator_connects_an_account_under_an_external_id_of_our_making(opal):
    first = onboarding.connect("211125483017", "Retail", ["eu-central-1", "us-east-1"], by=opal)
    second = onboarding.connect("334455667788", "Shared", ["eu-central-1"], by=opal)
    assert first.external_id != second.external_id
    assert len(first.external_id) > 40
    assert AccountRegion.objects.filter(account=first, next_pull_at__isnull=False).count() == 2
    assert audit.timeline(first).get().actor == opal


def test_nobody_else_connects_one(rita):
    with pytest.raises(NotAllowed, match="Only operator"):
        onboarding.connect("211125483017", "Retail", ["eu-central-1"], by=rita)


def test_every_bad_field_is_named(opal):
    with pytest.raises(InvalidInput) as raised:
        onboarding.connect("21112548301７", " ", ["Frankfurt"], by=opal)
    assert [problem.field for problem in raised.value.problems] == ["account_id", "name", "regions"]
    assert not AwsAccount.objects.exists()


def test_selectors_that_could_share_an_instance_are_refused(ines):
    payments = factories.payments()
    with pytest.raises(InvalidInput, match="could match this and payments"):
        onboarding.add_selector(
            factories.application("lake", "analytics"),
            factories.environment("prod"),
            factories.account_region(),
            {"App": "payments"},
            by=ines,
        )
    onboarding.add_selector(
        payments, factories.environment("prod"), factories.account_region(), {"App": "payments-eu"}, by=ines
    )


def test_an_application_has_a_name_of_its_own(ines):
    onboarding.add_application("claims-web", "Claims", people.team("payments"), by=ines)
    for slug in ("claims-web", "Claims Web", "a"):
        with pytest.raises(InvalidInput):
            onboarding.add_application(slug, "Claims", people.team("payments"), by=ines)


def test_an_installation_is_set_up_from_the_command_line(db, capsys):
    call_command("connect_account", "211125483017", "Retail", "eu-central-1")
    said = capsys.readouterr().out
    assert AwsAccount.objects.get().external_id in said
    wish = [
        "payments",
        "payments-platform",
        "prod",
        "211125483017/eu-central-1",
        "App=payments",
        "Environment=prod",
    ]
    call_command("add_application", *wish, "--production")
    selector = Selector.objects.get()
    assert (selector.tags, selector.environment.is_production) == (
        {"App": "payments", "Environment": "prod"},
        True,
    )
    with pytest.raises(CommandError, match="could match"):
        call_command("add_application", *["other", *wish[1:]])
    assert not Application.objects.filter(slug="other").exists()
    with pytest.raises(CommandError, match="not connected"):
        call_command("add_application", "x1", "team", "prod", "999999999999/eu-central-1", "App=x1")


# The connection is proved


@pytest.fixture
def connected(db, simulated_aws):
    """Retail as it was set up in AWS."""
    return factories.account_region(factories.account(external_id=simulated_aws.external_id(RETAIL)))


def said_of(place):
    return [entry.action for entry in audit.timeline(place)]


def test_the_connection_is_proved_by_the_identity_that_aws_names(opal, connected):
    place = onboarding.prove(connected, by=opal)
    assert place.identity_arn == f"arn:aws:sts::{RETAIL}:assumed-role/PatchwardenRole/patchwarden"
    assert place.identity_at <= clock.now()
    assert said_of(place) == ["account.proved"]
    assert audit.timeline(place).get().actor == opal


@pytest.mark.parametrize("wrong", ["external_id", "role_name"])
def test_no_way_in_names_the_three_reasons_and_takes_an_earlier_proof_back(opal, connected, wrong):
    place = onboarding.prove(connected, by=opal)
    AwsAccount.objects.update(**{wrong: "SomethingElse"})
    with pytest.raises(onboarding.NotProvenError, match="no such role.*does not trust.*another external id"):
        onboarding.prove(AccountRegion.objects.get(), by=opal)
    place.refresh_from_db()
    assert (place.identity_arn, place.identity_at) == ("", None)
    assert place.last_error.startswith(onboarding.NO_WAY_IN)
    assert said_of(place) == ["account.proved", "account.not_proved"]


def test_a_role_that_leads_elsewhere_proves_nothing(opal, connected, simulated_aws):
    """Somebody's trust chain ends in another account: what AWS says of the caller decides, not what we asked for."""
    wrong = simulated_aws.world.accounts[SHARED]
    session = {
        "account": wrong.account,
        "arn": "arn:aws:sts::x",
        "user_id": "x",
        "expires": "2999-01-01T00:00:00Z",
    }
    sessions = simulated_aws.world.sessions

    class Misled(dict):
        def __setitem__(self, key, value):
            super().__setitem__(key, session)

    simulated_aws.world.sessions = Misled(sessions)
    with pytest.raises(onboarding.NotProvenError, match=f"leads into account {SHARED}, not into {RETAIL}"):
        onboarding.prove(connected, by=opal)
    simulated_aws.world.sessions = sessions


def test_silence_proves_nothing_and_takes_nothing_back(opal, connected, monkeypatch):
    onboarding.prove(connected, by=opal)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(onboarding.NotProvenError, match="nothing is known about the role"):
        onboarding.prove(connected, by=opal)
    assert AccountRegion.objects.get().identity_at is not None


def test_a_proof_lets_what_was_shut_be_tried_at_once(opal, connected):
    later = clock.real_now() + timedelta(hours=3)
    AccountRegion.objects.update(
        health="denied", circuit_opens=4, circuit_until=later, last_error=f"{onboarding.NO_WAY_IN}No."
    )
    place = onboarding.prove(AccountRegion.objects.get(), by=opal)
    assert (place.health, place.circuit_opens, place.circuit_until, place.last_error) == ("ok", 0, None, "")


def test_only_operators_prove_and_only_where_it_is_switched_on(cast, connected):
    for name in ("rita", "omar", "ines", "clara", "axel", "adam", "noor"):
        with pytest.raises(NotAllowed):
            onboarding.prove(connected, by=cast[name])
    connected.is_active = False
    with pytest.raises(WrongState, match="switched off"):
        onboarding.prove(connected, by=cast["opal"])
    assert said_of(connected) == []
