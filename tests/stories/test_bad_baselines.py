"""Bad baselines through the API: the right error at the right place, no row, and nothing asked of AWS."""

import pytest

from patching import presets
from patching.models import ChangeRequest, Operation, PatchBaseline
from tests import asks
from tests.patching.api.test_change_requests import URL, body

GOOD = presets.named("WINDOWS", "prod").definition
RULE = "ApprovalRules.PatchRules[0]"
FILTER = f"{RULE}.PatchFilterGroup.PatchFilters[0]"


def rule(key="CLASSIFICATION", values=("SecurityUpdates",), **fields):
    filters = [{"Key": key, "Values": list(values)}] if key else []
    return {
        "PatchFilterGroup": {"PatchFilters": filters},
        "ApproveAfterDays": 7,
        "ComplianceLevel": "HIGH",
        **fields,
    }


def with_rule(*rules, **fields):
    return {"OperatingSystem": "WINDOWS", "ApprovalRules": {"PatchRules": list(rules)}, **fields}


def source(**fields):
    usual = {"Name": "mirror", "Products": ["*"], "Configuration": "baseurl=https://mirror.example.com"}
    kept = [{**usual, **fields}]
    return with_rule(rule(values=["Security"]), OperatingSystem="AMAZON_LINUX_2023", Sources=kept)


NO_DAYS = {"ApproveAfterDays": None}
BAD = [
    (with_rule(rule(), OperatingSystem="windows"), "OperatingSystem", "Did you mean WINDOWS"),
    (with_rule(rule(), OperatingSystem="RHEL"), "OperatingSystem", "WINDOWS, "),
    (with_rule(rule("SEVERITY", ["Critical"])), f"{FILTER}.Key", "use MSRC_SEVERITY"),
    (with_rule(rule("SECTION", ["x"])), f"{FILTER}.Key", "not available for WINDOWS"),
    (with_rule(rule(values=["Securty"])), f"{FILTER}.Values[0]", "Did you mean SecurityUpdates"),
    (with_rule(*[rule()] * 11), "ApprovalRules.PatchRules", "found 11"),
    (with_rule(rule(values=[f"v{n}" for n in range(21)])), f"{FILTER}.Values", "found 21"),
    (with_rule(rule("PRODUCT", ["x" * 65])), f"{FILTER}.Values[0]", "64 characters"),
    (with_rule(), "ApprovalRules", "install nothing"),
    (with_rule(rule(ApproveAfterDays=-1)), f"{RULE}.ApproveAfterDays", "0 to 360"),
    (with_rule(rule(ApproveAfterDays=361)), f"{RULE}.ApproveAfterDays", "0 to 360"),
    (with_rule(rule(ApproveAfterDays=1.5)), f"{RULE}.ApproveAfterDays", "0 to 360"),
    (with_rule(rule(**NO_DAYS)), f"{RULE}.ApproveAfterDays", "either days"),
    (with_rule(rule(ApproveUntilDate="2026-06-30")), f"{RULE}.ApproveUntilDate", "Both days and a date"),
    (
        with_rule(rule(ApproveUntilDate="2026-02-30", **NO_DAYS)),
        f"{RULE}.ApproveUntilDate",
        "date that exists",
    ),
    (
        with_rule(rule(ApproveUntilDate="01/02/2026", **NO_DAYS)),
        f"{RULE}.ApproveUntilDate",
        "date that exists",
    ),
    (
        {**GOOD, "ApprovedPatches": ["KB5000001"], "RejectedPatches": ["KB5000001"]},
        "RejectedPatches[0]",
        "both lists",
    ),
    ({**GOOD, "ApprovedPatches": [f"KB50000{n:02}" for n in range(51)]}, "ApprovedPatches", "found 51"),
    ({**GOOD, "ApprovedPatches": ["x" * 101]}, "ApprovedPatches[0]", "100 characters"),
    ({**GOOD, "ApprovedPatches": ["openssl"]}, "ApprovedPatches[0]", "no Windows patch"),
    ({**GOOD, "RejectedPatches": ["KB5000001", "KB5000001"]}, "RejectedPatches[1]", "listed twice"),
    (with_rule(rule(EnableNonSecurity=True)), f"{RULE}.EnableNonSecurity", "Linux only"),
    ({**GOOD, "RejectedPatches": ["*"]}, "RejectedPatches", "install nothing"),
    (source(Name="a b"), "Sources[0].Name", "3 to 50"),
    (source(Products=["*"] * 21), "Sources[0].Products", "1 to 20"),
    (source(Configuration="x" * 1025), "Sources[0].Configuration", "1024"),
    (source(Configuration="baseurl=https://me:secret@example.com"), "Sources[0].Configuration", "password"),
    (
        {**GOOD, "Sources": [{"Name": "mirror", "Products": ["*"], "Configuration": "x"}]},
        "Sources",
        "Linux only",
    ),
    ({**GOOD, "Name": "x"}, "Name", "Leave Name out"),
    (with_rule(rule("PATCH_SET", ["APPLICATION"])), "", "Only operating system patches"),
]


@pytest.fixture
def rita(cast, call_api):
    asks.fleet()
    return call_api(cast["rita"])


def item(definition, action="create", target=None, name="payments-qa-win"):
    spec = {"name": name, "application": "payments", "environment": "test", "definition": definition}
    return {"action": action, "kind": "baseline", "target": target, "spec": spec}


def test_each_mistake_is_named_at_its_field_and_nothing_is_kept(rita, subtests):
    for definition, field, says in BAD:
        with subtests.test(field=field, says=says):
            answer = rita.post(URL, body([item(definition)]), format="json")
            assert answer.status_code == 400
            path = f"items[0].spec.definition.{field}".rstrip(".")
            told = [one["message"] for one in answer.json()["errors"] if one["field"] == path]
            assert any(says in message for message in told), answer.json()["errors"]
            assert "secret" not in answer.content.decode()
    assert [model.objects.exists() for model in (ChangeRequest, PatchBaseline, Operation)] == [False] * 3


def test_an_operating_system_never_changes(rita, cast):
    asks.in_effect(cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ivan"], cast["clara"])
    row = PatchBaseline.objects.get(name="payments-test-win")
    other = presets.named("AMAZON_LINUX_2023", "test").definition
    answer = rita.post(URL, body([item(other, "change", row.pk, row.name)]), format="json")
    (problem,) = answer.json()["errors"]
    assert (problem["field"], problem["code"]) == ("items[0].spec.definition.OperatingSystem", "immutable")
    removal = {"action": "delete", "kind": "baseline", "target": row.pk}
    answer = rita.post(URL, body([removal]), format="json")
    assert "is used by payments-test" in answer.json()["errors"][0]["message"]
    assert PatchBaseline.objects.live().filter(pk=row.pk).exists()


def test_aws_s_own_baselines_cannot_be_named_as_a_target(rita):
    arn = "arn:aws:ssm:eu-central-1:083119075119:patchbaseline/pb-0123456789abcdef0"
    answer = rita.post(URL, body([item(GOOD, "change", arn)]), format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "items[0].target"
