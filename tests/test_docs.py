"""What the documents promise is so."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# read by boto3 and by docker compose, not by us
NOT_OURS = {"AWS_DEFAULT_REGION", "POSTGRES_PASSWORD"}


def text(path: str) -> str:
    return (ROOT / path).read_text()


def in_settings() -> set[str]:
    return set(re.findall(r'\benv\.\w+\(\s*"([A-Z0-9_]+)"', text("portal/settings.py")))


def test_every_setting_stands_in_the_example_and_in_the_docs():
    example = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", text(".env.example"), re.MULTILINE)
    documented = re.findall(r"^\| `([A-Z0-9_]+)` \|", text("docs/settings.md"), re.MULTILINE)

    assert len(in_settings()) > 25
    assert sorted(example) == sorted(in_settings() | NOT_OURS)
    assert sorted(documented) == sorted(in_settings() | NOT_OURS)


def test_make_help_names_every_target_that_people_call():
    makefile = text("Makefile")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    explained = set(re.findall(r"^([a-z]+):.*## .", makefile, re.MULTILINE))

    assert {"demo", "test", "check", "bench", "help", "lock", "clean"} <= targets
    assert targets == explained


@pytest.mark.parametrize("path", ["requirements.txt", "requirements-dev.txt"])
def test_every_locked_package_has_a_version_and_hashes(path):
    entries = re.split(r"\n(?=[a-z0-9])", text(path).split("\n", 2)[2])

    assert len(entries) > 30
    assert [
        entry for entry in entries if not re.search(r"^[\w.\[\]-]+==\S+[^\n]*\\\n\s+--hash=sha256:", entry)
    ] == []


def test_what_production_installs_is_what_was_tested():
    locked = {
        path: set(re.findall(r"^([\w.\[\]-]+==\S+)", text(path), re.MULTILINE))
        for path in ("requirements.txt", "requirements-dev.txt")
    }

    assert locked["requirements.txt"] <= locked["requirements-dev.txt"]
