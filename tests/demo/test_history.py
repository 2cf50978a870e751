"""What a visitor of the demo finds: exemptions in every state, made by the verbs, and payments untouched."""

from collections import Counter

import pytest

from exemptions import risk, workflow
from exemptions.models import Exemption, Offer, Review
from patching.models import MaintenanceWindow, ManagedInstance
from portal.demo import company, history
from portal.governance import audit, clock, conversation
from portal.governance.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_the_register_shows_every_state_and_payments_are_left_to_the_visitor(simulated_aws):
    clock.set_to(simulated_aws.now)
    company.found(simulated_aws.door("accounts"))

    history.write()

    everyone = list(Exemption.objects.all())
    assert Counter(workflow.effective_state(one) for one in everyone) == {
        "active": 3,
        "expiring": 1,
        "submitted": 3,
        "changes_requested": 2,
        "rejected": 1,
        "draft": 1,
    }
    waiting = [one for one in everyone if one.state == Exemption.State.SUBMITTED]
    assert sorted(len(one.needs) for one in waiting) == [1, 1, 2]
    assert sorted(risk.of(one).level for one in waiting)[-2:] == ["low", "low"]
    assert (Offer.objects.count(), Review.objects.filter(closed_at=None).count()) == (1, 1)
    assert sum(conversation.open_blocking(one).count() for one in everyone) == 1
    assert not MaintenanceWindow.objects.filter(spec__application="payments").exists()
    assert ManagedInstance.objects.filter(application__slug="payments").exists()
    assert AuditEntry.objects.filter(action="exemptions.document.read", actor__username="clara").exists()
    assert audit.verify().holds
