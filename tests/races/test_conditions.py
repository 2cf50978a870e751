"""Editors and deciders who read the same version: If-Match lets one of them through."""

import pytest

from patching.models import ChangeRequest
from tests import asks, factories, people
from tests.racing import at_once

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

EDITORS = 8
ROUNDS = 10


def statuses_of(*calls):
    """The status of each of these calls, begun together."""
    return [reply.status_code for reply in at_once(*calls)]


def test_of_editors_who_read_the_same_version_one_is_heard(cast):
    factories.payments()
    mine = f"/api/v1/change-requests/{asks.drafted(cast['rita'], [asks.window_item([])]).pk}/"
    clients = [people.api_client(cast["rita"]) for _ in range(EDITORS)]
    for number in range(ROUNDS):
        etag = clients[0].get(mine)["ETag"]

        def edit(client, title, etag=etag):
            return lambda: client.patch(mine, {"title": title}, format="json", HTTP_IF_MATCH=etag)

        statuses = statuses_of(*(edit(client, f"Title {number} {n}") for n, client in enumerate(clients)))
        assert sorted(statuses) == [200] + [412] * (EDITORS - 1)
    assert ChangeRequest.objects.get().revisions.count() == ROUNDS + 1


def test_an_approval_against_an_edit_of_the_same_version_leaves_one(cast):
    factories.payments()
    rita, omar = people.api_client(cast["rita"]), people.api_client(cast["omar"])
    for number in range(ROUNDS):
        request = asks.submitted(cast["rita"], [asks.window_item([], name=f"race-{number}")])
        mine = f"/api/v1/change-requests/{request.pk}/"
        read, hers = omar.get(mine), rita.get(mine)["ETag"]
        word = {"revision": read.json()["revision"], "digest": read.json()["digest"]}
        statuses = statuses_of(
            lambda m=mine, w=word, e=read["ETag"]: omar.post(
                f"{m}approve/", w, format="json", HTTP_IF_MATCH=e
            ),
            lambda m=mine, e=hers: rita.patch(m, {"title": "Faster"}, format="json", HTTP_IF_MATCH=e),
        )
        assert sorted(statuses) == [200, 412]
