"""Somebody else's window or baseline is brought under management from its page, by the team that it reaches."""

import pytest
from django.urls import reverse

from patching import contents, pull
from patching.models import ChangeRequest, Unmanaged
from tests import asks, factories, pushing
from tests.patching.aws.test_unmanaged import a_window
from tests.patching.web.conftest import text_of
from tests.pushing import pushed

WHY = "It was made by hand, and nobody decided on it."


@pytest.fixture
def theirs(retail, simulated_aws):
    """A window by hand that reaches both servers of payments."""
    ssm = simulated_aws.client("ssm")
    window = a_window(ssm)
    (target,) = ssm.describe_maintenance_window_targets(WindowId=window)["Targets"]
    ssm.update_maintenance_window_target(
        WindowId=window,
        WindowTargetId=target["WindowTargetId"],
        Targets=[{"Key": "tag:App", "Values": ["payments"]}],
    )
    pull.pull(retail)
    return Unmanaged.objects.get(aws_id=window)


def address(row):
    return reverse("patching:adopt", args=[row.pk])


def filled(form, **changes):
    """What a browser would send of a form as it was shown."""
    return {**form.answers(), **changes}


def test_the_form_is_filled_in_from_what_stands_in_aws(theirs, rita, browse):
    answer = browse(rita).get(address(theirs))
    form, page = answer.context["form"], text_of(answer)
    assert (form["name"].value(), form["duration"].value()) == ("legacy-sunday", 3)
    assert (form["way"].value(), form["weekdays"].value()) == ("weekly", ["SUN"])
    assert sorted(form["instances"].value()) == sorted(one.instance_id for one in pushing.servers())
    assert theirs.aws_id in page
    assert "the ones that are there now are removed" in page


def test_from_the_page_to_aws_it_keeps_its_id(theirs, retail, rita, browse, simulated_aws):
    client = browse(rita)
    form = client.get(address(theirs)).context["form"]
    answer = client.post(address(theirs), {**filled(form, reason=WHY), "do": "draft"})
    assert answer.status_code == 302, answer.context["form"].errors
    made = ChangeRequest.objects.get()
    assert answer.url == reverse("patching:request-detail", args=[made.pk])
    (item,) = contents.items_of(made.current)
    assert (item["action"], item["kind"], item["target"]) == ("adopt", "window", theirs.pk)
    assert [one["kind"] for one in item["spec"]["tasks"]] == ["install"]
    request = asks.workflow.submit(made, by=rita)
    while slots := pushing.permissions.open_slots(request):
        request = asks.approve(request, pushing.permissions.eligible(request, slots[0])[0])
    pushed(retail)
    pushed(retail)
    request.refresh_from_db()
    assert request.state == "applied"
    window = simulated_aws.client("ssm").get_maintenance_window(WindowId=theirs.aws_id)
    assert (window["Name"], window["Enabled"]) == ("legacy-sunday", True)
    pull.pull(retail)
    assert not Unmanaged.objects.filter(gone_at=None).exists()


def test_editing_the_draft_stays_an_adoption(theirs, rita, browse):
    client = browse(rita)
    form = client.get(address(theirs)).context["form"]
    client.post(address(theirs), {**filled(form, reason=WHY), "do": "draft"})
    made = ChangeRequest.objects.get()
    edit = reverse("patching:request-edit", args=[made.pk])
    form = client.get(edit).context["form"]
    client.post(edit, {**filled(form, duration=4), "do": "draft"})
    made.refresh_from_db()
    (item,) = contents.items_of(made.current)
    assert (item["action"], item["target"], item["spec"]["duration"]) == ("adopt", theirs.pk, 4)


def test_what_reaches_another_teams_instances_is_not_theirs_to_ask_for(theirs, rita, noor, opal, browse):
    lake = factories.application("data-lake", "analytics")
    factories.instance(lake, "dev", theirs.account_region, tags={"App": "payments"})
    factories.selector(lake, "dev", theirs.account_region)
    for person in (rita, noor, opal):
        assert browse(person).get(address(theirs)).status_code == 404
    item = asks.window_item([], name="payments-dev")
    with pytest.raises(asks.workflow.InvalidInput, match="There is no window outside"):
        asks.drafted(rita, [{**item, "action": "adopt", "target": theirs.pk}])


def test_a_baseline_comes_with_its_rules(retail, rita, browse, simulated_aws):
    ssm = simulated_aws.client("ssm")
    made = ssm.create_patch_baseline(
        Name="legacy-win",
        OperatingSystem="WINDOWS",
        RejectedPatches=["KB5034441"],
        ApprovalRules={"PatchRules": [pushing.EVERYTHING]},
    )
    ssm.register_patch_baseline_for_patch_group(BaselineId=made["BaselineId"], PatchGroup="legacy")
    for server in pushing.servers():
        simulated_aws.client("ec2").create_tags(
            Resources=[server.instance_id], Tags=[{"Key": "PatchGroup", "Value": "legacy"}]
        )
    pull.pull(retail)
    row = Unmanaged.objects.get(kind="baseline")
    answer = browse(rita).get(address(row))
    assert "It judges legacy there." in text_of(answer)
    form = answer.context["form"]
    assert form["rejected"].value() == "KB5034441"
    said = {**form.answers(), "reason": WHY, "application": "payments", "environment": "dev"}
    answer = browse(rita).post(address(row), {**said, "do": "draft"})
    assert answer.status_code == 302, answer.context["form"].errors
    (item,) = contents.items_of(ChangeRequest.objects.get().current)
    assert (item["action"], item["kind"], item["target"]) == ("adopt", "baseline", row.pk)


def test_the_list_of_what_is_not_managed_says_who_may_bring_it(theirs, opal, browse):
    tab = reverse("patching:account-detail", args=[theirs.account_region_id])
    page = text_of(browse(opal).get(tab, {"tab": "unmanaged"}))
    assert "It reaches 2 instances of payments." in page.replace("\N{NO-BREAK SPACE}", " ")
    assert address(theirs) in page
    assert "Bring under management<span" not in page
