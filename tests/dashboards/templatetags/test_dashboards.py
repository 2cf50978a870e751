"""Numbers as links, and the tint of a heat cell."""

import pytest

from portal.dashboards.templatetags.dashboards import (
    at_key,
    findings_url,
    heat,
    instances_count,
    instances_url,
)


def test_an_empty_filter_stays_out_of_the_address():
    assert instances_url(status="", application=None) == "/compliance/instances/"
    assert findings_url(patch="a b&c") == "/compliance/findings/?patch=a+b%26c"


def test_a_number_is_a_link_to_what_it_counts_and_a_zero_is_none():
    assert instances_count(1284, status="compliant") == (
        '<a class="n" href="/compliance/instances/?status=compliant">1,284</a>'
    )
    assert "<a" not in instances_count(0, status="compliant")


@pytest.mark.parametrize(
    ("count", "most", "css"),
    [(0, 8, "z"), (1, 8, "h1c"), (2, 8, "h1c"), (3, 8, "h2c"), (8, 8, "h4c"), (1, 1, "h4c"), (0, 0, "z")],
)
def test_the_tint_follows_the_number(count: int, most: int, css: str):
    assert heat(count, most) == css


def test_a_missing_value_counts_as_none():
    assert at_key({"low": 3}, "critical") == 0
