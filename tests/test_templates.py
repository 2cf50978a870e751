"""What holds for every template and every static file, whoever wrote it."""

import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import get_template, render_to_string

from portal.governance.templatetags.governance import icon

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
names = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))


@names
def test_a_template_parses(path: Path) -> None:
    assert get_template(str(path.relative_to(ROOT / "templates")))


@names
def test_nothing_is_inline_that_the_content_security_policy_refuses(path: Path) -> None:
    text = path.read_text()
    assert (
        re.findall(r"\sstyle\s*=|<style|\son[a-z]+\s*=\s*[\"']|javascript:|hx-on|hx-vals=[\"']js:", text)
        == []
    )
    assert [
        tag for tag in re.findall(r"<script[^>]*>", text) if "src=" not in tag and "json" not in tag
    ] == []


@names
def test_every_icon_exists(path: Path) -> None:
    used = re.findall(r"{%\s*icon \"([a-z0-9-]+)\"", path.read_text())
    assert all(icon(name) for name in used)


@names
def test_every_static_file_exists(path: Path) -> None:
    used = re.findall(r"{%\s*static [\"']([^\"']+)[\"']", path.read_text())
    assert [name for name in used if not finders.find(name)] == []


def test_vendored_files_are_the_ones_their_list_names() -> None:
    vendor = ROOT / "static" / "vendor"
    listed = dict(
        reversed(line.split("  "))
        for line in re.findall(r"^[0-9a-f]{64}  \S+$", (vendor / "README.md").read_text(), re.M)
    )
    assert listed == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.iterdir()
        if path.is_file() and path.name != "README.md"
    }


def test_static_files_ask_no_other_host_and_no_missing_map() -> None:
    ours = [*(ROOT / "static").rglob("*.css"), *(ROOT / "static").rglob("*.js")]
    for path in ours:
        text = path.read_text()
        assert "sourceMappingURL=" not in text, path.name
        assert re.findall(r"url\([\"']?(?:https?:)?//|@import", text) == [], path.name


@pytest.mark.parametrize("name", ["400.html", "500.html", "403_csrf.html"])
def test_an_error_page_needs_neither_request_nor_database(name: str) -> None:
    assert "Patchwarden" in render_to_string(name)
