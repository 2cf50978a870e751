"""Two tabs of one person at the same moment leave one look."""

import pytest
from django.db import IntegrityError, transaction

from portal.governance import clock, looks
from portal.governance.models import LastLook
from tests import factories
from tests.racing import at_once

ROUNDS = 50

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_two_looks_at_once_leave_one_row(cast):
    failed = []
    for _ in range(ROUNDS):
        request = factories.change_request(cast["rita"])
        factories.revision(request)
        tabs = at_once(*[lambda r=request: looks.look(r, cast["ines"])] * 2)
        failed += [tab for tab in tabs if isinstance(tab, Exception)]
        assert LastLook.objects.filter(object_id=str(request.pk)).count() == 1
    assert failed == []


def test_the_database_refuses_a_second_row(cast):
    about = {"user": cast["ines"], "object_type": "patching.changerequest", "object_id": "1", "revision": 1}
    LastLook.objects.create(**about, first_at=clock.now(), last_at=clock.now())

    with pytest.raises(IntegrityError), transaction.atomic():
        LastLook.objects.create(**about, first_at=clock.now(), last_at=clock.now())
