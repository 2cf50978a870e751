"""What one item of a change request may say: fields, limits, and a message for each mistake. Pure.

An item is ``{"action", "kind", "target", "spec"}``; ``docs/api.md`` lists the spec fields of each kind.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from patching import baseline_rules, characters, documents, schedules, shutting_items
from patching.item_words import Field as Field
from patching.item_words import Problem as Problem
from patching.shutting_items import FREEZE_FIELDS, OCCURRENCE_FIELDS
from patching.specs import DAILY_SCAN, DEFERRED

ACTIONS = ("create", "change", "delete", "adopt")
KINDS = ("baseline", "patch-group", "window", "freeze", "occurrence")  # the order in which they take effect
ADOPTED = ("baseline", "window")
PLACED = ("patch-group", "window", "occurrence")  # in one account and Region, where their names are unique
MOST_ITEMS = 60
MOST_INSTANCES = 300  # per window; AMS's limit for one patch window
MOST_TASKS = 20
AWS_NAME = re.compile(r"[A-Za-z0-9_\-.]{3,128}")
INSTANCE_ID = re.compile(r"i-[0-9a-f]{8}([0-9a-f]{9})?")
# Source: SSM API reference, DocumentName and the ARN formats of documents and automation definitions
DOCUMENT = re.compile(
    r"(?:arn:aws(?:-[a-z]+)*:ssm:[a-z0-9-]{1,25}:(?:[0-9]{12})?:(?:document|automation-definition)/)?"
    r"[a-zA-Z0-9_\-.]{3,128}(?::(?:[0-9]{1,9}|\$LATEST|\$DEFAULT))?"
)
RATE = re.compile(r"[1-9][0-9]*|[1-9][0-9]?%|100%")
ERROR_RATE = re.compile(r"0|0%|[1-9][0-9]*|[1-9][0-9]?%|100%")
TASK_KINDS = ("pre", "install", "scan", "post")
REBOOT_OPTIONS = ("RebootIfNeeded", "NoReboot")
CUTOFF_BEHAVIOURS = ("CONTINUE_TASK", "CANCEL_TASK")


class Allowed(NamedTuple):
    """What an installation takes besides what AWS documents: values that its accounts list, application patches."""

    vocabularies: Mapping[str, baseline_rules.Vocabulary] | None = None
    application_patches: bool = False


BASELINE_FIELDS = (
    Field("name", "text, 3–128 of A–Z a–z 0–9 _ - .", True, "The baseline's name in AWS."),
    Field("application", 'slug or ""', False, "Whose it is; empty for a baseline shared by all teams."),
    Field("environment", 'slug or ""', False, "Where it is meant for; production asks for more deciders."),
    Field("definition", "object", True, "A CreatePatchBaseline request without Name, ClientToken and Tags."),
)
GROUP_FIELDS = (
    Field("name", "text, 1–256", True, "The value of the patch group tag."),
    Field("account", "12 digits", True, "The AWS account."),
    Field("region", "text", True, "The AWS Region."),
    Field("application", "slug", True, "The application whose instances these are."),
    Field("environment", "slug", True, "The environment."),
    Field("az", 'text or ""', False, "One availability zone, or all."),
    Field("baselines", "object", True, "Operating system to baseline name, one per operating system."),
    Field("instances", "list of instance ids", True, "The instances that get the patch group tag."),
)
WINDOW_FIELDS = (
    Field(
        "name", "text, 3–128 of A–Z a–z 0–9 _ - .", True, "The window's name and the value of the window tag."
    ),
    Field("description", "text, up to 128", False, "Shown in the AWS console."),
    Field("account", "12 digits", True, "The AWS account."),
    Field("region", "text", True, "The AWS Region."),
    Field("application", "slug", True, "The application whose instances these are."),
    Field("environment", "slug", True, "The environment."),
    Field("az", 'text or ""', False, "One availability zone, or all."),
    Field("schedule", "cron(…), rate(…) or at(…)", True, "When it opens, in AWS's dialect."),
    Field("timezone", "IANA name", True, "The zone in which the schedule is read."),
    Field("offset", "0–6 days", False, "Days after the cron day."),
    Field("duration", "1–24 hours", True, "How long it stays open."),
    Field("cutoff", "0–23 hours, below duration", True, "Nothing starts in the last hours."),
    Field("start_date", 'ISO date or ""', False, "Not before that day, midnight UTC."),
    Field("end_date", 'ISO date or ""', False, "Not from that day on, midnight UTC."),
    Field("tasks", "list, 1–20", True, "What it does, in order of priority."),
    Field("instances", "list of instance ids", True, "The instances that get the window tag."),
)
TASK_FIELDS = (
    Field("name", "text, 1–60", True, "What it is called; unique in the window."),
    Field("kind", "pre, install, scan or post", True, "Its place in the run."),
    Field(
        "type",
        "RUN_COMMAND or AUTOMATION",
        False,
        "Follows the document where it is known; else RUN_COMMAND.",
    ),
    Field("document", "text", False, "The SSM document; AWS-RunPatchBaseline for install and scan."),
    Field("priority", "0–100", False, "Lower runs first; equal ones run together."),
    Field("max_concurrency", "count or percentage", False, "How many instances at once, such as 10 or 25%."),
    Field("max_errors", "count or percentage", False, "How many failures stop it, such as 1 or 10%."),
    Field("cutoff_behavior", "CONTINUE_TASK or CANCEL_TASK", False, "What happens at the cutoff."),
    Field("reboot", "RebootIfNeeded or NoReboot", False, "For install, where the document asks."),
    Field(
        "parameters",
        "object of lists of text",
        False,
        "Further parameters, checked where the document is known.",
    ),
)
FIELDS = {
    "baseline": BASELINE_FIELDS,
    "patch-group": GROUP_FIELDS,
    "window": WINDOW_FIELDS,
    "freeze": FREEZE_FIELDS,
    "occurrence": OCCURRENCE_FIELDS,
}


def check_items(items: Any, allowed: Allowed | None = None) -> list[Problem]:
    """Every mistake in a request's items that can be seen without asking the database."""
    if not isinstance(items, list) or not items:
        return [Problem("items", "required", "Ask for at least one change.")]
    if len(items) > MOST_ITEMS:
        return [
            Problem("items", "too_many", f"At most {MOST_ITEMS} items in one request; this has {len(items)}.")
        ]
    problems: list[Problem] = []
    for number, item in enumerate(items):
        problems += check_item(item, f"items[{number}]", allowed or Allowed())
    return problems or list(_doubles(items))


