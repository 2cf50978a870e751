"""Calls with a condition: what was read by its ETag, ``If-Match`` before a change, ``If-None-Match`` to read less."""

import hashlib
import re
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from portal.governance.errors import FieldProblem, InvalidInput

# RFC 9110, 8.8.3: an entity tag stands in quotes, W/ before it makes it a weak one
TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
TAGS = re.compile(rf"\s*{TAG}(?:\s*,\s*{TAG})*\s*")
BY_THE_CLOCK = {"concerns"}  # "tried again in 4 min"
EXAMPLE = '"6b1f…e0", as the ETag of a GET gives it'


class PreconditionFailed(APIException):
    """Somebody else was faster: If-Match names another version than the current one."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "precondition_failed"


def etag_of(shown: Any) -> str:
    """A strong entity tag of what a caller is shown; what changes with the clock alone is left out."""
    kept = {name: value for name, value in shown.items() if name not in BY_THE_CLOCK}
    return f'"{hashlib.sha256(JSONRenderer().render(kept)).hexdigest()}"'


def raise_unless_matches(request: Request, label: str, etag: str) -> None:
    """Compare If-Match, if it was sent, with the current tag. Call it while the row is locked.

    Raises PreconditionFailed, and InvalidInput when the header is no list of tags. A weak tag never matches.
    """
    sent = request.headers.get("If-Match")
    if sent is None or sent.strip() == "*":
        return
    if not TAGS.fullmatch(sent):
        message = f"Give * or entity tags in quotes, such as {EXAMPLE}."
        raise InvalidInput([FieldProblem("If-Match", "invalid", message)])
    if etag not in re.findall(TAG, sent):
        raise PreconditionFailed(f"{label} is no longer what If-Match names. Read it again.")


def is_known(request: Request, etag: str) -> bool:
    """Whether If-None-Match says that the caller has this version; compared weakly, and nonsense is passed over."""
    sent = request.headers.get("If-None-Match", "")
    return sent.strip() == "*" or etag in [tag.removeprefix("W/") for tag in re.findall(TAG, sent)]


IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of what was read, or *. If it changed since, nothing is done and the answer is 412.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of what you have. If it did not change since, the answer is 304 without a body.",
)
ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=["200"], description="Of this answer, for If-Match."
)


class ConditionalSchema(AutoSchema):
    """Says of each operation on one row which conditions it takes."""

    def get_override_parameters(self) -> Any:
        of_one_row = "{id}" in self.path
        if of_one_row and self.method != "GET":
            return [*super().get_override_parameters(), IF_MATCH]
        if of_one_row and getattr(self.view, "action", "") == "retrieve":
            return [*super().get_override_parameters(), IF_NONE_MATCH, ETAG]
        return super().get_override_parameters()
