"""What the guides say about the length of a window."""

import pytest

from patching.sizing import ams_table, recommended_hours


@pytest.mark.parametrize(
    ("instances", "hours"), [(0, 4), (49, 4), (50, 5), (300, 10), (1000, 24), (5000, 24)]
)
def test_the_guide_asks_for_an_hour_more_for_every_fifty_instances(instances, hours):
    assert recommended_hours(instances) == hours


@pytest.mark.parametrize(
    ("instances", "share"), [(1, (1, 1)), (200, (1, 1)), (201, (2, 1)), (301, (3, 2)), (1500, (8, 5))]
)
def test_ams_s_table_answers_with_hours_and_windows(instances, share):
    assert ams_table(instances) == share


def test_ams_s_table_ends_at_fifteen_hundred_instances():
    assert ams_table(1501) is None
