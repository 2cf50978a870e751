"""When Microsoft publishes, in every zone the same moment."""

from datetime import UTC, datetime

from patching.schedules import publications

MAY = datetime(2026, 5, 1, tzinfo=UTC)


def test_microsoft_publishes_at_ten_in_seattle_on_the_second_tuesday():
    assert publications(MAY, count=2) == [
        datetime(2026, 5, 12, 17, tzinfo=UTC),
        datetime(2026, 6, 9, 17, tzinfo=UTC),
    ]


def test_in_winter_it_is_an_hour_later_in_utc():
    assert publications(datetime(2026, 12, 1, tzinfo=UTC), count=1) == [datetime(2026, 12, 8, 18, tzinfo=UTC)]


def test_a_moment_of_publication_belongs_to_what_begins_there_and_not_to_what_ends():
    first, second = publications(MAY, count=2)
    assert publications(first, end=second, count=9) == [first]
