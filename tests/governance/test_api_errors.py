"""Each kind of error has one status and one shape."""

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import Throttled

from portal.governance.api_errors import api_exception_handler
from portal.governance.errors import (
    DomainError,
    FieldProblem,
    InvalidInput,
    NotAllowed,
    StaleRevision,
    WrongState,
)

KINDS = [
    (DomainError("A rule says no."), 422, "rule_broken"),
    (InvalidInput([FieldProblem("name", "length", "Too long.")]), 400, "invalid"),
    (NotAllowed("Not you."), 403, "not_allowed"),
    (WrongState("Closed."), 409, "wrong_state"),
    (StaleRevision("Changed."), 409, "stale_revision"),
    (Http404(), 404, "not_found"),
    (PermissionDenied(), 403, "permission_denied"),
    (Throttled(wait=3), 429, "throttled"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "status", "code"), KINDS, ids=lambda one: getattr(one, "code", None))
def test_every_kind_of_error_has_its_status_and_code(error, status, code):
    answer = api_exception_handler(error, {})
    assert (answer.status_code, answer.data["code"]) == (status, code)
    assert set(answer.data) == {"code", "detail", "errors"}


class Wish(serializers.Serializer):
    name = serializers.CharField(max_length=3)
    sizes = serializers.ListField(child=serializers.IntegerField())


@pytest.mark.django_db
def test_every_bad_field_is_named_with_its_path():
    wish = Wish(data={"name": "too long", "sizes": [1, "two"]})
    wish.is_valid()
    answer = api_exception_handler(serializers.ValidationError(wish.errors), {})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.data["errors"]] == ["name", "sizes.1"]


def test_a_surprise_stays_a_surprise():
    assert api_exception_handler(ZeroDivisionError(), {}) is None
