import pytest
from hypothesis import given
from hypothesis import strategies as st

from patching.schedules import ScheduleError, parse
from patching.schedules.days import DaysOfMonth, DaysOfWeek, LastDay, LastOfMonth, NearestWeekday, NthOfMonth
from patching.schedules.forms import At, Cron, Rate
from patching.schedules.reading import read, read_zone


def days(day_of_month, day_of_week):
    return parse(f"cron(0 2 {day_of_month} * {day_of_week} *)").days


def test_six_fields_start_with_minutes_and_seven_with_seconds():
    assert parse("cron(30 2 ? * SUN *)") == parse("cron(0 30 2 ? * SUN *)")
    assert parse("cron(15 30 2 ? * SUN *)").seconds == (15,)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("5", (5,)),
        ("05", (5,)),
        ("5,35", (5, 35)),
        ("35,5,5", (5, 35)),
        ("10-13", (10, 11, 12, 13)),
        ("10-20/5", (10, 15, 20)),
        ("1-31/30", (1, 31)),
        ("0/20", (0, 20, 40)),
        ("*/20", (0, 20, 40)),
        ("/59", (0, 59)),
        ("58-1", (0, 1, 58, 59)),
        ("7,50-52", (7, 50, 51, 52)),
    ],
)
def test_a_field_takes_lists_ranges_and_steps(field, values):
    assert parse(f"cron({field} 2 ? * SUN *)").minutes == values


def test_hours_and_months_may_wrap_round():
    assert parse("cron(0 22-2 * * ? *)").hours == (0, 1, 2, 22, 23)
    assert parse("cron(0 2 1 NOV-FEB ? *)").months == (1, 2, 11, 12)
    assert parse("cron(0 2 1 */3 ? *)").months == (1, 4, 7, 10)


@pytest.mark.parametrize(
    ("day_of_month", "rule"),
    [
        ("*", DaysOfMonth(frozenset(range(1, 32)))),
        ("1,15", DaysOfMonth(frozenset({1, 15}))),
        ("L", LastDay()),
        ("L-2", LastDay(before=2)),
        ("LW", LastDay(on_weekday=True)),
        ("15W", NearestWeekday(15)),
    ],
)
def test_day_of_month(day_of_month, rule):
    assert days(day_of_month, "?") == rule


@pytest.mark.parametrize(
    ("day_of_week", "rule"),
    [
        ("*", DaysOfWeek(frozenset(range(1, 8)))),
        ("1", DaysOfWeek(frozenset({1}))),
        ("SUN", DaysOfWeek(frozenset({1}))),
        ("sat", DaysOfWeek(frozenset({7}))),
        ("MON-FRI", DaysOfWeek(frozenset({2, 3, 4, 5, 6}))),
        ("MON-SUN", DaysOfWeek(frozenset(range(1, 8)))),
        ("FRI-MON", DaysOfWeek(frozenset({6, 7, 1, 2}))),
        ("TUE,FRI", DaysOfWeek(frozenset({3, 6}))),
        ("L", DaysOfWeek(frozenset({7}))),
        ("6L", LastOfMonth(6)),
        ("FRIL", LastOfMonth(6)),
        ("TUE#2", NthOfMonth(3, 2)),
        ("5#3", NthOfMonth(5, 3)),
    ],
)
def test_day_of_week_counts_from_sunday(day_of_week, rule):
    assert days("?", day_of_week) == rule


def test_rates_and_single_runs_are_read():
    assert parse("rate(1 hour)") == Rate(1, "hour")
    assert parse("rate(14 days)") == Rate(14, "day")
    assert parse("at(2026-06-20T02:00:00)").moment.isoformat() == "2026-06-20T02:00:00"


