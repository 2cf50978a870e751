"""Hypothesis strategies of whole specs, as a request may ask for them: valid by our rules, odd where they may be."""

from datetime import date, datetime
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from patching import baseline_rules
from patching.approval import DEBIAN_FAMILY, LEVELS, WINDOWS
from patching.items import Allowed, check_item, with_defaults
from patching.schedules import window_problems
from tests import factories
from tests.patching.schedules import expressions

Spec = dict[str, Any]
WITHOUT_SOURCES = (WINDOWS, "MACOS")
ACCOUNT, REGION = factories.RETAIL[0], "eu-central-1"

# what some format or spreadsheet takes for something else than text
_LOOKS_LIKE = [
    *("yes", "no", "null", "~", "0x1F", "0123", "1e3", "12:30:00", "2026-06-30", "<<", "=1+1", "- a", "a: b"),
    *(
        "=cmd|' /C calc'!A0",
        "${now}",
        "$${now}",
        "%{if}",
        "{{TARGET}}",
        "#",
        "*a",
        "&a",
        "!Ref a",
        "!Sub ${b}",
    ),
    *(
        "<<EOT\nx\nEOT",
        "\\u0041",
        '"',
        "'",
        "\\",
        " x ",
        "x\r\ny",
        "\ttab",
        "é",
        "e\N{COMBINING ACUTE ACCENT}",
        "\N{ROCKET}",
    ),
]


def texts(longest: int, *, lines: bool = True) -> st.SearchStrategy[str]:
    """Text of at least one character; in one line, or in several."""
    plain = st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from(
        '"\\${%{}' + ("\n\t" if lines else "")
    )
    found = st.text(plain, min_size=1, max_size=min(longest, 40)) | st.sampled_from(_LOOKS_LIKE)
    return found if lines else found.filter(str.isprintable)


aws_names = st.from_regex(r"[A-Za-z0-9_\-.]{3,30}", fullmatch=True).filter(
    lambda one: one.upper()[:4] != "AWS-"
)
instance_ids = st.from_regex(r"i-[0-9a-f]{17}", fullmatch=True)
days = st.dates(min_value=date(2000, 1, 1), max_value=date(2199, 12, 31)).map(str)


# Baselines


def _values(system: str, key: str) -> st.SearchStrategy[list[str]]:
    known = baseline_rules.vocabularies()[system].values.get(key)
    if key == "PATCH_SET":
        return st.just(["OS"])
    one = st.sampled_from([*known, "*"]) if known else st.just("*") | texts(64)
    return st.lists(one, min_size=1, max_size=4, unique=True)


def _filter_groups(system: str) -> st.SearchStrategy[Spec]:
    keys = st.lists(st.sampled_from(baseline_rules.vocabularies()[system].keys), max_size=4)
    one = keys.flatmap(
        lambda chosen: st.tuples(
            *(
                _values(system, key).map(lambda values, key=key: {"Key": key, "Values": values})
                for key in chosen
            )
        )
    )
    return one.map(lambda filters: {"PatchFilters": list(filters)})


def _rules(system: str) -> st.SearchStrategy[Spec]:
    when = st.fixed_dictionaries({"ApproveAfterDays": st.integers(0, 360)}) | st.fixed_dictionaries(
        {"ApproveUntilDate": days}
    )
    if system in DEBIAN_FAMILY:
        when |= st.just({})
    optional = {"ComplianceLevel": st.sampled_from(LEVELS)}
    if system not in WITHOUT_SOURCES:
        optional["EnableNonSecurity"] = st.booleans()
    rest = st.fixed_dictionaries({"PatchFilterGroup": _filter_groups(system)}, optional=optional)
    return st.builds(lambda one, other: one | other, rest, when)


def _patches(system: str) -> st.SearchStrategy[list[str]]:
    one = (
        st.integers(10_000, 9_999_999).map("KB{}".format)
        if system == WINDOWS
        else st.from_regex(r"[a-z][a-z0-9.+_-]{1,20}", fullmatch=True)
    )
    return st.lists(one, min_size=1, max_size=4, unique=True)


