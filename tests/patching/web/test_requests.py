"""Pages of change requests: who sees which, what they may do there, and what they are told."""

import re

import pytest
from django.urls import reverse

from patching import workflow
from patching.models import ChangeRequest, Decision, PushRun, ResourceState
from portal.governance import clock
from tests import asks
from tests.patching.web.conftest import made_once, pushed_to_aws, submitted_by_rita, text_of

LIST, INBOX = reverse("patching:request-list"), reverse("patching:inbox")
EVERYBODY = ("rita", "omar", "ines", "ivan", "clara", "dora", "axel", "opal", "adam", "noor")
READERS = {"rita", "omar", "ines", "ivan", "clara", "dora", "axel", "opal"}
DECIDERS = {"omar", "ines", "ivan", "clara", "dora"}


@pytest.fixture(scope="module", autouse=True)
def _asked(django_db_setup, django_db_blocker):
    """What every test here begins with: rita has submitted the HA Windows application."""
    with made_once(django_db_blocker):
        submitted_by_rita()
        yield


@pytest.fixture
def submitted(cast):
    return ChangeRequest.objects.get()


@pytest.fixture
def in_aws(approved):
    return pushed_to_aws()


def detail(request, **query):
    return reverse("patching:request-detail", args=[request.pk])


def decide(client, request, outcome="approve", **said):
    request.refresh_from_db()
    read = {"revision": request.current.number, "digest": request.current.digest}
    address = reverse("patching:request-decide", args=[request.pk])
    return client.post(address, {"outcome": outcome, "reason": "", **read, **said})


def test_who_sees_a_request_and_who_decides_on_it(submitted, cast, browse, subtests):
    for reader in EVERYBODY:
        with subtests.test(reader=reader):
            client, seen = browse(cast[reader]), reader in READERS
            response = client.get(detail(submitted))
            assert response.status_code == (200 if seen else 404)
            assert ("Approve revision 1" in text_of(response)) == (reader in DECIDERS)
            assert (submitted in client.get(LIST).context["page"].object_list) == seen


def test_each_part_of_a_request_has_its_address(submitted, cast, browse, subtests):
    for tab in ["changes", "instances", "timeline", "nonsense"]:
        with subtests.test(tab=tab):
            response = browse(cast["clara"]).get(detail(submitted), {"tab": tab})
            assert response.status_code == 200
            assert response.context["tab"] == (tab if tab != "nonsense" else "changes")


def test_nobody_sees_anything_without_signing_in(client, submitted):
    for address in (LIST, INBOX, detail(submitted)):
        assert client.get(address).status_code == 302


def test_a_ciso_reads_what_why_when_and_how_it_is_undone(submitted, cast, browse):
    page = re.sub(r"<[^>]+>|\s+", " ", text_of(browse(cast["clara"]).get(detail(submitted))))
    page = re.sub(r"\s+", " ", page)
    assert "sets 6 windows, 3 baselines and 3 patch groups for 6 instances" in page
    assert "It comes to you because it touches production baselines" in page
    assert "it still waits for team lead and security operations" in page
    assert "The first run under the new rules is payments-dev-a" in page
    assert "can take it back until the push starts; after that a new request undoes it" in page
    assert "0 of 3 decisions made" in page


def test_the_last_decider_is_told_that_it_takes_effect(submitted, cast, browse):
    asks.approve(submitted, cast["omar"], cast["ines"])
    page = text_of(browse(cast["clara"]).get(detail(submitted)))
    assert "2 of 3 decisions made, yours is left" in page
    assert "If you approve, 12 objects are pushed within a minute." in page


def test_a_delegate_decides_for_the_ciso(submitted, cast, browse):
    assert "Your decision as delegate of Clara Weiss, CISO" in text_of(
        browse(cast["dora"]).get(detail(submitted))
    )
    decide(browse(cast["dora"]), submitted)
    assert "for Clara Weiss" in text_of(browse(cast["axel"]).get(detail(submitted)))


def test_three_decisions_approve_a_request(submitted, cast, browse):
    for name in ("omar", "ines", "clara"):
        response = decide(browse(cast[name]), submitted)
        assert response.status_code == 302
    submitted.refresh_from_db()
    assert submitted.state == ChangeRequest.State.APPROVED
    assert "Approve revision" not in text_of(browse(cast["ivan"]).get(detail(submitted)))


