"""Whatever somebody gets wrong about when a window opens: the field it is in, and what to write instead."""

import pytest

from patching.items import check_items
from patching.models import MaintenanceWindow
from portal.governance.errors import InvalidInput
from tests import asks, factories


def told(**changes):
    """What is said against a window whose other fields are in order, as field and message."""
    item = asks.window_item([], instances=["i-0123456789abcdef0"], **changes)
    return [(one.field.removeprefix("items[0].spec."), one.message) for one in check_items([item])]


MISTAKES = [
    ({"schedule": "0 2 * * SUN"}, "schedule", "Use cron(0 2 ? * SUN *): six fields inside cron( )."),
    ({"schedule": "cron(0 2 ? * SUN)"}, "schedule", "Found 5 fields; 6 needed (7 with seconds)"),
    ({"schedule": "cron(0 2 1 * SUN *)"}, "schedule", "use ? in one of day-of-month and day-of-week"),
    ({"schedule": "cron(0 2 ? * ? *)"}, "schedule", "one of day-of-month and day-of-week must have a value"),
    ({"schedule": "cron(61 2 ? * SUN *)"}, "schedule", 'Minutes: "61" is not allowed; use 0 to 59.'),
    ({"schedule": "cron(0 24 ? * SUN *)"}, "schedule", 'Hours: "24" is not allowed; use 0 to 23.'),
    (
        {"schedule": "cron(0 2 1 13 ? *)"},
        "schedule",
        'Month: "13" is not allowed; use 1 to 12 or JAN to DEC.',
    ),
    ({"schedule": "cron(0 2 ? * MONN *)"}, "schedule", "use 1 to 7 or SUN to SAT."),
    ({"schedule": "cron(0 2 ? * SUN#6 *)"}, "schedule", "# stands alone with 1 to 5 after it"),
    ({"schedule": "cron(0 2 31 FEB ? *)"}, "schedule", "This schedule never runs."),
    ({"schedule": "cron(0/4 2 ? * SUN *)"}, "schedule", "Shortest interval is 5 minutes."),
    ({"schedule": "rate(4 minutes)"}, "schedule", "Shortest interval is 5 minutes."),
    ({"schedule": "rate(1 hours)"}, "schedule", "Write rate(1 hour)"),
    ({"schedule": "rate(5 hour)"}, "schedule", "Write rate(5 hours)"),
    ({"schedule": "rate(0 days)"}, "schedule", "Write rate(1 hour) or rate(5 hours)"),
    ({"schedule": "rate(-1 day)"}, "schedule", "Write rate(1 hour) or rate(5 hours)"),
    ({"schedule": "at(2026-06-20T02:00:00Z)"}, "schedule", "with no zone behind it"),
    ({"schedule": "at(2026-06-20T02:00:00+02:00)"}, "schedule", "with no zone behind it"),
    ({"schedule": f"cron(0 2 ? * SUN {'*' * 250})"}, "schedule", "At most 256 characters (you entered 268)."),
    ({"schedule": "cron(0 2 ? * SUN *)\n"}, "schedule", "Character '\\n' is not allowed."),
    ({"schedule": "cron(\uff10 2 ? * SUN *)"}, "schedule", "Character '\\uff10' is not allowed."),
    ({"schedule": 5}, "schedule", "Give text such as cron(0 2 ? * TUE#2 *) and Europe/London."),
    ({"timezone": "EST5"}, "timezone", '"EST5" is not a time zone. Use a name such as'),
    ({"timezone": "Mars/Phobos"}, "timezone", "Use a name such as"),
    ({"timezone": "GMT+25"}, "timezone", "Use a name such as"),
    ({"timezone": "europe/berlin"}, "timezone", "Use a name such as Europe/Berlin."),
    ({"offset": 7}, "offset", "The offset is 0 to 6 whole days, for cron only."),
    ({"offset": -1}, "offset", "The offset is 0 to 6 whole days, for cron only."),
    ({"offset": 1.5}, "offset", "The offset is 0 to 6 whole days, for cron only."),
    ({"offset": 2, "schedule": "rate(7 days)"}, "offset", "leave it out with rate( ) and at( )."),
    ({"offset": 2, "schedule": "at(2030-06-20T02:00:00)"}, "offset", "leave it out with rate( ) and at( )."),
    ({"start_date": "2026-07-01", "end_date": "2026-07-01"}, "end_date", "The end must come after the start"),
    ({"start_date": "2026-07-01T00:00:00"}, "start_date", "Use a day from 2000 to 2199 such as 2026-07-01"),
    ({"start_date": "20260701"}, "start_date", "Use a day from 2000 to 2199 such as 2026-07-01"),
    ({"start_date": "2026-02-30"}, "start_date", "Use a day from 2000 to 2199 such as 2026-07-01"),
    ({"end_date": "9999-12-31"}, "end_date", "Use a day from 2000 to 2199 such as 2026-07-01"),
    ({"start_date": "0001-01-01"}, "start_date", "Use a day from 2000 to 2199 such as 2026-07-01"),
    ({"duration": 25}, "duration", "The duration is 1 to 24 whole hours, such as 4."),
    ({"duration": "4h"}, "duration", "The duration is 1 to 24 whole hours, such as 4."),
    ({"cutoff": 4}, "cutoff", "shorter than the duration of 4 h, such as 1."),
]


@pytest.mark.parametrize(("changes", "field", "says"), MISTAKES)
def test_a_mistake_names_its_field_and_what_is_right(changes, field, says):
    ((found, message),) = told(**changes)
    assert found == field
    assert says in message
    assert len(message) <= 200
    assert "<" not in message


def test_every_bad_field_is_told_at_once():
    fields = [field for field, _ in told(schedule="cron(61 24 ? * SUN *)", timezone="IST", duration=0)]
    assert fields == ["schedule", "schedule", "timezone", "duration"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"schedule": "at(2020-01-01T02:00:00)"}, "schedule", "Use at(yyyy-mm-ddThh:mm:ss), in the future"),
        ({"schedule": "cron(0 2 ? * SUN 2020-2025)"}, "schedule", "Its last run is over; use * as the year"),
        ({"end_date": "2025-01-01"}, "end_date", "The end has passed; give a day after"),
    ],
)
def test_what_is_asked_for_lies_ahead(changes, field, says, cast):
    payments = factories.payments()
    instance = factories.instance(payments, "dev", availability_zone="eu-central-1a")
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(cast["rita"], [asks.window_item([instance], **changes)])
    (problem,) = refused.value.problems
    assert problem.field == f"items[0].spec.{field}"
    assert says in problem.message


@pytest.mark.django_db
def test_a_window_whose_runs_are_over_may_still_be_changed(cast):
    instance = factories.instance(factories.payments(), "dev", availability_zone="eu-central-1a")
    over = {"schedule": "at(2020-01-01T02:00:00)", "end_date": "2021-01-01"}
    asks.in_effect(cast["rita"], [asks.window_item([instance], **over)], cast["omar"])
    row = MaintenanceWindow.objects.get()
    item = {**asks.window_item([instance], **over, duration=6), "action": "change", "target": row.pk}
    assert asks.drafted(cast["rita"], [item]).state == "draft"
