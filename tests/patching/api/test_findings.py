"""What is found on requests and windows, by API: claims with evidence, and the items of the fix."""

import pytest

from patching.models import MaintenanceWindow
from tests import asks, people


def found(name, address):
    return people.api_client(people.person(name), "read").get(f"/api/v1/{address}/findings/")


@pytest.fixture
def short(cast):
    return asks.drafted(cast["rita"], [asks.window_item(asks.fleet()[:1], duration=1, cutoff=0)])


def test_a_request_tells_findings_sizes_and_quotas(short):
    told = found("rita", f"change-requests/{short.pk}").json()
    (one,) = [each for each in told["findings"] if each["code"] == "too_short"]
    assert one["claim"] == "payments-dev is 1 h long, 4 h are recommended"
    assert [item["spec"]["duration"] for item in one["items"]] == [4]
    (size,) = told["sizes"]
    assert (size["guide"], size["ams_table"], size["rehearsal"], size["tasks"][0]["started"]) == (4, 1, 1, 1)
    windows = next(each for each in told["quotas"] if each["quota"] == "Windows")
    assert (windows["used"], windows["asked"], windows["left"], windows["source"]) == (1, 1, 48, "default")


def test_the_items_of_a_fix_can_be_sent_as_they_are(short, cast):
    told = found("rita", f"change-requests/{short.pk}").json()
    items = next(each["items"] for each in told["findings"] if each["code"] == "too_short")
    reply = people.api_client(cast["rita"]).patch(
        f"/api/v1/change-requests/{short.pk}/", {"items": items}, format="json"
    )
    assert reply.status_code == 200
    told = found("rita", f"change-requests/{short.pk}").json()
    assert "too_short" not in {each["code"] for each in told["findings"]}


def test_a_window_tells_what_to_ask_for(cast):
    asks.in_effect(cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ines"], cast["clara"])
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    (one,) = found("rita", f"windows/{window.pk}").json()["findings"]
    assert (one["code"], [item["kind"] for item in one["items"]]) == ("late", ["baseline"])
    assert found("noor", f"windows/{window.pk}").status_code == 404


def test_nothing_is_told_of_a_request_that_is_closed(short, cast):
    asks.workflow.withdraw(short, by=cast["rita"])
    told = found("rita", f"change-requests/{short.pk}").json()
    assert told == {"findings": [], "sizes": [], "quotas": []}
