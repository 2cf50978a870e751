"""How exemptions are weighed: three levels with their reasons, alike for one and for many."""

from datetime import timedelta

import pytest

from exemptions import policy, risk
from exemptions.models import Exemption
from exemptions.risk import Facts, Level
from patching.models import PatchFinding
from portal.governance import clock
from tests import factories
from tests.exemptions import asks

CALM = {"instances": 2, "production": 0, "exposure": "internal", "data_class": "confidential"}


@pytest.mark.parametrize(
    ("more", "level", "word"),
    [
        ({}, Level.LOW, ""),
        ({"controls": 2, "controls_shown": 1}, Level.LOW, "One control has no document as evidence"),
        ({"others": 3}, Level.LOW, "3 other exemptions in force"),
        ({"production": 1}, Level.ELEVATED, "1 of 2 instances in production"),
        ({"critical": 1, "worst": "critical"}, Level.ELEVATED, "A critical patch is missing"),
        ({"exposure": "internet"}, Level.ELEVATED, "Reachable from the internet"),
        ({"exposure": ""}, Level.ELEVATED, "Nobody said who can reach"),
        ({"data_class": "restricted"}, Level.ELEVATED, "Holds restricted data"),
        ({"renewal": 2}, Level.ELEVATED, "Renewal 2"),
        ({"lasts": timedelta(days=31)}, Level.ELEVATED, "Lasts longer than 30 days"),
        ({"overdue": timedelta(days=6)}, Level.ELEVATED, "6 days past its deadline"),
        ({"production": 1, "worst": "critical"}, Level.HIGH, "critical patch is missing on production"),
        ({"critical_in_production": 1}, Level.HIGH, "critical patch is missing on production"),
    ],
)
def test_each_thing_that_weighs_is_told(more, level, word):
    weighed = risk.weigh(Facts(**{**CALM, **more}))
    assert weighed.level == level
    assert word in "; ".join(one.text for one in weighed.reasons)


def test_the_riskiest_sorts_first():
    high = risk.weigh(Facts(**{**CALM, "production": 2, "worst": "critical"}))
    exposed = risk.weigh(Facts(**{**CALM, "production": 2, "exposure": "internet"}))
    prod = risk.weigh(Facts(**{**CALM, "production": 2}))
    low = risk.weigh(Facts(**CALM))
    assert sorted([low, prod, high, exposed], key=lambda one: one.order) == [high, exposed, prod, low]


def lacks(instance, severity, days, patch="KB5039227"):
    at = clock.now()
    PatchFinding.objects.create(
        instance=instance,
        patch_id=patch,
        severity=severity,
        state="missing",
        first_seen_at=at - timedelta(days=days),
        last_seen_at=at,
    )


def test_what_is_open_is_read_from_the_findings(cast):
    servers = asks.servers(2)
    exemption = asks.submitted(cast["rita"], servers)
    assert risk.of(exemption).level == Level.ELEVATED
    lacks(servers[0], "Critical", 20)
    weighed = risk.of(exemption)
    assert weighed.level == Level.HIGH
    assert (weighed.facts.critical_in_production, weighed.facts.overdue.days) == (1, 6)


def test_others_of_the_team_in_force_are_counted_without_itself(cast):
    servers = asks.servers(2, env="test")
    first = asks.approved(cast["rita"], servers[:1])
    second = asks.submitted(cast["rita"], servers[1:])
    found = risk.of_many([first, second])
    assert {pk: one.facts.others for pk, one in found.items()} == {first.pk: 0, second.pk: 1}


def test_an_exclusion_weighs_only_what_it_names(cast):
    server = asks.servers(1, env="test")[0]
    lacks(server, "Critical", 3, "KB1")
    lacks(server, "Low", 3, "KB2")
    exemption = asks.drafted(cast["rita"], [server])
    assert risk.of(exemption).facts.critical == 1
    Exemption.objects.filter(pk=exemption.pk).update(kind="patch_exclusion", patches=["KB2"])
    assert (risk.of(exemption).facts.critical, risk.of(exemption).facts.worst) == (0, "low")


@pytest.mark.parametrize(
    ("system", "patch", "names"),
    [
        ("AMAZON_LINUX_2023", "openssl.x86_64", "openssl"),
        ("AMAZON_LINUX_2023", "openssl.x86_64", "openssl*"),
        ("WINDOWS", "KB5039227", "kb5039227"),
    ],
)
def test_an_exclusion_weighs_what_a_baseline_would_reject_by_its_names(cast, system, patch, names):
    server = factories.instance(env="test", operating_system=system)
    asks.in_a_window([server], "test")
    lacks(server, "Critical", 3, patch)
    exemption = asks.drafted(cast["rita"], [server])
    Exemption.objects.filter(pk=exemption.pk).update(kind="patch_exclusion", patches=[names])
    weighed = risk.of(exemption)
    assert (weighed.level, weighed.facts.critical, weighed.facts.worst) == (Level.ELEVATED, 1, "critical")
    assert policy.standing_of([server], [names], "internal", "internal").worst == "critical"


def test_many_cost_no_more_queries_than_one(cast):
    servers = asks.servers(3, env="test")
    made = [asks.drafted(cast["rita"], [one]) for one in servers]
    factories.instance(env="test")
    assert asks.queries_of(lambda: risk.of_many(made)) == asks.queries_of(lambda: risk.of_many(made[:1]))
