"""Schedules that can be read, for property tests: each field by itself, and whole ones."""

from typing import Any

from hypothesis import strategies as st

from patching.schedules.reading import read


def _values(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Numbers, names, ranges that may wrap, steps, and lists of those."""
    one = st.sampled_from([*map(str, range(low, high + 1)), *names])
    span = st.builds("{}-{}".format, one, one)
    step = st.builds("{}/{}".format, st.one_of(st.just("*"), one, span), st.integers(1, high - low))
    return st.one_of(
        st.just("*"),
        one,
        span,
        step,
        st.lists(st.one_of(one, span, step), min_size=2, max_size=4).map(",".join),
    )


_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_of_week = st.one_of(
    _values(1, 7, _DAYS),
    st.builds("{}#{}".format, st.sampled_from(_DAYS), st.integers(1, 5)),
    st.builds("{}L".format, st.sampled_from(_DAYS)),
)
_of_month = st.one_of(
    _values(1, 31),
    st.sampled_from(["L", "LW"]),
    st.builds("L-{}".format, st.integers(1, 30)),
    st.builds("{}W".format, st.integers(1, 31)),
)
_days = st.one_of(_of_week.map(lambda one: ("?", one)), _of_month.map(lambda one: (one, "?")))

# the two fields of days belong together: one of them is always ?
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "second": st.one_of(st.just("0"), _values(0, 59)),
    "minute": _values(0, 59),
    "hour": _values(0, 23),
    "days": _days,
    "month": st.one_of(st.just("*"), _values(1, 12, _MONTHS)),
    "year": st.sampled_from(["*", "2027", "2026-2030", "2026/2", "2027,2029", "2026-2199"]),
}


def cron(fields: dict[str, Any]) -> str:
    day, weekday = fields["days"]
    said = (fields["second"], fields["minute"], fields["hour"], day, fields["month"], weekday, fields["year"])
    return f"cron({' '.join(said)})"


def can_be_read(fields: dict[str, Any]) -> bool:
    return len(cron(fields)) <= 256 and read(cron(fields))[0] is not None


fields_of_cron = st.fixed_dictionaries(FIELDS).filter(can_be_read)
crons = fields_of_cron.map(cron)
