"""Files as people send them: what cannot be read as a whole, and what is refused of one while the rest is taken."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from patching.exchange import formats
from patching.exchange.parts import BaselinePart, Setup
from tests.patching.bad_baselines import GOOD

GOOD_NAME = "payments-good"
WHERE = {
    "cloudformation": "PaymentsBad{}Baseline",
    "terraform": "aws_ssm_patch_baseline.payments-bad-{}",
    "yaml": "baselines[{}]",
    "aws-json": "[{}]",
}


def file_of(definitions: Sequence[Mapping[str, Any]], file_format: str) -> str:
    """Baselines as a file: payments-bad-0 and so on, and a good one after them."""
    named = {f"payments-bad-{number}": one for number, one in enumerate(definitions)} | {GOOD_NAME: GOOD}
    if file_format == "aws-json":
        return json.dumps([{"Name": name, **one} for name, one in named.items()])
    write = formats.FORMATS[file_format].write
    assert write is not None
    return write(
        Setup(
            baselines=[BaselinePart(name, {"Name": name, **one}) for name, one in named.items()],
            specs=[("baseline", name, {"name": name, "definition": one}) for name, one in named.items()],
        )
    )


class BadFile(NamedTuple):
    """A file that is refused as a whole; ``by_api`` and ``on_page`` where those say it before it is read."""

    what: str
    content: bytes
    says: str
    by_api: str = ""
    on_page: str = ""


def _bad(what: str, content: str | bytes, says: str, **said: str) -> BadFile:
    return BadFile(what, content.encode() if isinstance(content, str) else content, says, **said)


NULL = "Null characters are not allowed."
DEEP = "[" * 100_000
BAD_FILES = (
    _bad("nothing", "", "The file is empty.", by_api="may not be blank"),
    _bad("blank lines", "\n \n", "The file is empty."),
    _bad("only the first line", "patchwarden: 1\n", "holds no patch baseline, patch group or maintenance"),
    _bad("no resource", "Resources: {}\n", "at least one resource, such as"),
    _bad("Latin-1", "Description: für".encode("latin-1"), "is not UTF-8 text"),
    _bad("UTF-16", "Resources: {}".encode("utf-16"), "is not UTF-8 text"),
    _bad("a NUL", b"Resources:\x00", "holds a NUL character", by_api=NULL, on_page=NULL),
    _bad("a NUL as a code", '[{"Name": "a\\u0000b", "OperatingSystem": "WINDOWS"}]', "the character U+0000"),
    _bad("a NUL as a code in YAML", 'patchwarden: 1\nbaselines: [{name: "a\\0b"}]\n', "the character U+0000"),
    _bad("half a character", '[{"Name": "a\\ud800b", "OperatingSystem": "WINDOWS"}]', "half of a character"),
    _bad("half a character in YAML", 'patchwarden: 1\nbaselines: [{name: "\\ud800"}]\n', "U+D800"),
    _bad(
        "half a character in Terraform",
        'resource "aws_ssm_patch_baseline" "a" {\n  name = "a\\ud800b"\n}\n',
        "the character U+D800, which no text may have",
    ),
    _bad("a quote left open in JSON", '[\n{"Name": "abc', "Line 2, column 10 is not JSON"),
    _bad(
        "a quote left open in YAML",
        'patchwarden: 1\nbaselines: [{name: "abc',
        "Line 2, column 24 is not YAML",
    ),
    _bad(
        "a quote left open in Terraform",
        'resource "aws_ssm_patch_baseline" "a" {\n  name = "web\n}\n',
        "Line 2, column 11 is not Terraform's language.",
    ),
    _bad(
        "more than a megabyte",
        "#" * 1_000_001,
        "has 1,000,001 bytes; at most 1,000,000 are read.",
        by_api="no more than 1000000 characters",
        on_page="at most 1000000 characters",
    ),
    _bad("aliases that multiply", "A: &a [x, x]\nB: &b [*a, *a]\n", "Line 2 uses a YAML alias."),
    _bad("brackets without end", DEEP, "nested too deeply"),
    _bad("brackets without end in YAML", f"Resources: {DEEP}", "nested too deeply"),
    _bad("a number without end", f'[{{"Name": {"9" * 5000}}}]', "a number of 5000 digits is more than"),
    _bad(
        "a number without end in YAML", f"patchwarden: 1\nbaselines: [{'9' * 5000}]\n", "Line 2 has a number"
    ),
    _bad(
        "a number without end in a plan", f'{{"terraform_version": {"9" * 5000}}}', "a number of 5000 digits"
    ),
    _bad("no number", '[{"Name": NaN, "OperatingSystem": "WINDOWS"}]', "NaN is not a JSON number"),
    _bad("a name twice", '[{"Name": "a", "Name": "b"}]', "the key “Name” appears twice"),
    _bad(
        "a section twice",
        "patchwarden: 1\nwindows: []\nwindows: []\n",
        "Line 3 says “windows” again, which line 2",
    ),
    _bad("a version to come", "patchwarden: 2\n", "begin with “patchwarden: 1”"),
    _bad(
        "a Python object",
        "patchwarden: 1\nwindows: !!python/object:os.system [x]\n",
        "Line 2, column 10 is not YAML",
    ),
    _bad(
        "a plan without resources", '{"terraform_version": "1.9.0"}', "This is no plan or state of Terraform."
    ),
    _bad(
        "a macro",
        "Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: X}}\n",
        "has a section Transform",
    ),
)


class Partly(NamedTuple):
    """A file that holds something good and something that is refused, or taken otherwise than it stands."""

    what: str
    content: str
    says: str
    is_note: bool = False


SECURITY = "[{Key: CLASSIFICATION, Values: [SecurityUpdates]}]"
RULES = f"{{PatchRules: [{{ApproveAfterDays: 7, PatchFilterGroup: {{PatchFilters: {SECURITY}}}}}]}}"


def _template(more: str, *, head: str = "") -> str:
    good = f"  Good: {{Type: AWS::SSM::PatchBaseline, Properties: {{Name: {GOOD_NAME}, ApprovalRules: {RULES}}}}}"
    return f"{head}Resources:\n{good}\n{more}"


def _baseline(properties: str, extra: str = "") -> str:
    return f"  Bad: {{Type: AWS::SSM::PatchBaseline, {extra}Properties: {{{properties}, ApprovalRules: {RULES}}}}}\n"


def _own(more: str) -> str:
    good = f"- {{name: {GOOD_NAME}, definition: {{ApprovalRules: {RULES}}}}}"
    return f"patchwarden: 1\nbaselines:\n{good}\n{more}"


GOOD_TF = file_of([], "terraform")
PARTLY = (
    Partly(
        "the same name twice",
        _own(f"- {{name: {GOOD_NAME}, definition: {{ApprovalRules: {RULES}}}}}"),
        "has another baseline called payments-good",
    ),
    Partly(
        "the same name in capitals",
        _own(f"- {{name: Payments-Good, definition: {{ApprovalRules: {RULES}}}}}"),
        "has another baseline called Payments-Good",
    ),
    Partly("a name and nothing else", _own("- {name: bare}"), "definition: A CreatePatchBaseline request"),
    Partly(
        "a field too many",
        _own(f"- {{name: more, colour: red, definition: {{ApprovalRules: {RULES}}}}}"),
        "“colour” is not a field here; known are name,",
    ),
    Partly(
        "fields that are numbers",
        _own("- {name: more, 1: red, definition: {2: red}}"),
        "“1” is not a field here",
    ),
    Partly("an entry that is a word", _own("- web"), "Every entry is an object of fields and values."),
    Partly(
        "a section too many",
        _own("colours: [red]"),
        "Not a section; known are baselines, patch_groups, windows.",
    ),
    Partly(
        "a parameter without a value",
        _template(_baseline("Name: !Ref Stage"), head="Parameters: {Stage: {Type: String}}\n"),
        "It depends on the parameter Stage, which has no value; give it one.",
    ),
    Partly(
        "a value of another stack",
        _template(_baseline("Name: !ImportValue Stage")),
        "It comes from another stack by Fn::ImportValue; write its value out.",
    ),
    Partly(
        "a condition that cannot be told",
        _template(_baseline("Name: bad", "Condition: Unknown, ")),
        "The condition Unknown is not in the template.",
    ),
    Partly(
        "a part that AWS includes",
        _template(
            '  Bad: {Type: AWS::SSM::PatchBaseline, Properties: {"Fn::Transform": {Name: AWS::Include}}}\n'
        ),
        "Its Properties are no object.",
    ),
    Partly(
        "a type that patches by itself",
        _template("  Bad: {Type: AWS::SSM::Association}\n"),
        "State Manager associations patch by themselves",
    ),
    Partly(
        "a type that is none of ours",
        _template("  Bad: {Type: AWS::S3::Bucket}\n"),
        "Not managed here and left alone: AWS::S3::Bucket (1).",
        True,
    ),
    Partly(
        "a property with a slip",
        _template(_baseline("Name: bad, RejectedPatche: [KB5039217]")),
        "“RejectedPatche” is not a field here. Did you mean RejectedPatches?",
    ),
    Partly(
        "a property that nobody knows",
        _template(_baseline("Name: bad, Colour: red")),
        "Colour: no field that is known here; left out.",
        True,
    ),
    Partly(
        "two baselines for one group",
        _template(
            _baseline("Name: bad, PatchGroups: [web]")
            + _baseline("Name: worse, PatchGroups: [web]").replace("Bad:", "Worse:")
        ),
        "web has bad for WINDOWS already; a group has one baseline for each operating system.",
    ),
    Partly(
        "a window without targets",
        _template(
            "  Bad: {Type: AWS::SSM::MaintenanceWindow, Properties: "
            "{Name: night, Schedule: rate(7 days), Duration: 4, Cutoff: 1}}\n"
        ),
        "matches anything.",
        True,
    ),
    Partly(
        "a delay with two signs",
        _template(_baseline("Name: bad").replace("Days: 7", 'Days: "--5"')),
        "Whole days, 0 to 360, such as 7.",
    ),
    Partly(
        "a delay without end",
        _template(_baseline("Name: bad").replace("Days: 7", f'Days: "{"9" * 5000}"')),
        "Whole days, 0 to 360, such as 7.",
    ),
    Partly(
        "an attribute with a slip",
        f'{GOOD_TF}\nresource "aws_ssm_patch_baseline" "bad" {{\n  name = "bad"\n  rejected_patche = ["x"]\n}}\n',
        "Did you mean rejected_patches?",
    ),
    Partly(
        "a rule's attribute with a slip",
        f'{GOOD_TF}\nresource "aws_ssm_patch_baseline" "bad" {{\n  name = "bad"\n'
        "  approval_rule {\n    aprove_after_days = 7\n  }\n}\n",
        "Did you mean approve_after_days?",
    ),
    Partly(
        "an address twice",
        GOOD_TF + '\nresource "aws_ssm_patch_baseline" "bad" {\n  name = "bad"\n}\n' * 2,
        "two resources of this type and name",
    ),
    Partly(
        "a loop of Terraform",
        f'{GOOD_TF}\nresource "aws_ssm_patch_baseline" "bad" {{\n  count = 2\n  name = "bad"\n}}\n',
        "It is repeated by count.",
    ),
)
