"""Asking by form: windows, groups, baselines, removals, several at once, and the next revision of a request."""

import json

import pytest
from django.urls import reverse

from patching.effects import items_of
from patching.models import ChangeRequest, MaintenanceWindow, PatchBaseline, PatchGroup
from patching.web.asking import GroupForm, RemovalForm, SeveralForm, WindowForm
from patching.web.baseline_forms import BaselineForm
from tests import asks, factories
from tests.patching.web.conftest import text_of

WHY = {"title": "A window for dev", "reason": "It was never patched by itself.", "do": "draft"}


@pytest.fixture
def fleet(cast):
    return asks.fleet()


@pytest.fixture
def dev(fleet):
    """The scope of payments in dev, as the address names it."""
    return f"payments:dev:{factories.account_region().pk}"


def window(fleet, **changes):
    return {
        "week": "2",
        "weekday": "TUE",
        "at": "20:00",
        "offset": "1",
        "timezone": "Europe/Berlin",
        "expression": "",
        "duration": "4",
        "cutoff": "1",
        "max_concurrency": "25%",
        "max_errors": "10%",
        "reboot": "RebootIfNeeded",
        "before": "",
        "after": "",
        "scan": "on",
        "name": "payments-dev",
        "description": "",
        "az": "",
        "instances": [one.instance_id for one in fleet[:2]],
        **WHY,
        **changes,
    }


def asked(client, address, said):
    """The items of the request that a form made."""
    response = client.post(address, said)
    assert response.status_code == 302, response.context["form"].errors
    return items_of(ChangeRequest.objects.latest("pk").current)


def url(name, *args, **query):
    return reverse(f"patching:{name}", args=args, query=query or None)


@pytest.mark.parametrize("name", ["window-new", "group-new"])
def test_first_one_chooses_what_it_is_for(name, dev, cast, browse):
    page = text_of(browse(cast["rita"]).get(url(name)))
    assert dev in page.replace("%3A", ":")
    assert "No application of yours has instances" in text_of(browse(cast["clara"]).get(url(name)))


def test_only_instances_that_no_window_has_are_chosen_to_begin_with(approved, cast, browse):
    new = factories.instance(factories.payments(), "dev", availability_zone="eu-central-1a")
    client = browse(cast["rita"])
    address = url("window-new", scope=f"payments:dev:{factories.account_region().pk}")
    form = client.get(address).context["form"]
    assert form["instances"].value() == [new.instance_id]
    assert sum("already in payments-dev-" in label for _, label in form.fields["instances"].choices) == 2
    row = MaintenanceWindow.objects.get(name="payments-dev-a")
    labels = [
        label
        for _, label in client.get(url("window-change", row.pk)).context["form"].fields["instances"].choices
    ]
    assert [label for label in labels if "already in" in label] == [labels[1]]


def test_a_scope_of_another_team_is_no_choice(dev, cast, browse):
    factories.selector(factories.application("data-lake", "analytics"), "dev")
    response = browse(cast["noor"]).get(url("window-new", scope=dev))
    assert "form" not in (response.context or {}) or "payments" not in text_of(response)


@pytest.mark.parametrize(
    ("said", "schedule", "offset"),
    [
        ({}, "cron(0 20 ? * TUE#2 *)", 1),
        ({"week": "every", "weekday": "SUN", "at": "02:30", "offset": "0"}, "cron(30 2 ? * SUN *)", 0),
        ({"week": "L", "weekday": "FRI", "offset": "0"}, "cron(0 20 ? * FRIL *)", 0),
        ({"week": "own", "expression": "rate(7 days)", "offset": "0"}, "rate(7 days)", 0),
    ],
)
def test_a_window_is_asked_for_by_form(said, schedule, offset, dev, fleet, cast, browse):
    (item,) = asked(browse(cast["rita"]), url("window-new", scope=dev), window(fleet, **said))
    spec = item["spec"]
    assert (item["action"], item["kind"], spec["schedule"], spec["offset"]) == (
        "create",
        "window",
        schedule,
        offset,
    )
    assert [task["name"] for task in spec["tasks"]] == ["Install", "Scan"]
    assert len(spec["instances"]) == 2


def test_automations_run_before_and_after(dev, fleet, cast, browse):
    said = window(fleet, before="AWSEC2-CreateVssSnapshot", after="payments-health-check", scan="")
    (item,) = asked(browse(cast["rita"]), url("window-new", scope=dev), said)
    assert [(task["kind"], task["type"]) for task in item["spec"]["tasks"]] == [
        ("pre", "AUTOMATION"),
        ("install", "RUN_COMMAND"),
        ("post", "AUTOMATION"),
    ]


