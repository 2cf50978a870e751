"""What AWS says of operating systems is kept, widens what may be chosen, and names the default that applies."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from patching import system_facts
from patching.models import ManagedInstance, SystemFacts
from portal.governance import clock
from tests import factories


class Here:
    """One account-region that counts what is asked of AWS."""

    def __init__(self, place, aws):
        self.place, self.ssm, self.asked, self.now = place, aws.client("ssm"), [], clock.now()
        self.ssm.meta.events.register("before-call.ssm", lambda model, **_: self.asked.append(model.name))

    def read(self, after=timedelta(minutes=15)):
        self.now += after
        self.asked.clear()
        system_facts.keep(self.place, SimpleNamespace(ssm=self.ssm), self.now, lacking=[])
        return set(self.asked)


@pytest.fixture
def here(retail, simulated_aws):
    return Here(retail, simulated_aws)


def test_values_are_read_once_a_week_and_defaults_always(here):
    assert here.read() == {"DescribePatchProperties", "GetDefaultPatchBaseline", "GetPatchBaseline"}
    (facts,) = SystemFacts.objects.all()
    assert "WindowsServer2022" in facts.values["PRODUCT"]
    assert facts.values["MSRC_SEVERITY"] == ["Critical", "Important", "Moderate", "Low", "Unspecified"]
    assert here.read() == {"GetDefaultPatchBaseline"}
    assert "DescribePatchProperties" in here.read(after=timedelta(days=7))
    assert SystemFacts.objects.count() == 1


def test_the_default_is_aws_s_own_until_somebody_makes_another(here):
    here.read()
    unasked = system_facts.unasked(here.place, "WINDOWS")
    assert (unasked.name, unasked.chosen) == ("AWS-DefaultPatchBaseline", False)
    assert "after 7 days" in unasked.line
    made = here.ssm.create_patch_baseline(
        Name="everything",
        OperatingSystem="WINDOWS",
        ApprovalRules={
            "PatchRules": [
                {
                    "PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]},
                    "ApproveAfterDays": 0,
                }
            ]
        },
    )["BaselineId"]
    here.ssm.register_default_patch_baseline(BaselineId=made)
    here.read()
    unasked = system_facts.unasked(here.place, "WINDOWS")
    assert (unasked.name, unasked.line, unasked.chosen) == ("everything", "Everything after 0 days", True)


def test_what_was_never_read_comes_from_the_dated_lists(here):
    assert not system_facts.listed("WINDOWS").by_aws
    assert "not read from the account yet" in system_facts.unasked(here.place, "UBUNTU").told
    here.read()
    assert system_facts.listed("WINDOWS").by_aws


def test_a_value_that_aws_lists_may_be_asked_for(here):
    SystemFacts.objects.create(
        account_region=here.place,
        operating_system="WINDOWS",
        values={"CLASSIFICATION": ["QualityUpdates"]},
        values_read_at=here.now,
    )
    assert "QualityUpdates" in system_facts.allowed().vocabularies["WINDOWS"].known("CLASSIFICATION")
    assert "SecurityUpdates" in system_facts.allowed().vocabularies["WINDOWS"].known("CLASSIFICATION")


def test_instances_in_no_group_are_counted_by_the_default_that_judges_them(here, asked):
    here.read()
    key = here.place.account.patch_group_tag
    for one in ManagedInstance.objects.all():
        one.tags[key] = "payments-dev"
        one.save(update_fields=["tags"])
    factories.instance(factories.payments(), "dev", here.place)
    rows = ManagedInstance.objects.select_related("account_region__account")
    (one,) = system_facts.unasked_everywhere(rows)
    assert (one.system, one.instances) == ("WINDOWS", 1)