_sources = st.lists(
    st.fixed_dictionaries(
        {
            "Name": st.from_regex(r"[a-zA-Z0-9_.\-]{3,20}", fullmatch=True),
            "Products": st.lists(texts(128), min_size=1, max_size=3),
            "Configuration": texts(1024),
        }
    ),
    min_size=1,
    max_size=2,
)


@st.composite
def definitions(draw: st.DrawFn, system: str | None = None) -> Spec:
    """A CreatePatchBaseline request without a name, for one operating system or any."""
    system = system or draw(st.sampled_from(sorted(baseline_rules.vocabularies())))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "Description": texts(1024),
        "GlobalFilters": _filter_groups(system),
        "ApprovalRules": st.lists(_rules(system), min_size=1, max_size=3).map(
            lambda rules: {"PatchRules": rules}
        ),
        "ApprovedPatches": _patches(system),
        "ApprovedPatchesComplianceLevel": st.sampled_from(LEVELS),
        "RejectedPatches": _patches(system),
        "RejectedPatchesAction": st.sampled_from(["ALLOW_AS_DEPENDENCY", "BLOCK"]),
    }
    if system in WITHOUT_SOURCES:
        if system == WINDOWS:
            optional["AvailableSecurityUpdatesComplianceStatus"] = st.sampled_from(
                ["COMPLIANT", "NON_COMPLIANT"]
            )
    else:
        optional |= {"Sources": _sources, "ApprovedPatchesEnableNonSecurity": st.booleans()}
    found = draw(st.fixed_dictionaries({"OperatingSystem": st.just(system)}, optional=optional))
    if not {"ApprovalRules", "ApprovedPatches"} & set(found):
        found["ApprovedPatches"] = draw(_patches(system))
    assume(baseline_rules.check({"Name": "any-name", **found}).valid)
    return found


# Windows


_zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Etc/GMT-3"]
)
_whole = {
    "minute": st.integers(0, 59).map(str),
    "hour": st.one_of(st.integers(0, 23).map(str), st.sampled_from(["*/6", "2,14", "0-4", "*"])),
}


def _cron(fields: Spec) -> str:
    day, weekday = fields["days"]
    return f"cron({fields['minute']} {fields['hour']} {day} {fields['month']} {weekday} {fields['year']})"


_crons = st.fixed_dictionaries(
    {name: one for name, one in {**expressions.FIELDS, **_whole}.items() if name != "second"}
).map(_cron)
_rates = st.tuples(st.integers(5, 900), st.sampled_from(["minute", "hour", "day"])).map(
    lambda told: f"rate({told[0]} {told[1]}s)"
)
_ats = st.datetimes(min_value=datetime(2027, 1, 1), max_value=datetime(2100, 1, 1)).map(
    lambda moment: f"at({moment:%Y-%m-%dT%H:%M:%S})"
)


@st.composite
def _schedules(draw: st.DrawFn) -> Spec:
    told = {"schedule": draw(_crons | _rates | _ats), "timezone": draw(_zones)}
    if told["schedule"].startswith("cron"):
        told["offset"] = draw(st.integers(0, 6))
    assume(not window_problems(told["schedule"], timezone=told["timezone"], offset=told.get("offset", 0)))
    return told