@pytest.mark.parametrize("outcome", ["reject", "request_changes"])
def test_a_refusal_needs_its_reason_and_keeps_what_was_written(outcome, submitted, cast, browse):
    response = decide(browse(cast["ines"]), submitted, outcome)
    assert response.status_code == 400
    assert "Say why" in text_of(response)
    assert "Approve revision 1" in text_of(response)
    assert decide(browse(cast["ines"]), submitted, outcome, reason="Zones overlap.").status_code == 302
    assert Decision.objects.get().reason == "Zones overlap."


def test_a_broken_form_decides_nothing(submitted, cast, browse, subtests):
    for said in [
        {"outcome": "maybe"},
        {"revision": "x"},
        {"revision": "0"},
        {"digest": ""},
        {"digest": "f" * 65},
    ]:
        with subtests.test(said=said):
            response = decide(browse(cast["ines"]), submitted, **said)
            assert response.status_code == 400
            assert not Decision.objects.exists()


def test_a_stale_form_shows_what_moved_and_decides_nothing(submitted, cast, browse):
    read = {"revision": submitted.current.number, "digest": submitted.current.digest}
    items = asks.ha_items([*asks.factories.ManagedInstance.objects.all()])
    items[4]["spec"]["duration"] = 9
    workflow.revise(
        submitted,
        by=cast["rita"],
        title=submitted.title,
        reason=submitted.reason,
        items=items,
        note="Longer dev",
    )
    response = decide(browse(cast["ines"]), submitted, **read)
    page = text_of(response)
    assert response.status_code == 409
    assert not Decision.objects.exists()
    assert "Review revision 2" in page
    assert "9 h, cutoff 1 h" in page
    assert "“Longer dev”" in page
    assert "Approve revision" not in page


def test_who_may_not_decide_cannot_by_a_form_of_their_own(submitted, cast, browse, subtests):
    for name, status in [("rita", 403), ("axel", 403), ("opal", 403), ("noor", 404), ("adam", 404)]:
        with subtests.test(name=name, status=status):
            assert decide(browse(cast[name]), submitted).status_code == status
            assert not Decision.objects.exists()


def test_deciding_twice_is_refused_in_words(submitted, cast, browse):
    decide(browse(cast["ines"]), submitted)
    response = decide(browse(cast["ines"]), submitted)
    assert response.status_code == 403
    assert "You have decided on this revision" in text_of(response)


def test_deciding_on_a_closed_request_says_how_it_was_closed(approved, cast, browse):
    response = decide(browse(cast["ivan"]), approved)
    assert response.status_code == 409
    assert "is approved; it does not wait for decisions" in text_of(response)


def test_an_old_sign_in_is_asked_for_again(submitted, cast, browse, settings):
    settings.DECISION_SIGN_IN_MAX_AGE = -1
    response = decide(browse(cast["clara"]), submitted)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_reauthenticate"))
    assert f"next=%2Frequests%2F{submitted.pk}%2F" in response["Location"]
    assert not Decision.objects.exists()


def test_verbs_are_posts(submitted, cast, browse, subtests):
    for verb in ["decide", "submit", "withdraw", "retry"]:
        with subtests.test(verb=verb):
            address = reverse(f"patching:request-{verb}", args=[submitted.pk])
            assert browse(cast["rita"]).get(address).status_code == 405
            assert browse(cast["noor"]).post(address).status_code == 404


def test_buttons_stand_only_where_the_verb_is_allowed(submitted, cast, browse):
    for name in ("rita", "omar", "ines", "axel"):
        page = text_of(browse(cast[name]).get(detail(submitted)))
        assert ("Edit request" in page) == (name in ("rita", "omar"))
        assert ("Withdraw request" in page) == (name in ("rita", "omar"))
        assert "Push again" not in page


def test_a_draft_is_submitted_from_its_page(cast, browse):
    request = asks.drafted(cast["rita"], asks.ha_items(asks.fleet()))
    client = browse(cast["rita"])
    assert "Submit revision 1" in text_of(client.get(detail(request)))
    client.post(reverse("patching:request-submit", args=[request.pk]))
    request.refresh_from_db()
    assert request.state == "submitted"


def test_a_request_is_withdrawn_from_its_page(submitted, cast, browse):
    client = browse(cast["rita"])
    client.post(reverse("patching:request-withdraw", args=[submitted.pk]))
    submitted.refresh_from_db()
    assert submitted.state == "withdrawn"
    again = client.post(reverse("patching:request-withdraw", args=[submitted.pk]))
    assert again.status_code == 409


