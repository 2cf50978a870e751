"""Asking by form: windows, groups, baselines, removals, several at once, and the next revision of a request."""

import json

import pytest
from django.urls import reverse

from patching.contents import items_of
from patching.models import ChangeRequest, MaintenanceWindow, PatchBaseline, PatchGroup
from patching.web.asking import GroupForm, RemovalForm, SeveralForm
from patching.web.baseline_forms import BaselineForm
from patching.web.window_forms import WindowForm
from tests import asks, factories
from tests.patching.bad_baselines import MISTAKES, ONLY_AS_JSON, TAG_VALUES
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
        "way": "patch_tuesday",
        "days_after": "1",
        "at": "20:00",
        "timezone": "Europe/Berlin",
        "duration": "4",
        "cutoff": "1",
        **tasks({"name": "Install", "kind": "install"}, {"name": "Scan", "kind": "scan"}),
        "name": "payments-dev",
        "description": "",
        "az": "",
        "instances": [one.instance_id for one in fleet[:2]],
        **WHY,
        **changes,
    }


def tasks(*rows):
    """The form's fields for these tasks."""
    usual = {
        "document": "AWS-RunPatchBaseline",
        "priority": "10",
        "max_concurrency": "25%",
        "max_errors": "10%",
        "cutoff_behavior": "CONTINUE_TASK",
    }
    sent = {"tasks-TOTAL_FORMS": str(len(rows)), "tasks-INITIAL_FORMS": "0"}
    for number, row in enumerate(rows):
        sent |= {f"tasks-{number}-{name}": value for name, value in (usual | row).items()}
    return sent


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
        ({"days_after": "11"}, "cron(0 20 ? * TUE#3 *)", 4),
        ({"way": "weekly", "weekdays": ["SUN", "SAT"], "at": "02:30"}, "cron(30 2 ? * SAT,SUN *)", 0),
        ({"way": "nth", "nth": "L", "weekday": "FRI", "offset": "1"}, "cron(0 20 ? * FRIL *)", 1),
        ({"way": "day", "day": "LW"}, "cron(0 20 LW * ? *)", 0),
        ({"way": "every", "every": "1", "unit": "days", "at": ""}, "rate(1 day)", 0),
        ({"way": "once", "on": "2031-06-20", "at": "02:00"}, "at(2031-06-20T02:00:00)", 0),
        ({"way": "own", "expression": "cron(0 2 15W * ? *)", "offset": "2"}, "cron(0 2 15W * ? *)", 2),
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


def test_tasks_are_asked_for_one_by_one(dev, fleet, cast, browse):
    said = tasks(
        {
            "name": "Snapshot",
            "kind": "pre",
            "document": "AWS-CreateImage",
            "priority": "1",
            "parameters": "NoReboot=true",
        },
        {
            "name": "Install",
            "kind": "install",
            "reboot": "NoReboot",
            "document": "AWS-RunPatchBaselineWithHooks",
            "parameters": "PreInstallHookDocName=payments-stop",
            "cutoff_behavior": "CANCEL_TASK",
        },
        {"name": "Check", "kind": "post", "document": "payments-check", "priority": "20"},
    )
    (item,) = asked(browse(cast["rita"]), url("window-new", scope=dev), window(fleet) | said)
    snapshot, install, check = item["spec"]["tasks"]
    assert snapshot["type"] == "AUTOMATION"
    assert snapshot["parameters"] == {"InstanceId": ["{{TARGET_ID}}"], "NoReboot": ["true"]}
    assert (install["reboot"], install["cutoff_behavior"]) == ("NoReboot", "CANCEL_TASK")
    assert install["parameters"] == {"PreInstallHookDocName": ["payments-stop"]}
    assert (check["type"], check["priority"], check["reboot"]) == ("RUN_COMMAND", 20, "")


def test_what_is_wrong_with_a_task_is_said_in_its_form(dev, fleet, cast, browse):
    said = tasks(
        {"name": "Install", "kind": "install"},
        {"name": "Images", "kind": "post", "document": "AWS-CreateImage", "parameters": "NoRebot=true"},
        {"name": "", "kind": "post", "document": "x", "max_errors": ""},
    )
    response = browse(cast["rita"]).post(url("window-new", scope=dev), window(fleet) | said)
    form = response.context["form"]
    assert response.status_code == 400
    assert set(form.tasks.forms[2].errors) == {"name", "max_errors"}
    said |= {"tasks-TOTAL_FORMS": "2"}
    response = browse(cast["rita"]).post(url("window-new", scope=dev), window(fleet) | said)
    form = response.context["form"]
    assert "has no parameter “NoRebot”" in form.tasks.forms[1].errors["parameters"][0]
    assert any("Task 2, Parameters" in error for error in form.non_field_errors())