def check_item(item: Any, path: str, allowed: Allowed) -> list[Problem]:
    """Every mistake in one item."""
    if not isinstance(item, Mapping):
        return [Problem(path, "type", "An item is an object with action, kind, target and spec.")]
    problems = [
        Problem(
            f"{path}.{name}",
            "unknown",
            f"“{name}” is not a field of an item; use action, kind, target, spec.",
        )
        for name in sorted(set(item) - {"action", "kind", "target", "spec"}, key=str)
    ]
    action, kind, target = item.get("action"), item.get("kind"), item.get("target")
    if action not in ACTIONS:
        problems.append(Problem(f"{path}.action", "choice", f"Use one of {', '.join(ACTIONS)}."))
    if kind not in KINDS:
        problems.append(Problem(f"{path}.kind", "choice", f"Use one of {', '.join(KINDS)}."))
    if action == "adopt" and kind in KINDS and kind not in ADOPTED:
        message = "Only a baseline or a window is adopted; AWS knows nothing else that could be."
        if kind == "patch-group":
            message = "A patch group is not adopted by itself; adopt its baseline, or create the group."
        problems.append(Problem(f"{path}.kind", "choice", message))
    if action == "adopt" and (not isinstance(target, int) or isinstance(target, bool)):
        message = (
            "Name the id of what is to be adopted, as GET /accounts/{id}/unmanaged/ lists it, such as 12."
        )
        problems.append(Problem(f"{path}.target", "required", message))
    if action == "create" and target is not None:
        problems.append(Problem(f"{path}.target", "not_empty", "A new object has no target; leave it null."))
    if action in ("change", "delete") and (not isinstance(target, int) or isinstance(target, bool)):
        problems.append(
            Problem(f"{path}.target", "required", "Name the id of what is to be changed, such as 12.")
        )
    if problems:
        return problems
    if action == "delete":
        return []
    spec = item.get("spec")
    if not isinstance(spec, Mapping):
        return [Problem(f"{path}.spec", "type", "The spec is an object; docs/api.md lists its fields.")]
    known = str(kind)
    problems = list(_unfit_characters(spec, f"{path}.spec"))
    if problems:
        return problems
    problems = _check_fields(spec, FIELDS[known], f"{path}.spec")
    if not problems and known == "baseline":
        return _check_baseline(spec, f"{path}.spec", allowed)
    if problems:
        return problems
    problems, name = _CHECKS[known](spec, f"{path}.spec"), f"{path}.spec.name"
    if known == "patch-group" and is_new(item) and all(one.field != name for one in problems):
        problems = [*check_alphabet(spec["name"], name), *problems]
    return problems


