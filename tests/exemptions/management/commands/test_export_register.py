"""The register by hand: written where one wants it, or refused in words."""

import json

import pytest
from django.core.management import CommandError, call_command

from exemptions import register_export
from tests.exemptions.test_register_key import PEM

pytestmark = pytest.mark.django_db


def test_it_is_printed_or_written_to_a_file(settings, tmp_path, capsys):
    settings.REGISTER_SIGNING_KEY = PEM
    call_command("export_register")
    assert register_export.verify(capsys.readouterr().out).exemptions == 0
    call_command("export_register", "--out", str(tmp_path / "register.json"))
    assert set(json.loads((tmp_path / "register.json").read_text())) == register_export.MEMBERS


def test_without_a_key_or_a_place_it_says_so(settings, tmp_path):
    with pytest.raises(CommandError, match="REGISTER_SIGNING_KEY is not set"):
        call_command("export_register")
    settings.REGISTER_SIGNING_KEY = PEM
    with pytest.raises(CommandError, match="Cannot write"):
        call_command("export_register", "--out", str(tmp_path / "none" / "register.json"))
