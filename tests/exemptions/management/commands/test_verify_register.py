"""Checking a register by hand: 0 when it holds, 1 when it does not, 2 when it cannot be read."""

import pytest
from django.core.management import CommandError, call_command

from exemptions import register_export
from tests.exemptions.test_register_key import PEM

REGISTER = {"installation": "patchwarden", "made_at": "2026-06-01T06:00:00+00:00", "exemptions": []}


@pytest.fixture
def file(settings, tmp_path):
    settings.REGISTER_SIGNING_KEY = PEM
    path = tmp_path / "register.json"
    path.write_text(register_export.signed(REGISTER))
    return path


def test_a_register_of_ours_holds(file, capsys):
    call_command("verify_register", str(file))
    assert capsys.readouterr().out.startswith("Genuine: 0 exemptions of patchwarden")


def test_without_a_key_to_compare_with_it_asks_to_compare(file, settings, capsys):
    settings.REGISTER_SIGNING_KEY = ""
    call_command("verify_register", str(file))
    assert "compare that with what you know from elsewhere" in capsys.readouterr().out


@pytest.mark.parametrize("changed", [{}, {"key_id": "0" * 16}])
def test_a_changed_one_or_one_by_another_key_ends_with_status_1(file, capsys, changed):
    if not changed:
        file.write_text(file.read_text().replace("06:00", "07:00"))
    with pytest.raises(SystemExit) as ended:
        call_command("verify_register", str(file), **changed)
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("Not genuine.")


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(CommandError, match="Cannot read"):
        call_command("verify_register", str(tmp_path / "none.json"))
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="not UTF-8"):
        call_command("verify_register", str(tmp_path / "bad.json"))
