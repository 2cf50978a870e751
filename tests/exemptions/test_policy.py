"""How long an exemption may last, and how often it may be renewed."""

from datetime import timedelta

import pytest

from exemptions import policy
from exemptions.models import Exemption
from exemptions.policy import Standing
from patching.models import PatchFinding
from portal.governance import clock
from tests import factories

CALM = {"production": False, "exposed": False, "restricted": False, "worst": ""}


@pytest.mark.parametrize(
    ("more", "days", "renewals"),
    [
        ({"production": True, "exposed": True, "worst": "critical"}, 14, 1),
        ({"production": True, "worst": "critical"}, 30, 2),
        ({"exposed": True, "worst": "critical"}, 45, 2),
        ({"restricted": True, "worst": "important"}, 45, 2),
        ({"production": True, "exposed": True, "worst": "important"}, 45, 2),
        ({"production": True, "worst": "important"}, 90, 2),
        ({"production": True}, 90, 2),
        ({"worst": "critical"}, 90, 3),
        ({}, 90, 3),
    ],
)
def test_the_more_is_open_to_the_more_people_the_shorter_it_lasts(more, days, renewals):
    limit = policy.limit_for(Standing(**{**CALM, **more}))
    assert (limit.longest, limit.renewals) == (timedelta(days=days), renewals)
    assert limit.why


def test_the_setting_is_above_every_row(settings):
    settings.EXEMPTION_LONGEST_DAYS = 20
    assert policy.limit_for(Standing(**CALM)).longest == timedelta(days=20)
    strict = Standing(production=True, exposed=True, restricted=False, worst="critical")
    assert policy.limit_for(strict).longest == timedelta(days=14)


def lacks(instance, patch, severity, title=""):
    now = clock.now()
    return PatchFinding.objects.create(
        instance=instance,
        patch_id=patch,
        severity=severity,
        title=title,
        state="missing",
        first_seen_at=now,
        last_seen_at=now,
    )


@pytest.mark.django_db
def test_a_deferral_leaves_off_all_that_its_instances_lack():
    node, other = factories.instance(), factories.instance()
    lacks(node, "KB5039227", "Important")
    lacks(other, "KB5041160", "Critical")
    assert policy.standing_of([node], [], "internal", "internal").worst == "important"
    assert policy.standing_of([node, other], [], "internal", "internal").worst == "critical"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("system", "patch", "named"),
    [("WINDOWS", "KB5039227", "kb5039227"), ("AMAZON_LINUX_2", "openssl-libs.x86_64", "openssl-libs")],
    ids=["a KB in any case", "a package in every version"],
)
def test_an_exclusion_leaves_off_what_it_names(system, patch, named):
    node = factories.instance(env="dev", operating_system=system)
    lacks(node, patch, "Critical", title=f"{patch}:1:1.0.2k-24")
    lacks(node, "KB1111111" if system == "WINDOWS" else "curl.x86_64", "Important")
    assert policy.standing_of([node], [named], "internal", "internal").worst == "critical"
    assert policy.standing_of([node], ["KB9999999"], "internal", "internal").worst == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("exposure", "exposed"),
    [("internet", True), ("partner", True), ("internal", False), ("isolated", False), ("", False)],
)
def test_who_can_reach_it_is_what_was_answered(exposure, exposed):
    standing = policy.standing_of([factories.instance(env="dev")], [], exposure, "restricted")
    assert (standing.exposed, standing.restricted, standing.production) == (exposed, True, False)


@pytest.mark.django_db
def test_one_production_instance_makes_it_production():
    instances = [factories.instance(env="dev"), factories.instance(env="prod")]
    assert policy.standing_of(instances, [], "", Exemption.DataClass.PUBLIC).production
