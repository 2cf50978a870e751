"""Keys of calls: claimed once, answered once, taken over from the dead, forgotten after a day."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from portal.governance import clock, idempotency, tasks
from portal.governance.errors import InvalidInput
from portal.governance.idempotency import Answer, Call, Claim, InProgress, KeyReused
from portal.governance.models import IdempotencyKey

ANSWER = Answer(201, {"Content-Type": "application/json"}, '{"id":1}')


def call(user, **changes):
    return Call(
        **{"user": user, "key": "one", "method": "POST", "path": "/a/", "body_digest": "0" * 64} | changes
    )


def aged(**ago):
    IdempotencyKey.objects.update(claimed_at=clock.real_now() - timedelta(**ago))


def test_the_second_call_gets_the_answer_of_the_first(rita):
    claim = idempotency.claim(call(rita))
    assert isinstance(claim, Claim)
    idempotency.keep(claim, ANSWER)
    assert idempotency.claim(call(rita)) == ANSWER


def test_while_the_first_runs_the_second_waits(rita):
    idempotency.claim(call(rita))
    with pytest.raises(InProgress):
        idempotency.claim(call(rita))


@pytest.mark.parametrize("changes", [{"method": "PUT"}, {"path": "/b/"}, {"body_digest": "1" * 64}])
def test_a_key_is_for_one_call(rita, changes):
    idempotency.claim(call(rita))
    with pytest.raises(KeyReused):
        idempotency.claim(call(rita, **changes))


def test_two_people_may_think_of_the_same_key(rita, omar):
    assert isinstance(idempotency.claim(call(rita)), Claim)
    assert isinstance(idempotency.claim(call(omar)), Claim)


def test_a_key_that_was_released_is_free_and_a_kept_answer_stays(rita):
    claim = idempotency.claim(call(rita))
    idempotency.release(claim)
    again = idempotency.claim(call(rita))
    idempotency.keep(again, ANSWER)
    idempotency.release(again)
    assert idempotency.claim(call(rita)) == ANSWER


def test_a_claim_of_the_dead_is_taken_over_and_one_of_the_slow_comes_too_late(rita, settings):
    slow = idempotency.claim(call(rita))
    aged(seconds=settings.CELERY_TASK_TIME_LIMIT + 1)
    slow = Claim(slow.pk, IdempotencyKey.objects.get().claimed_at)
    heir = idempotency.claim(call(rita))
    with pytest.raises(InProgress):
        idempotency.claim(call(rita))
    with pytest.raises(InProgress, match="took over"):
        idempotency.keep(slow, ANSWER)
    idempotency.release(slow)
    idempotency.keep(heir, ANSWER)
    assert idempotency.claim(call(rita)) == ANSWER


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "zwölf", "line\nbreak", "\x7f"])
def test_a_key_that_is_none_is_refused_by_its_field(rita, key):
    with pytest.raises(InvalidInput) as refused:
        idempotency.claim(call(rita, key=key))
    assert [problem.field for problem in refused.value.problems] == ["Idempotency-Key"]
    assert not IdempotencyKey.objects.exists()


def test_the_longest_key_is_taken(rita):
    assert isinstance(idempotency.claim(call(rita, key="~" * 255)), Claim)


def test_keys_are_kept_for_a_day(rita):
    idempotency.keep(idempotency.claim(call(rita)), ANSWER)
    aged(hours=23, minutes=59)
    tasks.prune_idempotency_keys()
    assert IdempotencyKey.objects.count() == 1
    aged(hours=24, seconds=1)
    tasks.prune_idempotency_keys()
    assert not IdempotencyKey.objects.exists()


def test_the_database_refuses_a_second_claim_and_half_an_answer(rita):
    idempotency.claim(call(rita))
    with pytest.raises(IntegrityError), transaction.atomic():
        IdempotencyKey.objects.create(user=rita, key="one", claimed_at=clock.real_now())
    with pytest.raises(IntegrityError), transaction.atomic():
        IdempotencyKey.objects.update(status=200)
