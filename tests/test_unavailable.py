"""Whoever meets a database that is away, or a full disk, is told that nothing was saved, and that it passes."""

import errno

import pytest
from django.db import OperationalError, connection

from portal.unavailable import is_passing


def away(execute, sql, params, many, context):
    raise OperationalError("the database is away")


def full(execute, sql, params, many, context):
    raise OSError(errno.ENOSPC, "No space left on device")


def broken(execute, sql, params, many, context):
    raise ZeroDivisionError


@pytest.fixture
def visitor(rita, browse):
    client = browse(rita)
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("trouble", [away, full])
def test_a_page_says_that_nothing_was_saved(visitor, trouble):
    with connection.execute_wrapper(trouble):
        reply = visitor.get("/requests/")

    assert reply.status_code == 503
    assert "Nothing was saved" in reply.content.decode()


@pytest.mark.parametrize("trouble", [away, full])
def test_the_api_says_so_too(visitor, trouble):
    with connection.execute_wrapper(trouble):
        reply = visitor.get("/api/v1/change-requests/")

    assert reply.status_code == 503
    assert reply.json()["code"] == "unavailable"
    assert "Nothing was saved" in reply.json()["detail"]


@pytest.mark.parametrize("path", ["/requests/", "/api/v1/change-requests/"])
def test_what_is_our_own_fault_stays_a_500(visitor, path):
    with connection.execute_wrapper(broken):
        reply = visitor.get(path)

    assert reply.status_code == 500
    assert "not saved" in reply.content.decode()


def test_only_what_passes_by_itself_is_called_so():
    assert is_passing(OSError(errno.EFBIG, "File too large"))
    assert not is_passing(OSError(errno.EACCES, "Permission denied"))
    assert not is_passing(None)
