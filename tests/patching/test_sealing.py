"""What a request was decided upon is told place by place, and moves with any of them."""

import pytest

from patching import sealing
from patching.models import ChangeRequest, PatchBaseline, ResourceState
from tests import asks, factories, pushing
from tests.pushing import approved, baseline_item, change, group_item

pytestmark = pytest.mark.django_db


@pytest.fixture
def in_two_places(retail, rita):
    """A request about a baseline that groups of two Regions use, where both have been read."""
    far = factories.account_region(retail.account, "us-east-1")
    approved(rita, [baseline_item(), group_item()])
    baseline = PatchBaseline.objects.get()
    for place in (retail, far):
        pushing.in_aws(place)
        ResourceState.objects.update_or_create(
            account_region=place,
            kind="baseline",
            key=str(baseline.uid),
            defaults={
                "uid": str(baseline.uid),
                "label": baseline.name,
                "observed_digest": "as approved",
                "changed_at": asks.clock.now(),
            },
        )
    items = [change(baseline, "baseline"), group_item()]
    elsewhere = {**items[1], "spec": {**items[1]["spec"], "region": "us-east-1", "instances": []}}
    return [items[0], elsewhere, items[1]]


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_it_moves_when_one_of_the_places_has_changed(in_two_places, region):
    request = ChangeRequest(seal=sealing.seal_of(in_two_places))
    assert sealing.what_moved(request, in_two_places) == []
    ResourceState.objects.filter(kind="baseline", account_region__region=region).update(
        observed_digest="edited"
    )
    (told,) = sealing.what_moved(request, in_two_places)
    assert told == (
        f"baseline payments-dev-win in 211125483017/{region} was changed in AWS after this was submitted."
    )


def test_a_seal_that_names_no_places_is_not_taken_for_one_that_moved(in_two_places):
    seal = sealing.seal_of(in_two_places)
    earlier = {name.partition(" in ")[0]: digest for name, digest in seal["resources"].items()}
    request = ChangeRequest(seal={**seal, "resources": earlier})
    assert sealing.what_moved(request, in_two_places) == []
