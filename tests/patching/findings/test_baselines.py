"""Findings on baselines: what AWS takes and does not mean, and stages that drift apart."""

from patching import presets
from patching.findings.baselines import PlannedBaseline, check

RANKS = {"Dev": 1, "Test": 2, "Production": 3}


def planned(environment="Production", system="WINDOWS", stage="prod", *, asked=True, **definition):
    told = {**presets.named(system, stage).definition, **definition}
    spec = {"name": f"payments-{environment.lower()}", "application": "payments", "definition": told}
    return PlannedBaseline(
        spec, rank=RANKS[environment], environment=environment, asked=asked, family=("payments", system)
    )


def rule(days=7, level="HIGH", **filters):
    return {
        "PatchFilterGroup": {
            "PatchFilters": [{"Key": key, "Values": values} for key, values in filters.items()]
        },
        "ApproveAfterDays": days,
        "ComplianceLevel": level,
    }


def rules(*given):
    return {"ApprovalRules": {"PatchRules": list(given)}}


def claims(*baselines):
    return [(one.level, one.claim) for one in check(baselines)]


def test_the_source_s_stages_are_in_order():
    stages = [planned("Dev", stage="dev"), planned("Test", stage="test"), planned("Production", stage="prod")]
    assert claims(*stages) == []


def test_production_that_overtakes_test_is_told_with_both_numbers():
    test, production = planned("Test", stage="prod"), planned("Production", stage="test")
    (finding,) = check([test, production])
    assert finding.claim == "Production would take patches before Test"
    assert "waits 7 days, less than payments-test with 14" in finding.evidence


def test_what_stays_is_compared_but_not_judged():
    odd = planned("Test", asked=False, **rules(rule(40, PRODUCT=["*"])))
    assert claims(odd, planned("Production", **rules(rule(41, PRODUCT=["*"])))) == [
        ("warning", "payments-production, rule 1 waits longer than Windows updates live")
    ]


def test_production_rules_that_test_never_sees_are_told():
    security = rule(CLASSIFICATION=["SecurityUpdates"])
    drivers = rule(14, CLASSIFICATION=["Drivers"])
    found = claims(planned("Test", **rules(security)), planned("Production", **rules(security, drivers)))
    assert found == [("warning", "Production gets patches that Test never tests")]
    found = claims(
        planned("Test", **rules(security, drivers)),
        planned("Production", **rules(rule(14, CLASSIFICATION=["SecurityUpdates"]))),
    )
    assert found == [("note", "Test tests patches that Production never gets")]


def test_one_oddity_in_several_rules_is_told_once():
    found = check([planned(**rules(rule(level=None), rule(level=None, CLASSIFICATION=["Drivers"])))])
    assert [one.claim for one in found] == [
        "What payments-production, rule 1 and rule 2 misses has no severity in Security Hub",
        "payments-production, rule 1 approves everything there is",
    ]


def test_stages_of_other_systems_are_not_compared():
    assert (
        claims(planned("Test", "AMAZON_LINUX_2023", "prod"), planned("Production", "WINDOWS", "test")) == []
    )
