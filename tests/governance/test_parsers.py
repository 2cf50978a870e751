"""JSON as strangers send it."""

import io

import pytest
from rest_framework.exceptions import ParseError

from portal.governance.parsers import StrictJSONParser


def parse(text):
    return StrictJSONParser().parse(io.BytesIO(text.encode() if isinstance(text, str) else text))


def test_plain_json_is_read():
    assert parse('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, "a": 2}', "appears twice"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ("[" * 40 + "]" * 40, "nested deeper"),
        ("[" * 100_000, "not acceptable JSON"),
        ("{", "not acceptable JSON"),
        (b"\xff", "not acceptable JSON"),
    ],
)
def test_what_python_would_swallow_is_refused(text, why):
    with pytest.raises(ParseError, match=why):
        parse(text)
