from datetime import UTC, datetime

import pytest
from django.core.management.base import CommandError

from patching.management.answering import CANNOT_RUN, read_json, read_moment


def test_a_time_without_a_zone_is_utc():
    assert read_moment("2026-06-01T06:00:00") == datetime(2026, 6, 1, 6, tzinfo=UTC)
    assert read_moment("2026-06-01T08:00:00+02:00") == datetime(2026, 6, 1, 6, tzinfo=UTC)
    assert read_moment("2026-06-01") == datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", None, 7])
def test_what_is_no_time_is_answered_with_an_example(text):
    with pytest.raises(ValueError, match="such as 2026-06-01T06:00:00Z"):
        read_moment(text)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_not_json_cannot_be_run(tmp_path, content):
    file = tmp_path / "list.json"
    file.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        read_json(str(file))
    assert refused.value.returncode == CANNOT_RUN


def test_a_file_that_is_not_there_cannot_be_run(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        read_json(str(tmp_path / "missing.json"))


def test_a_byte_order_mark_does_no_harm(tmp_path):
    file = tmp_path / "list.json"
    file.write_text('\ufeff{"Name": "prod"}', encoding="utf-8")
    assert read_json(str(file)) == {"Name": "prod"}
