"""Pages of freezes and single openings: asking by form and by calendar, lists, detail, and the owner's preparation."""

from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from patching import holding_words
from patching.contents import items_of
from patching.freeze_calendar import MOST_BYTES
from patching.models import (
    ChangeRequest,
    Freeze,
    MaintenanceWindow,
    Occurrence,
    ResourceState,
    RunReview,
    WindowHold,
)
from portal.governance import clock
from tests import asks, factories, people
from tests.patching.test_freezing import MADE, OPENS, freeze_item, opening_item
from tests.patching.web.conftest import text_of

WHY = {"title": "No patching", "reason": "The books are closed then.", "do": "draft"}
FREEZE = {
    "name": "Year-end closing",
    "why": "The books are closed.",
    "starts_at": "2026-06-06T00:00",
    "ends_at": "2026-06-15T00:00",
    "timezone": "Europe/Berlin",
    "application": "payments",
    "environment": "dev",
    "place": "",
}
CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//x//EN
BEGIN:VEVENT
UID:1@x
SUMMARY:Closing
DTSTART:20260606T000000
DTEND:20260608T000000
END:VEVENT
BEGIN:VEVENT
UID:2@x
SUMMARY:Audit
DTSTART;VALUE=DATE:20260701
END:VEVENT
END:VCALENDAR
"""
BOUNDS = {"timezone": "Europe/Berlin", "application": "payments", "environment": "", "place": ""}


@pytest.fixture
def window(cast):
    clock.set_to(MADE)
    member = factories.instance(factories.payments(), "dev")
    asks.in_effect(cast["rita"], [asks.window_item([member])], cast["omar"])
    return MaintenanceWindow.objects.get()


@pytest.fixture
def rita(cast):
    return people.signed_in(cast["rita"])


def ics(content):
    return SimpleUploadedFile("closing.ics", content, "text/calendar")


def asked():
    return items_of(ChangeRequest.objects.latest("pk").current)


def test_a_freeze_is_asked_for_by_form_with_its_effect_beside_it(window, rita):
    address = reverse("patching:freeze-ask")
    shown = text_of(rita.post(address, {**FREEZE, **WHY, "do": "preview"}))
    assert "Shuts 1 window: 2 openings fall out" in shown
    assert "Durations, zones, soak time" not in shown  # nothing of that was looked at
    assert rita.post(address, {**FREEZE, **WHY}).status_code == 302
    (item,) = asked()
    assert item["spec"] == {**freeze_item()["spec"], "account": "", "region": ""}
    page = rita.get(reverse("patching:request-detail", args=[ChangeRequest.objects.latest("pk").pk]))
    assert "Shuts 1 window: 2 openings fall out, and 1 instance misses a run." in text_of(page)
    assert page.context["quotas"].places == ()  # it takes no room in AWS
    assert "Instances that gain a window" not in text_of(page)


def test_a_freeze_without_a_title_is_titled_by_its_name(window, rita):
    rita.post(reverse("patching:freeze-ask"), {**FREEZE, **WHY, "title": ""})
    assert ChangeRequest.objects.latest("pk").title == "Freeze: Year-end closing"


def test_a_form_for_a_freeze_begins_with_an_application_of_ones_own(window, rita):
    page = rita.get(reverse("patching:freeze-ask"))
    assert page.context["form"]["application"].value() == "payments"
    chosen = rita.get(reverse("patching:freeze-ask"), {"application": ""})
    assert chosen.context["form"]["application"].value() == ""


def test_a_bad_end_is_told_under_its_field(window, rita):
    said = {**FREEZE, **WHY, "ends_at": "2026-06-01T00:00"}
    response = rita.post(reverse("patching:freeze-ask"), said)
    assert response.status_code == 400
    assert response.context["form"].errors["ends_at"] == ["The end comes after the start."]


def test_a_calendar_becomes_one_request_of_several_freezes(window, rita):
    said = {**BOUNDS, "calendar": CALENDAR}
    address = reverse("patching:freeze-calendar")
    preview = text_of(rita.post(address, {**said, **WHY, "do": "preview"}))
    assert "Closing" in preview
    assert "Audit" in preview
    assert rita.post(address, {**said, **WHY}).status_code == 302
    assert [one["spec"]["name"] for one in asked()] == ["Closing", "Audit"]


def test_a_calendar_file_does_the_same_and_its_text_stays_on_the_page(window, rita):
    address = reverse("patching:freeze-calendar")
    said = {**BOUNDS, **WHY, "calendar": "an older text"}
    shown = rita.post(address, {**said, "title": "", "file": ics(CALENDAR.encode())})
    assert shown.context["form"]["calendar"].value() == CALENDAR
    assert rita.post(address, {**said, "file": ics(b"\xef\xbb\xbf" + CALENDAR.encode())}).status_code == 302
    assert [one["spec"]["name"] for one in asked()] == ["Closing", "Audit"]


@pytest.mark.parametrize(
    ("sent", "field", "told"),
    [
        ({"calendar": "hello"}, "calendar", "begins with BEGIN:VCALENDAR"),
        ({"calendar": " "}, "calendar", "Choose an .ics file"),
        ({"file": b""}, "file", "Choose an .ics file"),
        ({"file": b"PK\x03\x04\x00\xff"}, "file", "begins with BEGIN:VCALENDAR"),
        ({"file": CALENDAR.encode("utf-16")}, "file", "UTF-8 text"),
        ({"file": CALENDAR.encode() + b" " * MOST_BYTES}, "file", "larger than 256 KiB"),
    ],
)
def test_what_is_no_calendar_is_told_under_its_field_and_asks_nothing(window, rita, sent, field, told):
    sent = {name: ics(value) if name == "file" else value for name, value in sent.items()}
    before = ChangeRequest.objects.count()
    response = rita.post(reverse("patching:freeze-calendar"), {**BOUNDS, **WHY, **sent})
    assert response.status_code == 400
    assert told in response.context["form"].errors[field][0]
    assert ChangeRequest.objects.count() == before


def test_an_event_that_rules_refuse_is_told_by_its_name(window, rita, cast):
    asks.in_effect(cast["rita"], [freeze_item(name="Audit")], cast["omar"])
    said = {**BOUNDS, **WHY, "file": ics(CALENDAR.encode())}
    response = rita.post(reverse("patching:freeze-calendar"), said)
    (told,) = response.context["form"].errors["calendar"]
    assert told.startswith("Audit, name: There is a freeze called “Audit” already")


def test_a_skip_counts_the_instances_that_miss_a_run(window, rita):
    preview = rita.get(reverse("patching:window-occurrence", args=[window.pk])).context["preview"]
    assert (preview.impact.objects, preview.impact.instances) == ("1 opening", 1)
    assert preview.lines[0].effect.startswith("1 instance of payments-dev misses a run.")


def test_an_opening_is_moved_by_form_in_the_zone_of_its_window(window, rita):
    said = {"run_at": "2026-06-07T00:00:00Z", "what": "move", "moved_to": "2026-06-09T02:00", **WHY}
    response = rita.post(reverse("patching:window-occurrence", args=[window.pk]), said)
    assert response.status_code == 302, response.context["form"].errors
    (item,) = asked()
    assert (item["spec"]["run_at"], item["spec"]["moved_to"]) == (
        "2026-06-07T00:00:00Z",
        "2026-06-09T00:00:00Z",
    )


def test_an_open_request_for_a_freeze_is_edited_in_its_own_form(window, rita):
    rita.post(reverse("patching:freeze-ask"), {**FREEZE, **WHY})
    page = rita.get(reverse("patching:request-edit", args=[ChangeRequest.objects.latest("pk").pk]))
    assert page.context["form"].initial["why"] == "The books are closed."


def test_the_page_of_a_freeze_names_windows_openings_and_how_it_stands(window, rita, cast):
    asks.in_effect(cast["rita"], [freeze_item()], cast["omar"])
    page = text_of(rita.get(reverse("patching:freeze-detail", args=[Freeze.objects.get().pk])))
    assert "payments-dev" in page
    assert "Open until then" in page
    assert "Year-end closing" in text_of(rita.get(reverse("patching:freeze-list")))
    assert "Year-end closing: The books are closed." in text_of(
        rita.get(reverse("patching:window-detail", args=[window.pk]))
    )


def test_a_freeze_ahead_does_not_claim_what_another_one_shuts(window, cast):
    with_another = [
        freeze_item(),
        freeze_item(name="Later", starts_at="2026-06-20T00:00", ends_at="2026-06-22T00:00"),
    ]
    asks.in_effect(cast["rita"], with_another, cast["omar"])
    clock.set_to(OPENS)
    ResourceState.objects.update_or_create(
        account_region=window.account_region,
        kind="window",
        key=str(window.uid),
        defaults={
            "changed_at": OPENS,
            "applied": {"enabled": False},
            "condition": ResourceState.Condition.IN_SYNC,
        },
    )
    words = {
        one.hold.reason.partition(":")[0]: one.word
        for one in holding_words.standing(WindowHold.objects.all())
    }
    assert words == {"Year-end closing": "Disabled in AWS", "Later": "Shut by another hold until then"}


def test_windows_of_others_are_counted_and_not_named(window, cast):
    wide = freeze_item(application="", environment="")
    asks.in_effect(cast["rita"], [wide], cast["ines"], cast["clara"])
    page = text_of(
        people.signed_in(cast["noor"]).get(reverse("patching:freeze-detail", args=[Freeze.objects.get().pk]))
    )
    assert "payments-dev" not in page
    assert "1 window of other teams" in page


def test_a_skipped_opening_shows_on_its_window_with_a_way_to_undo_it(window, rita, cast):
    asks.in_effect(cast["rita"], [opening_item(window)], cast["omar"])
    page = rita.get(reverse("patching:window-detail", args=[window.pk]))
    assert reverse("patching:occurrence-remove", args=[Occurrence.objects.get().pk]) in page.content.decode()


def test_an_owner_prepares_an_opening(window, rita):
    address = reverse("patching:window-prepare", args=[window.pk])
    assert rita.get(address).status_code == 200
    rita.post(f"{address}?run_at=2026-06-07T00:00:00Z", {"lines": "Backup\nTell users", "done": ["Backup"]})
    review = RunReview.objects.get()
    assert review.planned_at == OPENS == datetime(2026, 6, 7, tzinfo=UTC)
    assert [bool(line["done_by"]) for line in review.checklist] == [True, False]
    assert rita.get(f"{address}?run_at=2026-06-08T00:00:00Z").status_code == 404
    page = text_of(rita.get(address))
    assert "1 of 2 done" in page
    assert "Nothing is missing on its 1 instance by the last scans." in page


def test_an_opening_that_stays_shut_is_not_to_be_prepared(window, rita, cast):
    asks.in_effect(cast["rita"], [freeze_item()], cast["omar"])
    page = text_of(rita.get(reverse("patching:window-prepare", args=[window.pk])))
    assert "It does not open then." in page
    assert "What it is expected to do" not in page
