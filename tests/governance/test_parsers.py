"""JSON as strangers send it."""

import io

import pytest
from rest_framework.exceptions import ParseError

from portal.governance.parsers import StrictJSONParser


def parse(text):
    return StrictJSONParser().parse(io.BytesIO(text.encode() if isinstance(text, str) else text))


def test_plain_json_is_read():
    assert parse('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
    assert parse('["\\ud83d\\ude00"]') == ["😀"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, "a": 2}', "appears twice"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": 1e999}', "more than anything here counts"),
        (f'{{"a": {"9" * 5000}}}', "a number of 5000 digits"),
        ('{"a": ["pro\\ud800d"]}', "half of a character, “pro"),
        ('{"pro\\ud800d": 1}', "half of a character"),
        ('{"\\ud800": 1, "\\ud800": 2}', "appears twice"),
        ("[" * 40 + "]" * 40, "nested deeper"),
        ("[" * 100_000, "not acceptable JSON"),
        ("{", "not acceptable JSON"),
        (b"\xff", "not acceptable JSON"),
    ],
)
def test_what_python_would_swallow_is_refused(text, why):
    with pytest.raises(ParseError, match=why):
        parse(text)