def test_bad_input_is_kept_and_said_where_it_belongs(dev, fleet, cast, browse, subtests):
    for said, field in [
        ({"duration": "25"}, "duration"),
        ({"cutoff": "4"}, "cutoff"),
        ({"name": "a window"}, "name"),
        ({"name": "pw-deferred"}, "name"),
        ({"week": "own", "expression": ""}, "expression"),
        ({"week": "own", "expression": "cron(0 2 * * * *)"}, "expression"),
        ({"offset": "9"}, "offset"),
        ({"timezone": "Nowhere/City"}, "timezone"),
        ({"at": "25:00"}, "at"),
        ({"max_concurrency": "lots"}, "tasks"),
        ({"az": "eu-central-1b"}, "instances"),
        ({"instances": ["i-0123456789abcdef0"]}, "instances"),
    ]:
        with subtests.test(said=said, field=field):
            response = browse(cast["rita"]).post(url("window-new", scope=dev), window(fleet, **said))
            form = response.context["form"]
            assert response.status_code == 400
            assert field in form.errors or (field == "tasks" and form.non_field_errors())
            assert form["title"].value() == WHY["title"]
            assert 'id="form-errors"' in text_of(response)
            assert not ChangeRequest.objects.exists()


def test_a_window_is_changed_in_the_form_that_made_it(approved, cast, browse):
    row = MaintenanceWindow.objects.get(name="payments-dev-a")
    client, address = browse(cast["rita"]), url("window-change", row.pk)
    form = client.get(address).context["form"]
    assert isinstance(form, WindowForm)
    said = {name: form[name].value() for name in form.fields} | WHY | {"duration": 6}
    said["at"] = "21:00"
    (item,) = asked(client, address, {key: value for key, value in said.items() if value is not None})
    assert (item["action"], item["target"], item["spec"]["duration"]) == ("change", row.pk, 6)
    assert {**item["spec"], "duration": 4, "schedule": row.spec["schedule"]} == row.spec | {
        "tasks": item["spec"]["tasks"]
    }


def test_tasks_beyond_the_usual_ones_are_edited_as_json(fleet, dev, cast, browse):
    tasks = [
        {
            "name": "Stop the queue",
            "kind": "pre",
            "document": "AWS-RunPowerShellScript",
            "parameters": {"commands": ["stop"]},
        },
        {"name": "Install", "kind": "install"},
    ]
    request = asks.drafted(cast["rita"], [asks.window_item(fleet[:2], tasks=tasks)])
    client, address = browse(cast["rita"]), url("request-edit", request.pk)
    form = client.get(address).context["form"]
    assert json.loads(form["tasks"].value())[0]["parameters"] == {"commands": ["stop"]}
    said = window(fleet, week="every", weekday="SUN", at="02:00", offset="0", tasks="{broken")
    response = client.post(address, said)
    assert "This is not JSON" in response.context["form"].errors["tasks"][0]
    (item,) = asked(client, address, said | {"tasks": form["tasks"].value()})
    assert item["spec"]["tasks"][0]["name"] == "Stop the queue"


def test_a_group_is_asked_for_with_a_baseline_for_each_system(approved, fleet, cast, browse):
    place = factories.account_region()
    new = factories.instance(factories.payments(), "dev", availability_zone="eu-central-1a")
    said = {
        "name": "payments-dev-2",
        "az": "",
        "instances": [new.instance_id],
        "baseline_WINDOWS": "payments-dev-win",
    }
    address = url("group-new", scope=f"payments:dev:{place.pk}")
    (item,) = asked(browse(cast["rita"]), address, said | WHY)
    assert item["spec"]["baselines"] == {"WINDOWS": "payments-dev-win"}
    response = browse(cast["rita"]).post(address, {**said, **WHY, "baseline_WINDOWS": ""})
    assert "Name a baseline" in response.context["form"].errors["baseline_WINDOWS"][0]


def test_a_group_is_changed_in_its_form(approved, cast, browse):
    row = PatchGroup.objects.get(name="payments-dev")
    client, address = browse(cast["rita"]), url("group-change", row.pk)
    form = client.get(address).context["form"]
    assert isinstance(form, GroupForm)
    said = {name: form[name].value() for name in form.fields} | WHY
    said["instances"] = row.spec["instances"][:1]
    (item,) = asked(client, address, said)
    assert (item["action"], len(item["spec"]["instances"])) == ("change", 1)


@pytest.mark.parametrize(("noun", "model"), [("window", MaintenanceWindow), ("group", PatchGroup)])
def test_a_removal_is_asked_for_with_a_reason(noun, model, approved, cast, browse):
    row = model.objects.filter(name__startswith="payments-dev").first()
    client, address = browse(cast["rita"]), url(f"{noun}-remove", row.pk)
    assert isinstance(client.get(address).context["form"], RemovalForm)
    (item,) = asked(client, address, WHY)
    assert (item["action"], item["target"]) == ("delete", row.pk)
    edit = url("request-edit", ChangeRequest.objects.latest("pk").pk)
    assert isinstance(client.get(edit).context["form"], RemovalForm)


def test_a_baseline_in_use_is_not_removed(approved, cast, browse):
    row = PatchBaseline.objects.get(name="payments-dev-win")
    response = browse(cast["rita"]).post(url("baseline-remove", row.pk), WHY)
    assert response.status_code == 400
    assert "is used by payments-dev" in text_of(response)


