"""What tests of the pages stand on: requests of the story brought to a state, and AWS as approved."""

import pytest

from patching import desired
from patching.models import AccountRegion, ChangeRequest, ResourceState
from patching.specs import to_plain
from portal.governance import clock
from tests import asks, factories


@pytest.fixture
def submitted(cast):
    """The HA Windows application, submitted by rita."""
    return asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))


@pytest.fixture
def approved(submitted, cast):
    """The same with every decision in; nothing pushed yet."""
    asks.approve(submitted, cast["omar"], cast["ines"], cast["clara"])
    return ChangeRequest.objects.get(pk=submitted.pk)


@pytest.fixture
def in_aws(approved) -> AccountRegion:
    """The account-region in which all of it is as approved."""
    place = factories.account_region()
    for key, one in desired.now_for(place).items():
        ResourceState.objects.create(
            account_region=place,
            kind=key.kind,
            key=key.name,
            label=one.label,
            uid=one.uid,
            aws_id=f"aws-{one.uid[:8]}",
            applied=to_plain(one.spec),
            sources=[source._asdict() for source in one.sources],
            condition=ResourceState.Condition.IN_SYNC,
            changed_at=clock.now(),
        )
    return place


def text_of(response) -> str:
    """A page as text, entities undone where tests look for quotes."""
    return response.content.decode().replace("&#x27;", "'").replace("&quot;", '"')
