"""The search finds by name and id what its reader may see, counts as the lists do, and opens an exact id at once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from exemptions.models import Exemption
from patching.models import PatchFinding, ResourceState
from portal.governance import clock
from tests import factories, people


def look(client, text):
    return client.get(reverse("search"), {"q": text})


def groups(answer):
    return {one.key: one for one in answer.context["found"]}


def lack(instance, patch_id="KB5060842", title="2026-06 Cumulative Update", cves=("CVE-2026-1234",)):
    at = clock.now()
    return PatchFinding.objects.create(
        instance=instance,
        patch_id=patch_id,
        title=title,
        cves=list(cves),
        state="missing",
        first_seen_at=at,
        last_seen_at=at,
    )


@pytest.fixture
def fleet(rita):
    """Seven servers of payments, three of them lacking one patch."""
    made = [factories.instance(name=f"payments-prod-{letter}") for letter in "abcdefg"]
    for one in made[:3]:
        lack(one)
    return made


def exemption(by, title="Month end of payments"):
    at = clock.now()
    return Exemption.objects.create(
        title=title,
        team=people.team("payments"),
        application=factories.application(),
        requested_by=by,
        ends_at=at + timedelta(days=9),
        created_at=at,
    )


def test_instances_are_found_by_a_part_of_their_name_and_counted_in_full(rita, fleet, browse):
    found = groups(look(browse(rita), "payments-prod"))["instances"]
    assert (found.count, len(found.hits)) == (7, 5)


@pytest.mark.parametrize("text", ["KB5060842", "cumulative", "cve-2026-1234"])
def test_a_patch_is_found_by_kb_title_and_cve_with_how_many_lack_it(rita, fleet, browse, text):
    found = groups(look(browse(rita), text))["patches"]
    assert found.count == 3
    assert [(hit.name, hit.about[-9:]) for hit in found.hits] == [("KB5060842", "open on 3")]


def test_every_number_opens_a_list_as_long(rita, fleet, browse):
    exemption(rita)
    factories.change_request(rita, title="Payments on Sundays")
    client = browse(rita)
    for text in ("payments", "KB5060842", factories.RETAIL[0]):
        for one in groups(look(client, text)).values():
            assert client.get(one.url).context["page"].paginator.count == one.count, (text, one.key)


def test_requests_exemptions_applications_and_accounts_are_found_by_name(rita, browse):
    factories.payments()
    exemption(rita)
    factories.change_request(rita, title="Payments on Sundays")
    client = browse(rita)
    assert set(groups(look(client, "payments"))) == {"requests", "exemptions", "applications"}
    assert set(groups(look(client, "Retail"))) == {"accounts"}


@pytest.mark.parametrize("text", ["payments", "KB5060842", "Retail"])
def test_a_stranger_finds_nothing_of_another_team(rita, noor, fleet, browse, text):
    factories.payments()
    exemption(rita)
    factories.change_request(rita)
    answer = look(browse(noor), text)
    assert answer.context["found"] == []
    assert b"Nothing that you may see is called so" in answer.content


def test_an_exact_number_or_id_opens_its_page(rita, fleet, browse):
    client, request, held = browse(rita), factories.change_request(rita), exemption(rita)
    assert look(client, f"cr-{request.pk}").url == reverse("patching:request-detail", args=[request.pk])
    assert look(client, f"EX-{held.pk}").url == reverse("exemptions:exemption-detail", args=[held.pk])
    one = fleet[0]
    assert look(client, one.instance_id).url == reverse("patching:instance-detail", args=[one.pk])


def test_an_id_of_somebody_elses_opens_nothing(rita, noor, fleet, browse):
    client, request, held = browse(noor), factories.change_request(rita), exemption(rita)
    for text in (f"CR-{request.pk}", f"EX-{held.pk}", fleet[0].instance_id):
        answer = look(client, text)
        assert (answer.status_code, answer.context["found"]) == (200, [])


def test_an_aws_id_that_is_no_row_of_ours_opens_nothing(opal, browse):
    place, scan_window = factories.account_region(), "mw-0123456789abcdef0"
    ResourceState.objects.create(
        account_region=place, kind="window", key="daily-scan", aws_id=scan_window, changed_at=clock.now()
    )
    assert look(browse(opal), scan_window).status_code == 200


@pytest.mark.parametrize("text", ["", "   "])
def test_nothing_asked_says_what_can_be_found(rita, browse, text):
    assert b"What can be found" in look(browse(rita), text).content


@pytest.mark.parametrize("text", ["x" * 101, "a\x00b"])
def test_what_is_no_text_is_refused_in_words(rita, browse, text):
    answer = look(browse(rita), text)
    assert answer.status_code == 400
    assert b"up to 100 characters" in answer.content


def test_signs_that_mean_something_to_a_database_are_plain_text(rita, fleet, browse):
    for text in ("%", "_", "' OR 1=1 --", "<script>alert(1)</script>"):
        answer = look(browse(rita), text)
        assert answer.context["found"] == []
        assert b"<script>alert" not in answer.content


def test_more_hits_cost_no_more_questions(rita, fleet, browse):
    client = browse(rita)
    look(client, "payments")
    with CaptureQueriesContext(connection) as few:
        look(client, "payments-prod-a")
    with CaptureQueriesContext(connection) as many:
        look(client, "payments-prod")
    # one count, which only more than five hits need; the clock may be read again besides
    assert len(many) <= len(few) + 3