def check_alphabet(name: str, path: str) -> list[Problem]:
    """Of a new name of a group: no letter that is easily taken for another. Names that stand go on as they are."""
    if (letter := characters.mistakable_in(name)) is None:
        return []
    told = f"“{letter}” ({characters.code(letter)}, {unicodedata.name(letter, 'no letter').lower()})"
    message = f"{told} is easily taken for another character; use plain letters of one alphabet, as in payments-prod."
    return [Problem(path, "mistakable", message)]


def _unfit_characters(spec: Mapping[str, Any], path: str) -> Iterable[Problem]:
    for where, character in characters.refused_in(spec, path):
        message = f"The character {characters.code(character)} is not allowed in any text; leave it out."
        yield Problem(where, "character", message)


def is_new(item: Mapping[str, Any]) -> bool:
    """Whether an item brings a row that was not there; the target of an adoption is no row of ours."""
    return item["action"] in ("create", "adopt")


def name_of(item: Mapping[str, Any]) -> str:
    """What an item's object is called; "" for a removal, which names its row."""
    spec = item.get("spec") or {}
    if item["kind"] == "occurrence" and spec:
        return shutting_items.occurrence_name(spec)
    return str(spec.get("name", ""))


def with_defaults(item: Mapping[str, Any]) -> dict[str, Any]:
    """The item with every optional field filled in, so that equal wishes have equal digests."""
    spec = dict(item.get("spec") or {})
    if item["action"] == "delete":
        spec = {}
    elif item["kind"] == "baseline":
        spec = {"application": "", "environment": "", **spec}
    elif item["kind"] == "patch-group":
        spec = {"az": "", **spec, "instances": sorted(spec["instances"])}
    elif item["kind"] == "freeze":
        spec = shutting_items.freeze_with_defaults(spec)
    elif item["kind"] == "occurrence":
        spec = shutting_items.occurrence_with_defaults(spec)
    else:
        spec = {"description": "", "az": "", "offset": 0, "start_date": "", "end_date": "", **spec}
        spec["instances"] = sorted(spec["instances"])
        spec["tasks"] = [_task_with_defaults(task) for task in spec["tasks"]]
    return {"action": item["action"], "kind": item["kind"], "target": item.get("target"), "spec": spec}


def _task_with_defaults(task: Mapping[str, Any]) -> dict[str, Any]:
    patches = task["kind"] in ("install", "scan")
    document = task.get("document", "AWS-RunPatchBaseline" if patches else "")
    reboots = task["kind"] == "install" and documents.takes_reboot(document)
    given = task.get("parameters", {})
    usual = documents.usual_parameters(document) if isinstance(given, Mapping) else {}
    return {
        "type": documents.type_of(document),
        "document": document,
        "priority": {"pre": 1, "install": 10, "scan": 15, "post": 20}[task["kind"]],
        "max_concurrency": "25%",
        "max_errors": "10%",
        "cutoff_behavior": "CONTINUE_TASK",
        "reboot": "RebootIfNeeded" if reboots else "",
        **task,
        "parameters": {**usual, **given} if usual else given,
    }