@pytest.mark.parametrize(
    ("do", "names"),
    [
        ("task-add:snapshot", ["Snapshot", "Install", "Scan"]),
        ("task-add:post", ["Install", "Scan", "After"]),
        ("task-remove:1", ["Install"]),
        ("task-down:0", ["Scan", "Install"]),
        ("task-up:1", ["Scan", "Install"]),
        ("task-up:0", ["Install", "Scan"]),
        ("task-up:7", ["Install", "Scan"]),
        ("task-nonsense", ["Install", "Scan"]),
    ],
)
def test_tasks_are_added_removed_and_moved_without_a_script(do, names, dev, fleet, cast, browse):
    said = window(fleet, do=do, duration="9", title="")
    response = browse(cast["rita"]).post(url("window-new", scope=dev), said)
    form = response.context["form"]
    assert response.status_code == 200
    assert [one["name"].value() for one in form.tasks.forms] == names
    priorities = [int(one["priority"].value()) for one in form.tasks.forms]
    assert priorities == sorted(priorities)
    assert form["duration"].value() == "9"
    assert 'id="form-errors"' not in text_of(response), "it is not judged yet"
    assert not ChangeRequest.objects.exists()


def test_the_form_shows_words_runs_and_the_time_left(dev, fleet, cast, browse):
    client = browse(cast["rita"])
    first = client.get(url("window-new", scope=dev))
    assert len(first.context["form"].opening.runs) == 12
    assert "Second Tuesday of each month, 20:00" in text_of(first)
    assert "Time left before the cutoff" in text_of(first)
    page = text_of(client.post(url("window-new", scope=dev), window(fleet, days_after="2", do="preview")))
    assert "Thursday after the second Tuesday of each month, 20:00 Europe/Berlin" in page
    assert "Next 12 runs" in page
    broken = text_of(client.post(url("window-new", scope=dev), window(fleet, days_after="", do="preview")))
    assert "once the choices above are in order" in broken


