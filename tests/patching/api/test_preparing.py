"""Openings are prepared by API: the checklist read, ticked line by line, and changed."""

import pytest

from patching.models import MaintenanceWindow, RunReview
from portal.governance import clock
from tests import factories
from tests.patching.calendar import nights

pytestmark = pytest.mark.django_db


@pytest.fixture
def window(cast):
    return nights.window(members=[factories.instance(env="prod")])


def test_an_opening_is_prepared_with_the_checklist_as_it_is(window, call_api, rita, settings):
    rita_ = call_api(rita)
    first = rita_.get(f"/api/v1/windows/{window.pk}/preparations/").json()[0]
    assert [line["text"] for line in first["checklist"]] == settings.RUN_CHECKLIST
    said = {"planned_at": first["planned_at"], "done": settings.RUN_CHECKLIST[:1]}
    told = rita_.post(f"/api/v1/windows/{window.pk}/prepare/", said, format="json").json()
    assert [line["done_by"] for line in told["checklist"]] == ["rita", "", "", ""]
    assert told["prepared_by"] is None
    told = rita_.post(f"/api/v1/windows/{window.pk}/prepare/", {**said, "lines": said["done"]}, format="json")
    assert told.json()["prepared_by"]["username"] == "rita"
    assert RunReview.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"planned_at": "2026-01-01T00:00:00Z"}, "planned_at"),
        ({"done": ["Nothing of the kind"]}, "done"),
        ({"lines": ["x" * 201]}, "lines"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_mistake_is_named_and_nothing_saved(window, call_api, rita, settings, change, field):
    ahead = call_api(rita).get(f"/api/v1/windows/{window.pk}/preparations/").json()
    said = {"planned_at": ahead[0]["planned_at"], "done": [], **change}
    answer = call_api(rita).post(f"/api/v1/windows/{window.pk}/prepare/", said, format="json")
    assert answer.status_code == 400
    assert field in str(answer.json())
    assert not RunReview.objects.exists()


def test_only_owners_prepare_and_only_what_still_opens(window, call_api, rita, ines):
    ahead = call_api(ines).get(f"/api/v1/windows/{window.pk}/preparations/").json()
    said = {"planned_at": ahead[0]["planned_at"], "done": []}
    assert (
        call_api(ines).post(f"/api/v1/windows/{window.pk}/prepare/", said, format="json").status_code == 403
    )
    MaintenanceWindow.objects.update(retired_at=clock.now())
    assert call_api(rita).get(f"/api/v1/windows/{window.pk}/preparations/").json() == []
    assert (
        call_api(rita).post(f"/api/v1/windows/{window.pk}/prepare/", said, format="json").status_code == 400
    )
