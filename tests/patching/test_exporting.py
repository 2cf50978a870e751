"""What is in effect, written in another tool's format and read again, is what is in effect."""

import json

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from patching import effects, exporting, importing
from patching.baseline_rules import vocabularies
from patching.exchange import belongings, formats
from patching.models import ChangeRequest, MaintenanceWindow, PatchGroup
from tests import asks, factories
from tests.patching import whole_specs

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


# Whatever may be asked for


@st.composite
def setups(draw):
    """A baseline or two, the group that they judge, and a window: as items, with defaults."""
    systems = draw(
        st.lists(st.sampled_from(sorted(vocabularies())), min_size=1, max_size=2, unique=True),
        label="systems",
    )
    names = dict(
        zip(systems, draw(st.lists(whole_specs.aws_names, min_size=2, max_size=2, unique=True)), strict=False)
    )
    whose = {"application": "payments", "environment": "dev"}
    baselines = [
        {"name": name, **whose, "definition": draw(whole_specs.definitions(system))}
        for system, name in names.items()
    ]
    specs = [
        *(("baseline", one) for one in baselines),
        ("patch-group", draw(whole_specs.groups(names))),
        ("window", draw(whole_specs.windows())),
    ]
    return [{"action": "create", "kind": kind, "target": None, "spec": spec} for kind, spec in specs]


def take_effect(items, rita):
    """Rows of what is asked for, as after its last decision."""
    request = factories.change_request(rita, state="approved", seal={})
    factories.revision(request, items)
    effects.take(ChangeRequest.objects.get(pk=request.pk))


def as_aws_json(setup):
    """The requests with which AWS would make it, as the AWS CLI takes them."""
    windows = [
        {
            **one.request,
            "Targets": [
                {"WindowTargetId": target.where, "Targets": list(target.entries)} for target in one.targets
            ],
            "Tasks": [
                {**task.request, "Targets": [{"Key": "WindowTargetIds", "Values": list(task.targets)}]}
                for task in one.tasks
            ],
        }
        for one in setup.windows
    ]
    groups = [
        {"PatchGroup": one.name, "OperatingSystem": system, "BaselineName": name}
        for one in setup.groups
        for system, name in one.baselines.items()
    ]
    told = {"Baselines": [one.request for one in setup.baselines], "PatchGroups": groups, "Windows": windows}
    return json.dumps({**told, "Patchwarden": belongings.section(setup)})


@pytest.mark.parametrize("wanted", formats.FORMATS)
# each example makes rows: looking for a smaller one would take minutes
@settings(max_examples=25, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(items=setups())
def test_whatever_is_in_effect_comes_back_from_every_format(wanted, rita, items):
    application = factories.payments()
    with transaction.atomic():
        take_effect(items, rita)
        setup = exporting.setup_of(
            factories.account_region(), PatchGroup.objects.live(), MaintenanceWindow.objects.live()
        )
        text = as_aws_json(setup) if wanted == "aws-json" else exporting.text_of(setup, wanted)
        note(text)
        again = read_again(text, wanted, rita, application)
        transaction.set_rollback(True)
    assert formats.format_of(text) == wanted
    assert again.refused == []
    assert [(line.name, line.differences) for line in again.lines if line.differences] == []
    assert (again.notes, again.items, len(again.lines)) == ([], [], len(items))
