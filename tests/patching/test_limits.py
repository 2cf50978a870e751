"""What applies in an account-region and how much of it is used: asked once a day, and before each creation."""

from datetime import timedelta

import pytest

from patching import limits
from patching.models import AccountRegion, ResourceState, Unmanaged
from patching.reaching import reach
from portal.governance import clock
from tests import pushing
from tests.pushing import asked, retail  # noqa: F401
from tests.simulated_aws import RETAIL


def there(place):
    return AccountRegion.objects.get(pk=place.pk)


def test_limits_are_asked_for_once_a_day(retail, simulated_aws):  # noqa: F811
    simulated_aws.quota("windows", 80, account=RETAIL)
    limits.keep(retail, reach(retail))
    assert limits.limit(there(retail), "windows") == 80
    simulated_aws.quota("windows", 90, account=RETAIL)
    limits.keep(there(retail), reach(retail))
    assert limits.limit(there(retail), "windows") == 80
    AccountRegion.objects.update(quotas_read_at=clock.now() - timedelta(days=2))
    limits.keep(there(retail), reach(retail))
    assert limits.limit(there(retail), "windows") == 90


def test_without_the_permission_the_published_defaults_hold(retail, simulated_aws):  # noqa: F811
    simulated_aws.deny("ListServiceQuotas")
    limits.keep(retail, reach(retail))
    assert limits.limit(there(retail), "windows") == 50
    assert there(retail).quotas_read_at is not None


@pytest.mark.usefixtures("asked")
def test_a_push_that_meets_a_full_account_says_so_with_the_numbers(retail, simulated_aws):  # noqa: F811
    at = clock.now()
    for number in range(49):
        Unmanaged.objects.create(
            account_region=retail,
            kind="window",
            aws_id=f"theirs-{number}",
            name="theirs",
            content={},
            first_seen_at=at,
            last_seen_at=at,
        )
    pushing.pushed(retail)
    window = ResourceState.objects.get(kind="window", reason_code="quota")
    assert "50 of 50 maintenance windows, 49 of them not ours" in window.condition_text
    assert len(simulated_aws.log("CreateMaintenanceWindow")) == 1
    Unmanaged.objects.update(gone_at=at)
    ResourceState.objects.update(retry_at=None)
    pushing.pushed(retail)
    assert not ResourceState.objects.filter(reason_code="quota").exists()
