"""Read a file into the catalogue: `manage.py import_catalogue known_exploited_vulnerabilities.json --format kev`."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from patching.catalogue import FORMATS
from patching.cataloguing import import_file
from patching.management.answering import AnsweringCommand, cannot_run
from portal.governance.errors import InvalidInput


class Command(AnsweringCommand):
    help = "Read a vendor's or an authority's file into the catalogue of patches: all of it or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", help="the file, at most 64 MiB")
        parser.add_argument("--format", required=True, choices=list(FORMATS), help="what kind of file it is")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["file"])
        try:
            content = path.read_bytes()
        except OSError as problem:
            raise cannot_run(f"{path} cannot be read: {problem.strerror}.") from None
        try:
            source = import_file(content, name=path.name, format_name=options["format"], by=None)
        except InvalidInput as problem:
            raise cannot_run(str(problem)) from None
        document = {
            "file": source.name,
            "format": options["format"],
            "patches": source.patches,
            "cves": source.cves,
            "added": source.added,
            "changed": source.changed,
            "passed_over": source.passed_over,
        }
        lines = [
            f"{source.name}: {source.patches} patches and {source.cves} CVEs read.",
            f"{source.added} patches are new, {source.changed} entries changed.",
            *(f"Passed over: {one}." for one in source.passed_over),
        ]
        self.answer(document, lines, as_json=options["json"], findings=False)
