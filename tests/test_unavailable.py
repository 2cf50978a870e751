"""Whoever meets a database that is away, or a full disk, is told that nothing was saved, and that it passes."""

import errno
from itertools import pairwise

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connection

from portal.turned_away import bad_request
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


def consequence(*problems):
    """The last of them, each raised while the one before it was being dealt with."""
    for earlier, later in pairwise(problems):
        later.__context__ = earlier
    return problems[-1]


def test_the_words_of_the_driver_count_where_django_did_not_translate_them():
    assert is_passing(connection.Database.OperationalError("server closed the connection unexpectedly"))
    assert is_passing(connection.Database.InterfaceError("the cursor is closed"))
    assert not is_passing(connection.Database.ProgrammingError("no such column"))


def test_what_follows_from_a_database_that_is_away_passes_with_it():
    lost = OperationalError("server closed the connection unexpectedly")
    assert is_passing(consequence(lost, ProgrammingError("Cannot open a new connection in an atomic block.")))
    assert is_passing(consequence(InterfaceError("connection already closed"), KeyError(), ValueError()))
    assert not is_passing(consequence(KeyError(), ProgrammingError("no such column")))


@pytest.mark.parametrize(
    ("path", "words"), [("/requests/", "Nothing was saved"), ("/api/v1/", "unavailable")]
)
def test_a_session_that_could_not_be_saved_was_not_deleted(rf, path, words):
    lost = consequence(OperationalError("the database is away"), UpdateError(), SessionInterrupted())
    deleted = consequence(DatabaseError("Forced update did not affect any rows."), SessionInterrupted())

    reply = bad_request(rf.get(path), lost)
    assert (reply.status_code, words in reply.content.decode()) == (503, True)
    assert bad_request(rf.get(path), deleted).status_code == 400
