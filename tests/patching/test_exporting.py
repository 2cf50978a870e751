"""What is in effect, written in another tool's format and read again, is what is in effect."""

import pytest

from patching import exporting, importing
from patching.exchange import formats
from patching.models import MaintenanceWindow, PatchGroup
from tests import asks, factories

pytestmark = pytest.mark.django_db
HOOK = {
    "name": "Drain the node",
    "kind": "pre",
    "document": "Payments-Drain",
    "parameters": {"Wait": ["yes"], "Words": ['say "${now}"\nand %{if}']},
}


@pytest.fixture
def payments(rita, omar, ivan, clara):
    """The HA application of payments in effect, and one window with every optional field."""
    instances = asks.fleet()
    asks.in_effect(rita, asks.ha_items(instances), omar, ivan, clara)
    spare = factories.instance(factories.payments(), "dev")
    item = asks.window_item(
        [spare],
        "dev",
        name="payments-spare",
        description="Once a month",
        offset=2,
        schedule="cron(0 2 ? * TUE#2 *)",
        start_date="2026-07-01",
        end_date="2027-07-01",
        tasks=[HOOK, {"name": "Install", "kind": "install", "reboot": "NoReboot"}],
    )
    asks.in_effect(rita, [item], omar)
    return factories.payments()


def exported(wanted):
    place = factories.account_region()
    setup = exporting.setup_of(place, PatchGroup.objects.live(), MaintenanceWindow.objects.live())
    return exporting.text_of(setup, wanted)


def read_again(text, wanted, rita, application):
    place = factories.account_region()
    setup = formats.read(text, account=place.account.account_id, region=place.region)
    into = importing.Into(application, factories.environment("dev"), place, rita)
    return importing.prepare(setup, into)


@pytest.mark.parametrize("wanted", formats.WRITTEN)
def test_what_is_exported_and_imported_is_the_same(wanted, payments, rita):
    text = exported(wanted)
    assert formats.format_of(text) == wanted
    again = read_again(text, wanted, rita, payments)
    assert (again.refused, again.notes, again.items) == ([], [], [])
    assert (
        sorted(line.kind for line in again.lines) == ["baseline"] * 3 + ["patch-group"] * 3 + ["window"] * 7
    )


@pytest.mark.parametrize("wanted", formats.WRITTEN)
def test_one_changed_field_is_the_one_difference(wanted, payments, rita):
    text = exported(wanted).replace("cron(0 2 ? * TUE#2 *)", "cron(0 5 ? * TUE#2 *)")
    again = read_again(text, wanted, rita, payments)
    assert [
        (line.name, [one.field for one in line.differences]) for line in again.lines if line.differences
    ] == [("payments-spare", ["schedule"])]
    assert [item["action"] for item in again.items] == ["change"]


def test_cloudformation_finds_nothing_wrong_with_the_template(payments):
    from cfnlint.api import lint  # it takes seconds that no other test should wait for

    assert [str(one) for one in lint(exported("cloudformation"))] == []
