"""What botocore says, in our words: later (AwsBusy), look again (AwsChanged), or ask a person (AwsError)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

BUSY = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalServerError",
    "InternalFailure",
    "InternalError",
    "InternalServerException",
    "InvalidNextToken",  # a list took too long to read: begin anew
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "TooManyUpdates",
    "TransactionInProgressException",
    "Unavailable",
}
CHANGED = {
    "AlreadyExistsException",
    "AutomationExecutionNotFoundException",
    "ConflictException",
    "DoesNotExistException",
    "InvalidResourceId",  # how ListTagsForResource and AddTagsToResource say that it is gone
    "ResourceInUseException",
    "ResourceNotFoundException",
    "TargetInUseException",
}
DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "OptInRequired",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
}
THROTTLED = {
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "TooManyUpdates",
}
# AWS refuses a signature that is more than a few minutes off; all writes of this host would go the same way
SKEWED = {"RequestExpired", "RequestTimeTooSkewed"}
SKEWED_SIGNATURE = "Signature expired", "Signature not yet current"
EXPIRED = {"ExpiredToken", "ExpiredTokenException"}
QUOTA = {
    "AutomationExecutionLimitExceededException",
    "ResourceLimitExceededException",
    "ServiceQuotaExceededException",
}
ADVICE = {
    "InvalidInstanceID.NotFound": "The instance is gone; take it out of its group and window.",
    "IdempotentParameterMismatch": "The token of this write was used before with other content.",
    "ResourceLimitExceededException": "A quota of the account is reached; raise it or remove something.",
    "ValidationException": "AWS does not accept the content; change the request.",
    "ParamValidationError": "The content does not fit the AWS API; change the request.",
}


class AwsError(Exception):
    """AWS said no, and only a person can change that. ``code`` is AWS's word, the message is for people."""

    is_passing = False

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AwsBusy(AwsError):
    """Nobody knows whether it was done: throttled, timed out or broken down. Look, and try again later."""

    is_passing = True

    @property
    def is_throttling(self) -> bool:
        return self.code in THROTTLED


class AwsChanged(AwsError):
    """AWS is not as we last saw it. Look again before the next step."""


class AwsDenied(AwsError):
    """We may not: credentials, role, external id or a policy.

    ``action`` is the one that a policy does not allow; without one nothing else in this account will work either.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        found = re.search(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)", message)
        self.action = found[1] if found and not found[1].startswith("sts:") else ""


class AwsSkewed(AwsDenied):
    """The clock of this host is off: AWS takes no signature of ours."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Inside, botocore's errors come out as ours; ``doing`` opens the sentence."""
    try:
        yield
    except ClientError as problem:
        raise from_client_error(problem, doing) from problem
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as problem:
        raise AwsDenied(
            _code(problem), f"{doing}: there are no AWS credentials to use. {problem}"
        ) from problem
    except (EndpointConnectionError, ConnectionError, HTTPClientError) as problem:
        raise AwsBusy(_code(problem), f"{doing}: AWS did not answer. {problem}") from problem
    except BotoCoreError as problem:
        advice = ADVICE.get(_code(problem), "")
        raise AwsError(_code(problem), f"{doing}: {advice} {problem}".replace("  ", " ")) from problem


def from_client_error(problem: ClientError, doing: str) -> AwsError:
    """Which of the four kinds an answer from AWS is."""
    error = problem.response.get("Error", {})
    code = error.get("Code", "") or "Unknown"
    message = " ".join(error.get("Message", "").split()) or "AWS gave no reason."
    status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in BUSY or status >= 500 or status == 429:
        return AwsBusy(code, f"{doing}: AWS is busy ({code}). {message}")
    if code in SKEWED or any(text in message for text in SKEWED_SIGNATURE):
        return AwsSkewed(code, f"{doing}: AWS refused the time of this host's clock ({code}). {message}")
    if code in DENIED:
        return AwsDenied(code, f"{doing}: AWS does not allow it ({code}). {message}")
    if code in CHANGED:
        return AwsChanged(code, f"{doing}: AWS has changed meanwhile ({code}). {message}")
    return AwsError(code, f"{doing}: {ADVICE.get(code, 'AWS refused it.')} {message} ({code})")


def _code(problem: Exception) -> str:
    return type(problem).__name__
