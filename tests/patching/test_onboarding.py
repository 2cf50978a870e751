"""Accounts and applications come in by verbs that check what they are given."""

import pytest
from django.core.management import CommandError, call_command

from patching import onboarding
from patching.models import AccountRegion, Application, AwsAccount, Selector
from portal.governance import audit
from portal.governance.errors import InvalidInput, NotAllowed
from tests import factories, people


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