def _check_fields(spec: Mapping[str, Any], fields: Iterable[Field], path: str) -> list[Problem]:
    known = {field.name: field for field in fields}
    problems = [
        Problem(f"{path}.{name}", "unknown", f"“{name}” is not a field here; known are {', '.join(known)}.")
        for name in sorted(set(spec) - set(known), key=str)
    ]
    problems += [
        Problem(f"{path}.{name}", "required", f"{field.meaning} Give {field.type}.")
        for name, field in known.items()
        if field.required and name not in spec
    ]
    return problems


_SET_FOR_YOU = {"Name", "ClientToken", "Tags"}


def _check_baseline(spec: Mapping[str, Any], path: str, allowed: Allowed) -> list[Problem]:
    problems = _aws_name(spec["name"], f"{path}.name")
    problems += _text(spec.get("application", ""), f"{path}.application", 0, 40)
    problems += _text(spec.get("environment", ""), f"{path}.environment", 0, 20)
    definition = spec["definition"]
    if not isinstance(definition, Mapping):
        return [
            *problems,
            Problem(f"{path}.definition", "type", "The definition is a CreatePatchBaseline request."),
        ]
    for name in sorted(_SET_FOR_YOU & set(definition)):
        problems.append(
            Problem(f"{path}.definition.{name}", "reserved", f"Leave {name} out; it is set for you.")
        )
    given = {field: value for field, value in definition.items() if field not in _SET_FOR_YOU}
    report = baseline_rules.check({"Name": "any-name", **given}, allowed.vocabularies)
    problems += [Problem(f"{path}.definition.{one.field}", one.code, one.message) for one in report.errors]
    if not allowed.application_patches and not problems:
        problems += _os_patches_only(definition, f"{path}.definition")
    return problems


def _os_patches_only(definition: Mapping[str, Any], path: str) -> list[Problem]:
    """Operating system patches only: AMS Accelerate patches Windows, not Microsoft applications."""
    groups = [definition.get("GlobalFilters") or {}]
    groups += [
        rule.get("PatchFilterGroup") or {}
        for rule in (definition.get("ApprovalRules") or {}).get("PatchRules", [])
    ]
    for group in groups:
        for one in group.get("PatchFilters", []):
            if one.get("Key") == "PATCH_SET" and "APPLICATION" in one.get("Values", []):
                message = "Only operating system patches are managed here; leave PATCH_SET out or use OS."
                return [Problem(path, "application_patches", message)]
    return []


def _check_group(spec: Mapping[str, Any], path: str) -> list[Problem]:
    problems = _tag_value(spec["name"], f"{path}.name", "payments-prod")
    problems += _place(spec, path)
    baselines = spec["baselines"]
    if not isinstance(baselines, Mapping) or not baselines:
        message = 'Name a baseline for each operating system, such as {"WINDOWS": "payments-prod-win"}.'
        problems.append(Problem(f"{path}.baselines", "required", message))
    else:
        for system, name in baselines.items():
            if system not in baseline_rules.vocabularies():
                known = ", ".join(baseline_rules.vocabularies())
                problems.append(Problem(f"{path}.baselines.{system}", "choice", f"Use one of {known}."))
            problems += _aws_name(name, f"{path}.baselines.{system}")
    return problems + _instances(spec["instances"], f"{path}.instances")


