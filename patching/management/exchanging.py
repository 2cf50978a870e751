"""Commands that read and write files of other tools: one pair for any format, and one for CloudFormation alone."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from patching import importing, workflow
from patching.exchange import formats
from patching.exchange.parts import CannotReadError, Setup
from patching.management.answering import AnsweringCommand, cannot_run
from patching.management.placing import named_place
from patching.models import Application, Environment
from patching.taking_out import Choice, NothingInEffect, take_out
from portal.governance.errors import DomainError, InvalidInput
from portal.governance.models import User

Into = importing.Into


class ImportCommand(AnsweringCommand):
    """Say what a file describes, and with ``--into`` and ``--as`` open the request that asks for it."""

    file_format = ""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", help="what to read; - is standard input")
        parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
        parser.add_argument("--into", metavar="ACCOUNT/REGION", help="where it is to belong")
        parser.add_argument("--application", help="slug; with --into")
        parser.add_argument("--environment", help="slug; with --into")
        parser.add_argument("--as", dest="person", metavar="USER", help="who asks; with --into")
        parser.add_argument("--draft", action="store_true", help="save a draft request")
        parser.add_argument("--title", default="", help="of the request")
        parser.add_argument("--reason", default="", help="of the request")

    def handle(self, *args: Any, **options: Any) -> None:
        place = named_place(options["into"]) if options["into"] else None
        given = dict(pair.partition("=")[::2] for pair in options["parameter"])
        try:
            setup = formats.read(
                _content(options["file"]),
                file_format=self.file_format or options.get("format") or "",
                given=given,
                account=place.account.account_id if place else "",
                region=place.region if place else "",
            )
        except CannotReadError as problem:
            raise cannot_run(str(problem)) from None
        if place is None:
            self._tell(
                _parts(setup), [f"{one.where}: {one.why}" for one in setup.refused], options, setup.notes
            )
            return
        into = Into(_application(options), _environment(options), place, _person(options))
        found = importing.prepare(setup, into)
        document = {
            "items": found.items,
            "same": [line.name for line in found.lines if line.action == importing.SAME],
        }
        if options["draft"]:
            document["request"] = self._draft(found, into.by, options)
        self._tell(document, [f"{one.where}: {one.why}" for one in found.refused], options, found.notes)

    def _draft(self, found: importing.Import, by: User, options: dict[str, Any]) -> str:
        try:
            request = workflow.draft(
                by=by, title=options["title"], reason=options["reason"], items=found.items
            )
        except InvalidInput as problem:
            told = "; ".join(f"{one.field}: {one.message}" for one in problem.problems)
            raise cannot_run(f"The request cannot be made: {told}") from None
        except DomainError as problem:
            raise cannot_run(str(problem)) from None
        return request.number

    def _tell(
        self, document: dict[str, Any], refused: list[str], options: dict[str, Any], notes: list[Any]
    ) -> None:
        told = [f"{one.where}: {one.what}" for one in notes]
        lines = [f"{name}: {_line(value)}" for name, value in document.items()]
        lines += [f"not taken: {one}" for one in refused] + [f"note: {one}" for one in told]
        self.answer(
            {**document, "refused": refused, "notes": told},
            lines,
            as_json=options["json"],
            findings=bool(refused),
        )


class ExportCommand(AnsweringCommand):
    """Write what is in effect in one account-region, or a part of it, as a file."""

    file_format = ""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("place", metavar="ACCOUNT/REGION", help="such as 211125483017/eu-central-1")
        parser.add_argument("--application", help="slug; all where it is left out")
        parser.add_argument("--group", help="name of one patch group, with the windows of its instances")

    def handle(self, *args: Any, **options: Any) -> None:
        place = named_place(options["place"])
        choice = Choice.all_of(None).of_place(place)
        if options["application"]:
            choice = choice.of_application(_application(options))
        if options["group"]:
            group = choice.groups.filter(name=options["group"]).first()
            if group is None:
                raise cannot_run(f"There is no patch group {options['group']} in {place}.")
            choice = choice.of_group(group)
        wanted = self.file_format or options["format"]
        try:
            (text,) = take_out(choice, wanted, by=None).values()
        except NothingInEffect as problem:
            raise cannot_run(str(problem)) from None
        self.answer(
            {"format": wanted, "content": text}, [text.rstrip("\n")], as_json=options["json"], findings=False
        )


def _content(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as problem:
        raise cannot_run(f"Cannot read {name}: {problem.strerror}.") from None


def _parts(setup: Setup) -> dict[str, Any]:
    return {
        "baselines": [part.name for part in setup.baselines],
        "patch-groups": [part.name for part in setup.groups],
        "windows": [part.name for part in setup.windows],
        "specs": [f"{kind} {spec.get('name', '')}" for kind, _, spec in setup.specs],
        "parameters": {one.name: one.value for one in setup.parameters},
    }


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={one}" for name, one in value.items()) or "none"
    if isinstance(value, list):
        told = [
            f"{one['action']} {one['kind']} {one['spec']['name']}" if isinstance(one, dict) else str(one)
            for one in value
        ]
        return ", ".join(told) or "none"
    return str(value)


def _application(options: dict[str, Any]) -> Application:
    found = Application.objects.filter(slug=options["application"] or "").first()
    if found is None:
        known = ", ".join(Application.objects.values_list("slug", flat=True)) or "none"
        raise cannot_run(f"Name an application with --application. Known are: {known}.")
    return found


def _environment(options: dict[str, Any]) -> Environment:
    found = Environment.objects.filter(slug=options["environment"] or "").first()
    if found is None:
        known = ", ".join(Environment.objects.values_list("slug", flat=True)) or "none"
        raise cannot_run(f"Name an environment with --environment. Known are: {known}.")
    return found


def _person(options: dict[str, Any]) -> User:
    found = User.objects.filter(username=options["person"] or "", is_active=True).first()
    if found is None:
        raise cannot_run("Name who asks with --as, such as --as rita.")
    return found
