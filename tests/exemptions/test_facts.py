"""What an approval remembers, and which changes since then are told, once and in words."""

from datetime import timedelta

import pytest

from exemptions import facts, workflow
from exemptions.models import Review
from patching.models import MaintenanceWindow, PatchGroup
from portal.governance import clock
from portal.governance.models import Membership
from tests import factories
from tests.exemptions import asks

Cause = Review.Cause


@pytest.fixture
def servers(cast):
    return asks.servers(2)


@pytest.fixture
def exemption(cast, servers):
    """Two production servers for ten days, approved."""
    return asks.approved(cast["rita"], servers)


def found(exemption):
    exemption.refresh_from_db()
    return [(one.cause, one.text) for one in facts.changes_of(exemption)]


def changed(instances, **fields):
    for one in instances:
        for name, value in fields.items():
            setattr(one, name, value)
        one.save()


def test_an_approval_remembers_what_it_was_based_on(exemption, servers):
    window = MaintenanceWindow.objects.get()
    assert exemption.approved_facts == {
        "instances": {
            str(one.pk): {"application": "payments", "environment": "prod", "exposure": ""} for one in servers
        },
        "rows": {str(window.uid): {"name": window.name, "revision": window.revision_id}},
        "exploited": [],
        "fixes": [],
    }
    assert found(exemption) == []


def test_instances_that_moved_alike_are_told_together(exemption, servers):
    changed(servers, application=factories.application("data-lake", "analytics"))
    one, other = servers
    [(cause, text)] = found(exemption)
    assert (cause, text) == (
        Cause.OWNER,
        f"{one} and {other} changed application from payments to data-lake.",
    )


def test_an_instance_of_another_environment_or_exposure_is_told_for_each(exemption, servers, settings):
    settings.EXEMPTION_EXPOSURE_TAG = "Reach"
    one, other = servers
    changed([one], environment=factories.environment("dev"))
    changed([other], tags={**other.tags, "Reach": "internet"})
    assert found(exemption) == [
        (Cause.ENVIRONMENT, f"{one} changed environment from prod to dev."),
        (Cause.EXPOSURE, f"{other} changed exposure from none to internet."),
    ]


def test_a_change_keeps_its_key_and_one_that_was_undone_is_gone(exemption, servers):
    changed(servers, environment=factories.environment("dev"))
    first, again = ([one.key for one in facts.changes_of(exemption)] for _ in range(2))
    assert first == again
    changed(servers, environment=factories.environment("prod"))
    assert found(exemption) == []


def test_many_instances_are_named_in_part(cast):
    servers = asks.servers(6)
    exemption = asks.approved(cast["rita"], servers)
    changed(servers, environment=None)
    [(_, text)] = found(exemption)
    assert text.endswith(" and 3 others changed environment from prod to none.")


def test_a_window_that_was_decided_anew_is_told_with_its_request(exemption, servers):
    window = MaintenanceWindow.objects.get()
    assert window.revision_id == exemption.approved_facts["rows"][str(window.uid)]["revision"]
    draft = factories.change_request(exemption.requested_by)
    revision = factories.revision(draft)
    MaintenanceWindow.objects.update(revision=revision)
    assert found(exemption) == [
        (Cause.WINDOW, f"The window payments-prod was changed by CR-{draft.pk}."),
    ]


def test_a_window_that_was_taken_away_is_told(exemption):
    MaintenanceWindow.objects.update(retired_at=clock.now())
    assert found(exemption) == [(Cause.WINDOW, "The window payments-prod was taken away.")]


def test_a_deferral_does_not_depend_on_groups(exemption):
    PatchGroup.objects.update(retired_at=clock.now())
    assert found(exemption) == []


def left(person):
    Membership.objects.filter(user=person).delete()
    return "is no longer in Payments Platform"


def deactivated(person):
    type(person).objects.filter(pk=person.pk).update(is_active=False)
    return "has left"


@pytest.mark.parametrize("gone", [left, deactivated])
def test_an_owner_who_left_is_told(cast, exemption, gone):
    words = gone(cast["rita"])
    assert found(type(exemption).objects.get(pk=exemption.pk)) == [
        (Cause.LEFT, f"Rita Braun, who asked for it, {words}.")
    ]


@pytest.fixture
def shown(cast, servers):
    """Its one control is shown by a document until five days from now."""
    until = clock.now() + timedelta(days=5)
    control = {
        "what": "Reachable from the bastion only.",
        "evidence": "firewall.pdf",
        "valid_until": f"{until:%Y-%m-%d}",
    }
    draft = asks.drafted(cast["rita"], servers, compensating_controls=[control])
    workflow.attach(draft, asks.document("firewall.pdf"), by=cast["rita"])
    return asks.decided(workflow.submit(draft, by=cast["rita"]))


def test_evidence_holds_through_its_last_day_and_lapses_after_it(shown, monkeypatch):
    asks.later(monkeypatch, shown.approved_at + timedelta(days=5))
    assert found(shown) == []
    asks.later(monkeypatch, shown.approved_at + timedelta(days=6))
    [(cause, text)] = found(shown)
    assert cause == Cause.EVIDENCE
    assert text.startswith("Control 1 (“Reachable from the bastion only.”) was shown to hold until ")


def test_evidence_whose_file_is_gone_is_told(shown):
    document = shown.documents.get()
    document.file.storage.delete(document.file.name)
    [(cause, text)] = found(shown)
    assert (cause, text.endswith("is shown by “firewall.pdf”, which is not there.")) == (Cause.EVIDENCE, True)