def _check_window(spec: Mapping[str, Any], path: str) -> list[Problem]:
    problems = _aws_name(spec["name"], f"{path}.name")
    if spec["name"] in (DEFERRED, DAILY_SCAN):
        problems.append(
            Problem(f"{path}.name", "reserved", f"“{spec['name']}” is reserved; choose another name.")
        )
    problems += _text(spec.get("description", ""), f"{path}.description", 0, 128)
    problems += _place(spec, path)
    problems += _when(spec, path)
    problems += _dates(spec, path)
    problems += _tasks(spec["tasks"], f"{path}.tasks")
    problems += _instances(spec["instances"], f"{path}.instances")
    if not problems and len(spec["instances"]) > MOST_INSTANCES:
        message = f"At most {MOST_INSTANCES} instances in one window; this has {len(spec['instances'])}."
        problems.append(Problem(f"{path}.instances", "too_many", message))
    return problems


_CHECKS = {
    "patch-group": _check_group,
    "window": _check_window,
    "freeze": shutting_items.check_freeze,
    "occurrence": shutting_items.check_occurrence,
}


def _when(spec: Mapping[str, Any], path: str) -> list[Problem]:
    problems = []
    if not isinstance(spec["schedule"], str) or not isinstance(spec["timezone"], str):
        return [
            Problem(f"{path}.schedule", "type", "Give text such as cron(0 2 ? * TUE#2 *) and Europe/London.")
        ]
    offset = spec.get("offset", 0)
    if not _whole(offset, 0, 6):
        problems.append(Problem(f"{path}.offset", "range", "The offset is 0 to 6 whole days, for cron only."))
    else:
        for one in schedules.window_problems(spec["schedule"], timezone=spec["timezone"], offset=offset):
            field = one.field if one.field in ("timezone", "offset") else "schedule"
            problems.append(Problem(f"{path}.{field}", "schedule", str(one)))
    if not _whole(spec["duration"], 1, 24):
        problems.append(
            Problem(f"{path}.duration", "range", "The duration is 1 to 24 whole hours, such as 4.")
        )
    elif not _whole(spec["cutoff"], 0, min(23, spec["duration"] - 1)):
        message = f"The cutoff is 0 to 23 whole hours and shorter than the duration of {spec['duration']} h, such as 1."
        if spec["duration"] == 1:
            message = "The cutoff must be shorter than the duration of 1 h; use 0, or make the window longer."
        problems.append(Problem(f"{path}.cutoff", "range", message))
    return problems


def _dates(spec: Mapping[str, Any], path: str) -> list[Problem]:
    problems, found = [], {}
    for name in ("start_date", "end_date"):
        text = spec.get(name, "")
        try:
            found[name] = _day(text)
        except ValueError:
            message = "Use a day from 2000 to 2199 such as 2026-07-01, without a time, or leave it empty."
            problems.append(Problem(f"{path}.{name}", "date", message))
    start, end = found.get("start_date"), found.get("end_date")
    if start and end and start >= end:
        problems.append(Problem(f"{path}.end_date", "order", f"The end must come after the start, {start}."))
    return problems


