"""The formats that files may have: their names, how one is told from its content, who reads and writes it. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import NamedTuple

from patching import characters
from patching.exchange import aws_json, cloudformation, own_yaml, terraform
from patching.exchange.parts import CannotReadError, Setup

LARGEST = 1_000_000  # bytes; CloudFormation itself takes at most 1 MB


class Format(NamedTuple):
    """One format. ``write`` is None where it is only read."""

    title: str
    read: Callable[..., Setup]
    write: Callable[[Setup], str] | None
    suffix: str


FORMATS: dict[str, Format] = {
    "cloudformation": Format("CloudFormation", cloudformation.read, cloudformation.write, "yaml"),
    "terraform": Format("Terraform", terraform.read, terraform.write, "tf"),
    "yaml": Format("Patchwarden YAML", own_yaml.read, own_yaml.write, "patchwarden.yaml"),
    "aws-json": Format("AWS JSON", aws_json.read, None, "json"),
}
WRITTEN = {name: one for name, one in FORMATS.items() if one.write is not None}


def format_of(text: str) -> str:
    """Which format a text looks like; CloudFormation where nothing else is certain."""
    if re.search(r"^patchwarden:", text, re.MULTILINE) and not re.search(r"^Resources:", text, re.MULTILINE):
        return "yaml"
    if text.lstrip().startswith(("{", "[")):
        if re.search(r'"(planned_values|terraform_version)"\s*:', text):
            return "terraform"
        return "cloudformation" if re.search(r'"Resources"\s*:', text) else "aws-json"
    if re.search(
        r"^\s*(resource|variable|locals|module|data|terraform|provider)\b[^:\n]*\{", text, re.MULTILINE
    ):
        return "terraform"
    return "cloudformation"


def read(
    content: bytes | str,
    *,
    file_format: str = "",
    given: Mapping[str, str] | None = None,
    account: str = "",
    region: str = "",
) -> Setup:
    """What a file says. ``given``: values of its parameters or variables. Raises CannotReadError."""
    if len(content) > LARGEST:
        raise CannotReadError(f"The file has {len(content):,} bytes; at most {LARGEST:,} are read.")
    if isinstance(content, bytes):
        try:
            content = content.decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            raise CannotReadError(
                f"The file is not UTF-8 text: byte {problem.start} is no part of it."
            ) from None
    content = content.removeprefix("\ufeff")  # pasted along, or written before JSON by PowerShell
    if "\x00" in content:
        raise CannotReadError("The file holds a NUL character; give text.")
    if not content.strip():
        raise CannotReadError("The file is empty.")
    wanted = file_format or format_of(content)
    try:
        setup = FORMATS[wanted].read(content, given=given or {}, account=account, region=region)
    except RecursionError:
        raise CannotReadError("The file is nested too deeply to be read.") from None
    if (refused := next(characters.refused_in(asdict(setup)), None)) is not None:
        raise CannotReadError(
            f"The file holds the character {characters.code(refused[1])}, which no text may have; leave it out."
        )
    if setup.says_nothing:
        raise CannotReadError(
            f"Read as {FORMATS[wanted].title}, the file holds no patch baseline, patch group or maintenance window."
        )
    return setup