@pytest.mark.parametrize(
    ("expression", "field", "says"),
    [
        ("", "expression", "Enter a schedule"),
        (None, "expression", "Enter a schedule"),
        ([], "expression", "Enter a schedule"),
        ("0 2 * * SUN", "expression", "Use cron(0 2 ? * SUN *): six fields inside cron( )."),
        ("daily", "expression", "Use cron(0 2 ? * SUN *), rate(7 days) or at("),
        ("CRON(0 2 ? * SUN *)", "expression", "small letters"),
        ("cron(0 2 ? * SUN *", "expression", "close its bracket"),
        ("cron()", "expression", "Found 0 fields; 6 needed (7 with seconds)"),
        ("cron(0 2 * * SUN)", "expression", "Found 5 fields; 6 needed (7 with seconds)"),
        ("cron(0 0 0 2 ? * SUN *)", "expression", "Found 8 fields"),
        ("cron(0 2 ? * SUN *)\n", "expression", "Character '\\n' is not allowed"),
        ("cron(\uff10 2 ? * SUN *)", "expression", "Character '\\uff10' is not allowed"),
        (" cron(0 2 ? * SUN *)", "expression", "Remove the space"),
        (f"cron(0 2 ? * SUN {'*' * 256})", "expression", "At most 256 characters (you entered 274)."),
        ("cron(0 1 * * * *)", "day_of_month", "use ? in one of day-of-month and day-of-week"),
        ("cron(0 1 ? * ? *)", "day_of_week", "must have a value"),
        ("cron(71 8 1 * ? *)", "minutes", '"71" is not allowed; use 0 to 59.'),
        ("cron(0 24 1 * ? *)", "hours", "use 0 to 23"),
        ("cron(0 dummy ? * SUN *)", "hours", '"dummy" is not allowed'),
        ("cron(60 0 2 ? * SUN *)", "seconds", "use 0 to 59"),
        ("cron(0 2 32 * ? *)", "day_of_month", "use 1 to 31"),
        ("cron(0 2 0 * ? *)", "day_of_month", "use 1 to 31"),
        ("cron(0 2 L,15 * ? *)", "day_of_month", "stand alone"),
        ("cron(0 2 1 13 ? *)", "month", "use 1 to 12 or JAN to DEC"),
        ("cron(0 2 1 ? ? *)", "month", "? stands only in day-of-month or day-of-week"),
        ("cron(0 2 ? * MONN *)", "day_of_week", '"MONN" is not allowed; use 1 to 7 or SUN to SAT.'),
        ("cron(0 2 ? * 8 *)", "day_of_week", "use 1 to 7"),
        ("cron(0 2 ? * SUN#6 *)", "day_of_week", "1 to 5"),
        ("cron(0 2 ? * SAT#1,SAT#3 *)", "day_of_week", "# stands alone"),
        ("cron(0 2 ? * MON,6L *)", "day_of_week", "L stands alone"),
        ("cron(0 2 ? * SUN 1969)", "year", "use 1970 to 2199"),
        ("cron(0 2 ? * SUN 2030-2026)", "year", "ends before it starts"),
        ("cron(0/0 2 ? * SUN *)", "minutes", 'the step "0" after / must be 1 to 59'),
        ("cron(0/90 2 ? * SUN *)", "minutes", "must be 1 to 59"),
        ("cron(0/ 2 ? * SUN *)", "minutes", "must be 1 to 59"),
        ("cron(1- 2 ? * SUN *)", "minutes", '"" is not allowed'),
        ("cron(-5 2 ? * SUN *)", "minutes", '"" is not allowed'),
        ("cron(0 2 31 FEB ? *)", "day_of_month", "This schedule never runs."),
        ("cron(0 2 29 2 ? 2027)", "day_of_month", "This schedule never runs."),
        ("cron(0 2 ? FEB SUN#5 2027)", "day_of_week", "This schedule never runs."),
        ("rate(1 hours)", "expression", "Write rate(1 hour)"),
        ("rate(5 hour)", "expression", "Write rate(5 hours)"),
        ("rate(0 days)", "expression", "Write rate(1 hour) or rate(5 hours)"),
        ("rate(-1 day)", "expression", "Write rate(1 hour) or rate(5 hours)"),
        ("rate(10 MINUTES)", "expression", "Write rate(1 hour) or rate(5 hours)"),
        ("rate(10 seconds)", "expression", "Write rate(1 hour) or rate(5 hours)"),
        ("rate()", "expression", "Write rate(1 hour) or rate(5 hours)"),
        ("at(2026-06-20T02:00:00Z)", "expression", "Use at(yyyy-mm-ddThh:mm:ss) with no zone"),
        ("at(2026-06-20 02:00)", "expression", "Use at(yyyy-mm-ddThh:mm:ss)"),
        ("at(2026-02-30T02:00:00)", "expression", '"2026-02-30T02:00:00" is no date and time'),
        ("at(0000-01-01T00:00:00)", "expression", "is no date and time"),
    ],
)
def test_a_mistake_names_its_field_and_a_right_example(expression, field, says):
    with pytest.raises(ScheduleError) as refused:
        parse(expression)
    assert refused.value.field == field
    assert says in str(refused.value)
    assert len(str(refused.value)) <= 200


def test_every_bad_field_is_told_at_once():
    schedule, problems = read("cron(61 24 1 13 ? 1900)")
    assert schedule is None
    assert [problem.field for problem in problems] == ["minutes", "hours", "month", "year"]


@pytest.mark.parametrize(
    "timezone", ["IST", "EST5", "Mars/Phobos", "GMT+25", "../etc/passwd", "Europe", "", None, []]
)
def test_a_time_zone_is_a_name_that_exists(timezone):
    with pytest.raises(ScheduleError, match="is not a time zone") as refused:
        read_zone(timezone)
    assert refused.value.field == "timezone"


def test_a_misspelt_time_zone_is_answered_with_the_nearest():
    with pytest.raises(ScheduleError, match="such as Europe/Berlin"):
        read_zone("europe/berlin")


@given(st.text(max_size=60))
def test_no_text_whatever_breaks_the_reader(text):
    for expression in (text, f"cron({text})", f"rate({text})", f"at({text})"):
        schedule, problems = read(expression)
        assert isinstance(schedule, Cron | Rate | At) != bool(problems)
        assert all(problem.field and len(str(problem)) <= 200 for problem in problems)


ATOMS = st.sampled_from(
    ["*", "?", "0", "1", "7", "29", "31", "59", "L", "LW", "15W", "MON", "6L", "TUE#2", "SUN#5"]
)
PIECES = st.one_of(ATOMS, st.builds("{}{}{}".format, ATOMS, st.sampled_from(["-", "/", ",", "#"]), ATOMS))


@given(st.lists(PIECES, min_size=6, max_size=7))
def test_no_arrangement_of_cron_pieces_breaks_the_reader(fields):
    schedule, problems = read(f"cron({' '.join(fields)})")
    assert isinstance(schedule, Cron) != bool(problems)