def test_bad_input_is_kept_and_said_where_it_belongs(dev, fleet, cast, browse, subtests):
    for said, field in [
        ({"duration": "25"}, "duration"),
        ({"cutoff": "4"}, "cutoff"),
        ({"name": "a window"}, "name"),
        ({"name": "pw-deferred"}, "name"),
        ({"way": "own", "expression": ""}, "expression"),
        ({"way": "own", "expression": "cron(0 2 * * * *)"}, "expression"),
        ({"way": "nth", "nth": "1", "offset": "9"}, "offset"),
        ({"way": "weekly"}, "weekdays"),
        ({"way": "once"}, "on"),
        ({"way": "once", "on": "2020-01-01"}, "on"),
        ({"way": "every", "every": ""}, "every"),
        ({"days_after": "21"}, "days_after"),
        ({"at": ""}, "at"),
        ({"start_date": "2026-13-01"}, "start_date"),
        ({"end_date": "2020-01-01"}, "end_date"),
        ({"timezone": "Nowhere/City"}, "timezone"),
        ({"at": "25:00"}, "at"),
        ({"tasks-0-max_concurrency": "lots"}, "tasks"),
        ({"tasks-TOTAL_FORMS": "0"}, "tasks"),
        ({"tasks-TOTAL_FORMS": ""}, "tasks"),
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
    said = form.answers() | WHY | {"duration": 6, "at": "21:00"}
    (item,) = asked(client, address, {key: value for key, value in said.items() if value is not None})
    assert (item["action"], item["target"], item["spec"]["duration"]) == ("change", row.pk, 6)
    assert {**item["spec"], "duration": 4, "schedule": row.spec["schedule"]} == row.spec | {
        "tasks": item["spec"]["tasks"]
    }


def test_a_script_of_several_lines_survives_the_form(fleet, dev, cast, browse):
    rows = [
        {
            "name": "Stop the queue",
            "kind": "pre",
            "document": "AWS-RunPowerShellScript",
            "parameters": {"commands": ["$q = Get-Queue\nStop-Queue $q"], "executionTimeout": ["600"]},
        },
        {"name": "Install", "kind": "install"},
    ]
    request = asks.drafted(cast["rita"], [asks.window_item(fleet[:2], tasks=rows)])
    before = items_of(request.current)
    client, address = browse(cast["rita"]), url("request-edit", request.pk)
    form = client.get(address).context["form"]
    assert json.loads(form.tasks.forms[0]["parameters"].value())["executionTimeout"] == ["600"]
    (item,) = asked(client, address, form.answers() | WHY | {"duration": 6})
    assert item["spec"] == before[0]["spec"] | {"duration": 6}
    broken = form.answers() | WHY | {"tasks-0-parameters": "commands"}
    assert "says no Name=value" in text_of(client.post(address, broken))


@pytest.mark.parametrize(
    ("schedule", "offset", "way"),
    [
        ("cron(0 0 20 ? * 3#2 *)", 4, "patch_tuesday"),
        ("cron(0 2 * * ? *)", 0, "weekly"),
        ("cron(15 2 ? * MON#1 *)", 0, "nth"),
        ("cron(0 2 L * ? *)", 1, "day"),
        ("rate(12 hours)", 0, "every"),
        ("at(2031-06-20T02:00:30)", 0, "once"),
        ("cron(0 2 ? JAN SUN *)", 0, "own"),
        ("cron(0 2,14 ? * SUN *)", 0, "own"),
    ],
)
def test_an_existing_schedule_opens_in_its_choices_and_stays_as_written(
    schedule, offset, way, fleet, cast, browse
):
    when = {"schedule": schedule, "offset": offset, "start_date": "2030-01-01", "end_date": "2035-01-01"}
    request = asks.drafted(cast["rita"], [asks.window_item(fleet[:2], **when)])
    client, address = browse(cast["rita"]), url("request-edit", request.pk)
    form = client.get(address).context["form"]
    assert form["way"].value() == way
    (item,) = asked(client, address, form.answers() | WHY | {"duration": 6})
    assert {name: item["spec"][name] for name in when} == when


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


def test_every_mistake_in_the_name_of_a_group_is_said_under_it(
    fleet, dev, cast, browse, silent_aws, subtests
):
    said = {"az": "", "instances": [fleet[0].instance_id], **WHY}
    client = browse(cast["rita"])
    address = f"{reverse('patching:group-new')}?scope={dev}"
    for one in TAG_VALUES:
        if one.shown is None:
            continue
        with subtests.test(one.what):
            answer = client.post(address, {**said, "name": one.name})
            told = answer.context["form"].errors["name"]
            assert answer.status_code == 400
            assert any((one.shown or one.says) in message for message in told), told
    assert not ChangeRequest.objects.exists()


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


def test_items_as_text_name_every_mistake(cast, browse, silent_aws):
    factories.payments()
    whose = {"application": "payments", "environment": "dev"}
    mistakes = [*MISTAKES, *ONLY_AS_JSON]
    items = [
        {
            "action": "create",
            "kind": "baseline",
            "target": None,
            "spec": {"name": f"payments-{number}", **whose, "definition": one.definition},
        }
        for number, one in enumerate(mistakes)
    ]
    answer = browse(cast["rita"]).post(
        reverse("patching:several-new"), {**WHY, "items_json": json.dumps(items)}
    )
    told = answer.context["form"].errors["items_json"]
    missing = [
        one.what
        for number, one in enumerate(mistakes)
        if not any(
            message.startswith(f"items[{number}].spec.definition.{one.field}: ") and one.says in message
            for message in told
        )
    ]
    assert (answer.status_code, missing) == (400, [])
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"[{'9' * 5000}]", "a number of 5000 digits"),
        ("[NaN]", "NaN is not a JSON number"),
        ('[{"action": "create", "action": "delete"}]', "appears twice"),
        ('["\\ud800"]', "half of a character"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_items_that_are_no_strict_json_are_refused(text, says, cast, browse):
    answer = browse(cast["rita"]).post(reverse("patching:several-new"), {**WHY, "items_json": text})
    (told,) = answer.context["form"].errors["items_json"]
    assert (answer.status_code, says in told) == (400, True)


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
