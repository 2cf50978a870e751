"""What AWS says becomes one of four: later, look again, not allowed, or ask a person."""

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError, ReadTimeoutError

from patching.aws.errors import AwsBusy, AwsChanged, AwsDenied, AwsError, translated


def answered(code: str, message: str = "So it is.", status: int = 400) -> AwsError:
    problem = ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Any"
    )
    with pytest.raises(AwsError) as caught, translated("CreateMaintenanceWindow"):
        raise problem
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException", AwsBusy),
        ("TooManyUpdates", AwsBusy),
        ("InternalServerError", AwsBusy),
        ("ExpiredTokenException", AwsBusy),
        ("DoesNotExistException", AwsChanged),
        ("AlreadyExistsException", AwsChanged),
        ("AccessDeniedException", AwsDenied),
        ("SignatureDoesNotMatch", AwsDenied),
        ("ResourceLimitExceededException", AwsError),
        ("ValidationException", AwsError),
        ("NeverHeardOf", AwsError),
    ],
)
def test_each_code_is_of_one_kind(code, kind):
    problem = answered(code)
    assert type(problem) is kind
    assert problem.code == code
    assert problem.is_passing == (kind is AwsBusy)


def test_whatever_the_code_a_broken_service_is_busy():
    assert type(answered("NeverHeardOf", status=503)) is AwsBusy


def test_the_message_says_what_was_done_and_what_aws_said_on_one_line():
    text = str(answered("ValidationException", "1 validation error:\n  Duration is 99."))
    assert text.startswith("CreateMaintenanceWindow: AWS does not accept the content")
    assert text.endswith("1 validation error: Duration is 99. (ValidationException)")


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (ReadTimeoutError(endpoint_url="https://ssm"), AwsBusy),
        (NoCredentialsError(), AwsDenied),
        (ParamValidationError(report="Duration is missing"), AwsError),
    ],
)
def test_what_never_reached_aws_is_told_too(problem, kind):
    with pytest.raises(AwsError) as caught, translated("Asking"):
        raise problem
    assert type(caught.value) is kind
    assert caught.value.code == type(problem).__name__