def test_only_the_team_asks_for_changes_to_what_is_its_own(approved, cast, browse, subtests):
    for noun in ["window", "group", "baseline"]:
        for verb in ["change", "remove"]:
            for name in ["noor", "ines", "axel"]:
                with subtests.test(noun=noun, verb=verb, name=name):
                    model = {"window": MaintenanceWindow, "group": PatchGroup, "baseline": PatchBaseline}[
                        noun
                    ]
                    assert (
                        browse(cast[name]).get(url(f"{noun}-{verb}", model.objects.first().pk)).status_code
                        == 404
                    )


def test_several_changes_are_asked_for_as_the_api_takes_them(fleet, cast, browse):
    said = WHY | {"items_json": json.dumps(asks.ha_items(fleet))}
    assert len(asked(browse(cast["rita"]), url("several-new"), said)) == 12


def test_broken_items_are_said_with_their_path(fleet, cast, browse, subtests):
    for items in ["", "x", "[]", "{}", "null", "[1]", '[{"action": "create"}]', "[[[[", "1e999"]:
        with subtests.test(items=items):
            response = browse(cast["rita"]).post(url("several-new"), WHY | {"items_json": items})
            assert response.status_code == 400
            assert response.context["form"].errors["items_json"]
            assert response.context["form"]["items_json"].value() == items


def test_an_item_with_a_mistake_is_named(fleet, cast, browse):
    items = asks.ha_items(fleet)
    items[4]["spec"]["duration"] = 99
    response = browse(cast["rita"]).post(url("several-new"), WHY | {"items_json": json.dumps(items)})
    assert (
        "items[4].spec.duration: The duration is 1 to 24" in response.context["form"].errors["items_json"][0]
    )


# Editing


def test_each_request_opens_in_the_form_that_fits_it(fleet, cast, browse):
    client = browse(cast["rita"])
    for items, form in (
        ([asks.window_item(fleet[:2])], WindowForm),
        (asks.ha_items(fleet)[:2], SeveralForm),
        (asks.ha_items(fleet)[:1], BaselineForm),
    ):
        address = url("request-edit", asks.drafted(cast["rita"], items).pk)
        assert isinstance(client.get(address).context["form"], form)
        assert isinstance(client.get(f"{address}?as=json").context["form"], SeveralForm)


def test_an_edit_of_a_submitted_request_goes_back_to_those_who_decide(submitted, cast, browse):
    asks.approve(submitted, cast["omar"])
    items = items_of(submitted.current)
    items[4]["spec"]["duration"] = 5
    said = WHY | {"items_json": json.dumps(items), "note": "An hour more for dev"}
    client, address = browse(cast["rita"]), f"{url('request-edit', submitted.pk)}?as=json"
    assert "Save as revision 2" in text_of(client.get(address))
    response = client.post(address, said, follow=True)
    assert f"Revision 2 of CR-{submitted.pk} is saved. It waits for Team lead" in text_of(response)
    submitted.refresh_from_db()
    assert (submitted.state, submitted.current.note) == ("submitted", "An hour more for dev")


def test_a_request_that_was_sent_back_is_saved_and_submitted_in_one_step(submitted, cast, browse):
    asks.workflow.request_changes(
        submitted, by=cast["ines"], reason="Longer, please.", **asks.reading(submitted)
    )
    items = items_of(submitted.current)
    items[4]["spec"]["duration"] = 5
    said = WHY | {"items_json": json.dumps(items), "do": "submit"}
    browse(cast["rita"]).post(f"{url('request-edit', submitted.pk)}?as=json", said)
    submitted.refresh_from_db()
    assert (submitted.state, submitted.current.number) == ("submitted", 2)


def test_who_may_not_edit_is_led_back(submitted, cast, browse, subtests):
    for name in ["ines", "clara", "axel", "opal"]:
        with subtests.test(name=name):
            response = browse(cast[name]).get(url("request-edit", submitted.pk))
            assert response.status_code == 302
            assert browse(cast["noor"]).get(url("request-edit", submitted.pk)).status_code == 404


def test_who_has_decided_does_not_edit(submitted, cast, browse):
    asks.approve(submitted, cast["omar"])
    response = browse(cast["omar"]).post(f"{url('request-edit', submitted.pk)}?as=json", WHY)
    assert response.status_code == 302
    submitted.refresh_from_db()
    assert submitted.current.number == 1


def test_a_request_that_nobody_can_decide_keeps_the_answers(cast, browse, fleet):
    cast["ines"].role_grants.all().delete()
    cast["ivan"].role_grants.all().delete()
    said = WHY | {"items_json": json.dumps(asks.ha_items(fleet)), "do": "submit"}
    response = browse(cast["rita"]).post(url("several-new"), said)
    assert response.status_code == 422
    assert "Nobody can decide as security operations" in text_of(response)
    assert response.context["form"]["items_json"].value() == said["items_json"]
    assert not ChangeRequest.objects.exists()
