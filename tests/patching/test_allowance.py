"""What a role does not allow is left out of a reading, and told as the line that its policy lacks."""

import pytest

from patching import allowance
from patching.aws.errors import AwsDenied
from patching.models import PullRun
from portal.governance import clock
from tests import factories

REFUSED = (
    "describe_patch_properties: AWS does not allow it (AccessDeniedException). User: arn:aws:sts::2:assumed-role/P/w "
    "is not authorized to perform: ssm:DescribePatchProperties because no identity-based policy allows it"
)


def test_an_action_that_is_not_allowed_is_noted_once_and_the_rest_goes_on():
    lacking: list[str] = []
    for _ in range(2):
        with allowance.doing_without(lacking):
            raise AwsDenied("AccessDeniedException", REFUSED)
    assert lacking == ["ssm:DescribePatchProperties"]


@pytest.mark.parametrize(
    "message",
    [
        "Assuming P in 2: AWS does not allow it (AccessDenied). User: x is not authorized to perform: sts:AssumeRole",
        "read: AWS does not allow it (UnrecognizedClientException). The security token is invalid.",
    ],
)
def test_where_nothing_else_would_work_the_reading_ends(message):
    with pytest.raises(AwsDenied), allowance.doing_without([]):
        raise AwsDenied("AccessDenied", message)


@pytest.mark.django_db
def test_the_lines_to_add_are_those_of_the_last_whole_reading_and_of_the_last_error():
    place, now = factories.account_region(), clock.now()
    assert allowance.missing(place) == []
    told = allowance.told("PatchwardenRole", ["ssm:GetDefaultPatchBaseline", "ssm:DescribePatchProperties"])
    assert told.startswith("The role PatchwardenRole does not allow ssm:GetDefaultPatchBaseline and ssm:Desc")
    run = PullRun.objects.create(
        account_region=place, started_at=now, finished_at=now, error_code=allowance.NOT_ALLOWED, error=told
    )
    place.last_error = (
        "Reading failed: x is not authorized to perform: ssm:DescribeInstancePatchStates, sts:AssumeRole"
    )
    assert allowance.missing(place) == [
        "ssm:DescribeInstancePatchStates",
        "ssm:DescribePatchProperties",
        "ssm:GetDefaultPatchBaseline",
    ]
    run.pk = None
    run.error_code = run.error = place.last_error = ""
    run.save()
    assert allowance.missing(place) == []