def test_a_failed_push_is_tried_again_from_its_page(approved, cast, browse):
    ChangeRequest.objects.filter(pk=approved.pk).update(state="failed")
    assert "Push again" not in text_of(browse(cast["rita"]).get(detail(approved)))
    opal = browse(cast["opal"])
    assert "Push again" in text_of(opal.get(detail(approved)))
    opal.post(reverse("patching:request-retry", args=[approved.pk]))
    approved.refresh_from_db()
    assert approved.state == "pushing"


def test_a_request_that_nobody_decided_on_says_that_it_lapsed(submitted, cast, browse):
    ChangeRequest.objects.filter(pk=submitted.pk).update(lapses_at=clock.now())
    page = text_of(browse(cast["rita"]).get(detail(submitted)))
    assert "Lapsed undecided" in page


def test_progress_counts_what_was_read_back(in_aws, approved, cast, browse):
    ResourceState.objects.filter(kind="window").update(condition="failed", condition_text="AWS says no.")
    run = PushRun.objects.create(
        account_region=in_aws, trigger="tick", generation=1, fence=1, started_at=clock.now(), writes=3
    )
    page = text_of(browse(cast["rita"]).get(detail(approved)))
    progress = browse(cast["rita"]).get(detail(approved)).context["progress"]
    assert (progress.done, progress.total, len(progress.failed)) == (progress.total - 6, progress.total, 6)
    assert f"Push {run.pk} of" in page
    assert "AWS says no." in page
    assert 'hx-trigger="every 5s"' in page


def test_an_applied_request_is_not_polled(in_aws, approved, cast, browse):
    ChangeRequest.objects.filter(pk=approved.pk).update(state="applied", closed_at=clock.now())
    assert "every 5s" not in text_of(browse(cast["rita"]).get(detail(approved)))


def test_the_list_is_narrowed_in_its_address(submitted, cast, browse, subtests):
    for query, found in [
        ("q=HA", 1),
        ("q=nothing", 0),
        ("q=CR-{pk}", 1),
        ("q={pk}", 1),
        ("state=submitted", 1),
        ("state=draft", 0),
        ("by=me", 0),
        ("team={team}", 1),
        ("q=%F0%9F%92%A3", 0),
        ("team=999999", 1),
        ("state=nonsense", 1),
        ("sort=-title&page=9", 1),
    ]:
        with subtests.test(query=query, found=found):
            query = query.format(pk=submitted.pk, team=submitted.team_id)
            response = browse(cast["clara"]).get(f"{LIST}?{query}")
            assert response.status_code == 200
            assert len(response.context["page"].object_list) == found


def test_the_list_is_exported(submitted, cast, browse):
    lines = b"".join(browse(cast["clara"]).get(f"{LIST}?format=csv").streaming_content).decode().splitlines()
    assert len(lines) == 2
    assert f"CR-{submitted.pk}" in lines[1]
    assert "6 windows, 3 baselines and 3 patch groups" in lines[1]


def test_production_comes_first_in_the_inbox(cast, browse):
    fleet = asks.fleet()
    small = asks.submitted(cast["rita"], [asks.window_item(fleet[:2])])
    large = asks.submitted(cast["rita"], asks.ha_items(fleet))
    page = text_of(browse(cast["omar"]).get(INBOX))
    assert page.index(detail(large)) < page.index(detail(small))


def test_what_was_sent_back_stands_in_the_inbox_of_who_asked(submitted, cast, browse):
    decide(browse(cast["ines"]), submitted, "request_changes", reason="Zones overlap.")
    page = text_of(browse(cast["rita"]).get(INBOX))
    assert "Sent back to you" in page
    assert detail(submitted) in page


def test_pages_ask_no_query_for_each_row(submitted, cast, browse, django_assert_max_num_queries):
    for number in range(3):
        asks.drafted(cast["rita"], [asks.window_item([], name=f"payments-{number}")])
    with django_assert_max_num_queries(44):
        assert len(browse(cast["axel"]).get(LIST).context["page"].object_list) == 4


def test_a_request_of_many_items_needs_no_query_for_each(
    submitted, cast, browse, django_assert_max_num_queries
):
    client = browse(cast["axel"])
    with django_assert_max_num_queries(75):
        client.get(detail(submitted))


def test_what_people_write_is_shown_and_never_run(cast, browse):
    evil = "<script>alert(1)</script>"
    request = workflow.draft(
        by=cast["rita"],
        title=f"{evil} window",
        reason=f"Because {evil}",
        items=[asks.window_item(asks.fleet()[:2])],
    )
    for address in (detail(request), LIST, INBOX):
        assert evil not in browse(cast["rita"]).get(address).content.decode()
