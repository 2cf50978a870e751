"""What every endpoint shares: input that names every bad field."""

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from portal.governance.api_parts import In


class WishIn(In):
    name = serializers.CharField(max_length=3)
    size = serializers.IntegerField()

    def problems(self, data):
        return {"shape[0]": [ErrorDetail("Round, please.", "square")]} if data.get("size") == 4 else {}


def errors_of(body, **options):
    wish = WishIn(data=body, **options)
    wish.is_valid()
    return set(wish.errors)


def test_unknown_bad_and_missing_fields_are_named_together():
    assert errors_of({"name": "too long", "colour": "red"}) == {"name", "size", "colour"}
    assert errors_of({"name": "a", "size": 4, "x": 1}) == {"shape[0]", "x"}
    assert errors_of({"name": "a", "size": 1}) == set()


def test_part_of_it_may_be_left_out_of_a_patch_but_nothing_added():
    assert errors_of({"name": "a"}, partial=True) == set()
    assert errors_of({"colour": "red"}, partial=True) == {"colour"}


@pytest.mark.parametrize("body", [[], "text", 7])
def test_another_shape_is_one_error(body):
    assert errors_of(body) == {"non_field_errors"}