def _day(text: Any) -> date | None:
    """Midnight UTC of that day. Raises ValueError for anything else."""
    if text == "":
        return None
    if not isinstance(text, str) or not re.fullmatch(r"2[01][0-9]{2}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
        raise ValueError
    return date.fromisoformat(text)


def _tasks(tasks: Any, path: str) -> list[Problem]:
    if not isinstance(tasks, list) or not 1 <= len(tasks) <= MOST_TASKS:
        return [Problem(path, "length", f"A window has 1 to {MOST_TASKS} tasks.")]
    problems: list[Problem] = []
    for number, task in enumerate(tasks):
        problems += _check_task(task, f"{path}[{number}]")
    names = [task.get("name") for task in tasks if isinstance(task, Mapping)]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        problems.append(Problem(path, "double", f"Two tasks are called “{name}”; give each its own name."))
    if not problems and not any(task["kind"] in ("install", "scan") for task in tasks):
        problems.append(Problem(path, "no_patching", "A patch window needs a task of kind install or scan."))
    return problems


def _check_task(task: Any, path: str) -> list[Problem]:
    if not isinstance(task, Mapping):
        return [Problem(path, "type", "A task is an object.")]
    problems = _check_fields(task, TASK_FIELDS, path)
    if problems:
        return problems
    problems = _text(task["name"], f"{path}.name", 1, 60)
    if task["kind"] not in TASK_KINDS:
        return [*problems, Problem(f"{path}.kind", "choice", f"Use one of {', '.join(TASK_KINDS)}.")]
    full = _task_with_defaults(task)
    choices = {
        "type": ("RUN_COMMAND", "AUTOMATION"),
        "cutoff_behavior": CUTOFF_BEHAVIOURS,
        "reboot": _reboots(task["kind"], full["document"]),
    }
    for name, allowed in choices.items():
        if full[name] not in allowed:
            problems.append(Problem(f"{path}.{name}", "choice", _choose(name, allowed, full["document"])))
    if not isinstance(full["document"], str) or not DOCUMENT.fullmatch(full["document"]):
        message = (
            "AWS has no document of such a name: 3 to 128 letters, digits, _, - and dots, or its ARN. "
            "An example is AWS-RunPatchBaseline."
        )
        problems.append(Problem(f"{path}.document", "format", message))
    if not _whole(full["priority"], 0, 100):
        problems.append(Problem(f"{path}.priority", "range", "The priority is a whole number from 0 to 100."))
    for name, pattern, example in (
        ("max_concurrency", RATE, "10 or 25%"),
        ("max_errors", ERROR_RATE, "1 or 10%"),
    ):
        value = full[name]
        if not isinstance(value, str) or len(value) > 7 or not pattern.fullmatch(value):
            problems.append(
                Problem(
                    f"{path}.{name}", "format", f"Use a count or a percentage as text, such as {example}."
                )
            )
    parameters = full["parameters"]
    fits = isinstance(parameters, Mapping) and all(
        isinstance(name, str)
        and isinstance(values, list)
        and values
        and all(isinstance(value, str) for value in values)
        for name, values in parameters.items()
    )
    if not fits:
        problems.append(
            Problem(
                f"{path}.parameters", "type", 'Parameters are lists of text, such as {"Message": ["hi"]}.'
            )
        )
    elif reserved := sorted(set(documents.FOLLOW) & set(parameters)):
        problems.append(
            Problem(f"{path}.parameters", "reserved", f"{', '.join(reserved)} follow from kind and reboot.")
        )
    elif not problems:
        problems += _fits_its_document(full, path)
    return problems


def _reboots(kind: str, document: Any) -> tuple[str, ...]:
    """An installation says whether instances restart, where its document asks; nothing else does."""
    if kind != "install":
        return ("", *REBOOT_OPTIONS)
    return REBOOT_OPTIONS if documents.takes_reboot(document) else ("",)


def _choose(name: str, allowed: Iterable[str], document: Any) -> str:
    if named := [one for one in allowed if one]:
        return f"Use one of {', '.join(named)}."
    return f"{str(document)[:60]} decides that by itself; leave {name} empty."


def _fits_its_document(task: Mapping[str, Any], path: str) -> Iterable[Problem]:
    """What the document would refuse, and a kind that it cannot have."""
    for one in documents.mistakes(task["document"], task["type"], task["parameters"]):
        field = f"parameters.{one.parameter}" if one.parameter else "type"
        yield Problem(f"{path}.{field}", one.code, one.message)
    known = documents.document_of(task["document"])
    if known is None:
        return
    if task["kind"] in ("install", "scan") and not known.patches:
        message = f"{known.name} does not patch; use AWS-RunPatchBaseline, or the kind pre or post."
        yield Problem(f"{path}.document", "kind", message)
    elif task["kind"] in ("pre", "post") and known.patches:
        yield Problem(f"{path}.kind", "kind", f"{known.name} patches; use the kind install or scan.")
    elif task["kind"] == "scan" and not known.takes("Operation"):
        message = f"{known.name} only installs; use AWS-RunPatchBaseline to scan."
        yield Problem(f"{path}.document", "kind", message)


def _place(spec: Mapping[str, Any], path: str) -> list[Problem]:
    problems = []
    if not isinstance(spec["account"], str) or not re.fullmatch(r"[0-9]{12}", spec["account"], re.ASCII):
        problems.append(
            Problem(f"{path}.account", "format", "An account id has 12 digits, such as 211125483017.")
        )
    problems += _text(spec["region"], f"{path}.region", 1, 25)
    problems += _text(spec["application"], f"{path}.application", 1, 40)
    problems += _text(spec["environment"], f"{path}.environment", 1, 20)
    return problems + _text(spec.get("az", ""), f"{path}.az", 0, 30)


def _instances(ids: Any, path: str) -> list[Problem]:
    if not isinstance(ids, list):
        return [Problem(path, "type", "Instances are a list of ids such as i-0123456789abcdef0.")]
    bad = [str(one) for one in ids if not isinstance(one, str) or not INSTANCE_ID.fullmatch(one)]
    if bad:
        return [
            Problem(path, "format", f"“{bad[0][:40]}” is not an instance id such as i-0123456789abcdef0.")
        ]
    doubles = sorted({one for one in ids if ids.count(one) > 1}) if len(set(ids)) != len(ids) else []
    return [Problem(path, "double", f"{doubles[0]} appears twice.")] if doubles else []


def _aws_name(name: Any, path: str) -> list[Problem]:
    if isinstance(name, str) and AWS_NAME.fullmatch(name):
        return []
    message = "Use 3–128 characters: letters A–Z, digits, _ - and . without spaces, such as payments-prod-a."
    return [Problem(path, "format", message)]


def _tag_value(value: Any, path: str, example: str) -> list[Problem]:
    """An SSM patch group name: 1–256 of letters, digits, spaces and ``_ . : / = + - @``."""
    if not isinstance(value, str) or not value.strip():
        return [Problem(path, "required", f"Enter a name, such as {example}.")]
    if len(value) > 256:
        return [Problem(path, "length", f"At most 256 characters (you entered {len(value)}).")]
    if value != value.strip():
        message = "The name has a space at its start or end; AWS would treat it as a different group."
        return [Problem(path, "space", message)]
    for character in value:
        if unicodedata.category(character)[0] not in "LN" and character not in " _.:/=+-@":
            shown = character if character.isprintable() else f"U+{ord(character):04X}"
            message = (
                f"The character “{shown}” is not allowed. Use letters, digits, spaces and _ . : / = + - @"
            )
            return [Problem(path, "character", message)]
    return []


def _text(value: Any, path: str, shortest: int, longest: int) -> list[Problem]:
    if not isinstance(value, str):
        return [Problem(path, "type", "Give text.")]
    if not shortest <= len(value) <= longest:
        entered = f" (you entered {len(value)})" if value else ""
        return [Problem(path, "length", f"Give {shortest} to {longest} characters{entered}.")]
    if any(not character.isprintable() for character in value):
        return [Problem(path, "character", "Control characters are not allowed.")]
    return []


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _doubles(items: list[Mapping[str, Any]]) -> Iterable[Problem]:
    seen: dict[tuple[Any, ...], int] = {}
    for number, item in enumerate(items):
        spec = item.get("spec") or {}
        place = (spec.get("account"), spec.get("region")) if item["kind"] in PLACED else ()
        about = "unmanaged" if item["action"] == "adopt" else "target"
        names = [(item["kind"], about, item["target"])] if item["action"] != "create" else []
        if item["action"] != "delete":
            called = (spec["window"], spec["run_at"]) if item["kind"] == "occurrence" else (spec["name"],)
            # AWS tells Prod from prod; people do not
            names.append((item["kind"], *place, *(one.casefold() for one in called)))
        for name in names:
            if name in seen:
                message = f"Item {seen[name] + 1} is about the same {item['kind']}; say it in one item."
                yield Problem(f"items[{number}]", "double", message)
            seen[name] = number