_paces = st.integers(1, 9999).map(str) | st.integers(1, 100).map("{}%".format)
_errors = _paces | st.sampled_from(["0", "0%"])
_own_parameters = st.dictionaries(
    st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,20}", fullmatch=True).filter(
        lambda name: name not in ("Operation", "RebootOption", "SnapshotId")
    ),
    st.lists(texts(100), min_size=1, max_size=3),
    max_size=3,
)
_shell = st.lists(texts(200), min_size=1, max_size=3).map(lambda lines: {"commands": lines})
_documents = {
    "pre": [("Payments-Drain", None, _own_parameters), ("AWS-RunPowerShellScript", None, _shell)],
    "post": [("Payments-Check:7", None, _own_parameters), ("AWS-CreateImage", "AUTOMATION", st.just({}))],
    "scan": [("AWS-RunPatchBaseline", None, st.just({}) | st.just({"StepTimeoutSeconds": ["7200"]}))],
    "install": [
        ("AWS-RunPatchBaseline", None, st.just({})),
        ("AWS-RunPatchBaselineWithHooks", None, st.just({"PreInstallHookDocName": ["Payments-Drain"]})),
        ("AWSManagedServices-PatchInstance", "AUTOMATION", st.just({"StartInactiveInstances": ["True"]})),
        ("Payments-Patch", None, _own_parameters),
    ],
}
_own_runbook = (
    "arn:aws:ssm:eu-central-1:211125483017:automation-definition/Payments-Run",
    "AUTOMATION",
    _own_parameters,
)
for _kind in ("pre", "post", "install", "scan"):
    _documents[_kind].append(_own_runbook)


@st.composite
def tasks(draw: st.DrawFn, number: int) -> Spec:
    """One task of any kind; its name is its own by its number."""
    kind = draw(st.sampled_from(sorted(_documents)))
    document, type_, parameters = draw(st.sampled_from(_documents[kind]))
    told = {
        "name": f"{draw(texts(50, lines=False))[:50]} {number}",
        "kind": kind,
        "document": document,
        "parameters": draw(parameters),
        "max_concurrency": draw(_paces),
        "max_errors": draw(_errors),
        "cutoff_behavior": draw(st.sampled_from(["CONTINUE_TASK", "CANCEL_TASK"])),
    }
    if type_:
        told["type"] = type_
    if draw(st.booleans()):
        told["priority"] = draw(st.integers(0, 100))
    if kind == "install" and document in ("AWS-RunPatchBaseline", "Payments-Patch"):
        told["reboot"] = draw(st.sampled_from(["RebootIfNeeded", "NoReboot"]))
    elif kind == "scan":
        told["reboot"] = draw(st.sampled_from(["", "NoReboot"]))
    return told


@st.composite
def windows(draw: st.DrawFn, name: str = "") -> Spec:
    """A window with its tasks, with every field, as it stands once it was asked for."""
    duration = draw(st.integers(1, 24))
    spec = {
        "name": name or draw(aws_names),
        "description": draw(st.just("") | texts(128, lines=False)),
        **placed(),
        **draw(_schedules()),
        "duration": duration,
        "cutoff": draw(st.integers(0, duration - 1)),
        "tasks": [draw(tasks(number)) for number in range(draw(st.integers(1, 3)))],
        "instances": draw(st.lists(instance_ids, max_size=3, unique=True)),
    }
    start, end = sorted([draw(days), draw(days)])
    if start != end:
        spec |= draw(
            st.sampled_from(
                [{}, {"start_date": start}, {"end_date": end}, {"start_date": start, "end_date": end}]
            )
        )
    if not any(one["kind"] in ("install", "scan") for one in spec["tasks"]):
        spec["tasks"].append({"name": "Install", "kind": "install"})
    return valid("window", spec)


def placed() -> Spec:
    return {"account": ACCOUNT, "region": REGION, "application": "payments", "environment": "dev"}


def valid(kind: str, spec: Spec) -> Spec:
    """The spec with its defaults; what our own rules refuse is no example."""
    item = {"action": "create", "kind": kind, "target": None, "spec": spec}
    assume(not check_item(item, "item", Allowed()))
    return with_defaults(item)["spec"]


# Patch groups


group_names = st.text(
    st.characters(categories=["L", "N"], max_codepoint=0x24F) | st.sampled_from(" _.:/=+-@"),
    min_size=1,
    max_size=40,
)


@st.composite
def groups(draw: st.DrawFn, baselines: dict[str, str]) -> Spec:
    """A patch group that these baselines judge, each for its operating system."""
    spec = {
        "name": draw(group_names),
        **placed(),
        "baselines": baselines,
        "instances": draw(st.lists(instance_ids, max_size=3, unique=True)),
    }
    return valid("patch-group", spec)
