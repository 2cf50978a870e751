"""Two tabs of one person at the same moment leave one look."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from portal.governance import clock, looks
from portal.governance.models import LastLook
from tests import factories

ROUNDS = 50

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_two_looks_at_once_leave_one_row(cast):
    failed = []
    for _ in range(ROUNDS):
        request = factories.change_request(cast["rita"])
        factories.revision(request)
        start = threading.Barrier(2)

        def open_page(request=request, start=start):
            start.wait()
            try:
                looks.look(request, cast["ines"])
            except Exception as error:  # noqa: BLE001 - any error of a page fails the test
                failed.append(error)
            finally:
                connection.close()

        tabs = [threading.Thread(target=open_page) for _ in range(2)]
        for tab in tabs:
            tab.start()
        for tab in tabs:
            tab.join()
        assert LastLook.objects.filter(object_id=str(request.pk)).count() == 1
    assert failed == []


def test_the_database_refuses_a_second_row(cast):
    about = {"user": cast["ines"], "object_type": "patching.changerequest", "object_id": "1", "revision": 1}
    LastLook.objects.create(**about, first_at=clock.now(), last_at=clock.now())

    with pytest.raises(IntegrityError), transaction.atomic():
        LastLook.objects.create(**about, first_at=clock.now(), last_at=clock.now())
