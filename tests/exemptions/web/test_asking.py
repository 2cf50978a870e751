"""Asking for an exemption and editing one, as a browser does it."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from exemptions import workflow
from exemptions.models import Document, Exemption
from patching.models import PatchFinding
from portal.governance import clock
from tests import factories, people
from tests.exemptions import asks

State = Exemption.State
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def servers(cast):
    return asks.servers()


@pytest.fixture
def browser(cast, browse):
    return browse(cast["rita"])


def url(name, *args):
    return reverse(f"exemptions:exemption-{name}", args=args)


def text(reply):
    return reply.content.decode()


def ticked(reply, name="instances"):
    boxes = re.findall(r"<input[^>]*>", text(reply))
    return [box for box in boxes if f'name="{name}"' in box and " checked" in box]


def in_berlin(days):
    return f"{(clock.now() + timedelta(days=days)).astimezone(BERLIN):%Y-%m-%dT%H:%M}"


def form(servers, **changes):
    wish = asks.wish(servers)
    return {
        "application": "payments",
        "title": asks.TITLE,
        "instances": [one.pk for one in servers],
        "ends_at": in_berlin(10),
        "kind": Exemption.Kind.NODE_DEFERRAL,
        "reason": asks.REASON,
        **{name: wish[name] for name in ("root_cause", "tried", "fix_plan", "exposure", "data_class")},
        "control_1_kind": "other",
        "control_1_what": asks.CONTROLS,
        "documents": [asks.document()],
        "do": "submit",
        **changes,
    }


def test_a_filled_in_form_is_submitted_with_its_document(browser, servers):
    reply = browser.post(url("ask"), form(servers), follow=True)

    exemption = Exemption.objects.get()
    assert exemption.state == State.SUBMITTED
    assert set(exemption.instances.all()) == set(servers)
    assert exemption.documents.get().name == "vendor-statement.pdf"
    assert "It waits for CISO" in text(reply)


def test_a_draft_asks_nobody_and_needs_no_document(browser, servers):
    reply = browser.post(url("ask"), form(servers, do="draft", documents=[]), follow=True)
    assert Exemption.objects.get().state == State.DRAFT
    assert "Nobody is asked before you submit it" in text(reply)
    assert "Submit revision 1" in text(reply)


def test_times_are_read_in_the_zone_that_pages_show(browser, servers):
    end = (
        (clock.now() + timedelta(days=20))
        .astimezone(BERLIN)
        .replace(hour=18, minute=30, second=0, microsecond=0)
    )
    browser.post(url("ask"), form(servers, ends_at=f"{end:%Y-%m-%dT%H:%M}"))
    exemption = Exemption.objects.get()
    assert exemption.ends_at == end.astimezone(UTC)
    page = text(browser.get(url("edit", exemption.pk)))
    assert f'value="{end:%Y-%m-%dT%H:%M}"' in page


def test_the_form_names_the_limit_and_what_more_than_a_month_needs(browser, servers):
    page = text(browser.get(url("ask")))
    assert "At most 90 days, to <time" in page
    assert "more than 30 days also needs security operations" in page


def test_only_visible_instances_in_a_live_window_may_be_chosen(browser, servers):
    outside = factories.instance()
    stranger = factories.instance(factories.application("ledger", "analytics"))
    chosen = browser.get(url("ask")).context["form"].instances_by_id
    assert set(chosen) == {one.pk for one in servers}

    for one in (outside, stranger):
        reply = browser.post(url("ask"), form([*servers, one]))
        assert reply.status_code == 400
        assert "instances" in reply.context["form"].errors
    assert not Exemption.objects.exists()


def test_an_instance_leads_to_the_form_with_itself_chosen(browser, servers):
    reply = browser.get(url("ask"), {"instance": servers[1].pk})
    assert reply.context["form"].initial["instances"] == [servers[1].pk]
    assert len(ticked(reply)) == 1


def test_an_instance_in_no_window_is_told_so(browser, servers):
    outside = factories.instance(name="payments-lonely")
    assert "payments-lonely</span> is in no live window" in text(
        browser.get(url("ask"), {"instance": outside.pk})
    )


@pytest.mark.parametrize("pk", ["x", "0", "²", "9" * 40])
def test_an_instance_that_is_none_is_not_found(browser, servers, pk):
    assert browser.get(url("ask"), {"instance": pk}).status_code == 404


def test_what_one_may_not_see_or_ask_for_is_not_found(cast, browser, servers, browse):
    stranger = factories.instance(factories.application("ledger", "analytics"))
    assert browser.get(url("ask"), {"instance": stranger.pk}).status_code == 404
    assert browser.get(url("ask"), {"application": "ledger"}).status_code == 404
    assert browser.post(url("ask"), form(servers, application="ledger")).status_code == 404
    assert browse(cast["clara"]).get(url("ask"), {"instance": servers[0].pk}).status_code == 404


def test_of_several_applications_one_is_chosen_first(browser, servers):
    factories.application("cards", "payments")
    page = browser.get(url("ask"))
    assert page.context["application"] is None
    assert "Which application" in text(page)
    assert len(browser.get(url("ask"), {"application": "payments"}).context["form"].instances_by_id) == 2


def test_who_is_in_no_team_is_told_who_asks(cast, browse):
    reply = browse(people.person("axel")).get(url("ask"))
    assert reply.status_code == 403
    assert "in no team that owns an application" in text(reply)


def test_bad_input_keeps_the_form_and_says_that_files_are_chosen_again(browser, servers):
    reply = browser.post(url("ask"), form(servers, title="", reason="too short"))
    page = text(reply)
    assert reply.status_code == 400
    assert set(reply.context["form"].errors) == {"title"}
    assert "Choose your files again" in page
    assert asks.CONTROLS in page
    assert len(ticked(reply)) == 2

    reply = browser.post(url("ask"), form(servers, reason="too short", ends_at=in_berlin(91)))
    assert set(reply.context["form"].errors) == {"reason", "ends_at"}
    assert not Exemption.objects.exists()


def test_a_document_that_is_not_kept_leaves_nothing_behind(browser, servers):
    reply = browser.post(url("ask"), form(servers, documents=[asks.document("run.exe", b"MZ")]))
    assert reply.status_code == 400
    assert "is not a kind of file that is kept" in text(reply)
    reply = browser.post(url("ask"), form(servers, documents=[asks.document(), asks.document("again.pdf")]))
    assert "attached already" in text(reply)
    reply = browser.post(url("ask"), form(servers, documents=[]))
    assert "Attach a document" in text(reply)
    assert (Exemption.objects.count(), Document.objects.count()) == (0, 0)


def test_without_anybody_to_decide_it_is_not_saved(browser, servers):
    people.person("clara").role_grants.all().delete()
    reply = browser.post(url("ask"), form(servers))
    assert reply.status_code == 422
    assert "Nobody can decide as CISO" in text(reply)
    assert not Exemption.objects.exists()


def test_asking_needs_a_sign_in_and_a_token_against_forgery(client, cast, servers, browse):
    assert client.post(url("ask"), form(servers)).status_code == 302
    assert not Exemption.objects.exists()
    browser = browse(cast["rita"])
    browser.handler.enforce_csrf_checks = True
    assert browser.post(url("ask"), form(servers)).status_code == 403


# edit


@pytest.fixture
def sent_back(cast, servers):
    asked = asks.submitted(cast["rita"], servers)
    return workflow.request_changes(asked, by=cast["clara"], reason="One server.", **asks.reading(asked))


def edit(exemption, servers, **changes):
    exemption.refresh_from_db()
    number = exemption.current.number
    return form(servers, **{"documents": [], "based_on": number, "note": "As asked.", **changes})


def test_an_edit_answers_and_submits_again(browser, sent_back, servers):
    reply = browser.post(url("edit", sent_back.pk), edit(sent_back, servers[:1]), follow=True)
    sent_back.refresh_from_db()
    assert (sent_back.state, sent_back.current.number) == (State.SUBMITTED, 3)
    assert sent_back.current.note == "As asked."
    assert "It waits for CISO" in text(reply)


def test_a_document_alone_makes_one_revision(browser, sent_back, servers):
    more = [asks.document("test.txt", b"Loses 3 of 10 messages.")]
    same_end = f"{sent_back.ends_at.astimezone(BERLIN):%Y-%m-%dT%H:%M}"
    browser.post(url("edit", sent_back.pk), edit(sent_back, servers, documents=more, ends_at=same_end))
    sent_back.refresh_from_db()
    assert (sent_back.current.number, sent_back.current.note) == (3, "Added test.txt.")


def test_two_editors_do_not_overwrite_each_other(cast, browser, sent_back, servers):
    mine = edit(sent_back, servers)
    workflow.revise(sent_back, by=cast["omar"], note="One only.", **asks.wish(servers[:1]))
    reply = browser.post(url("edit", sent_back.pk), mine)
    assert reply.status_code == 409
    assert "It changed while you were reading" in text(reply)
    sent_back.refresh_from_db()
    assert sent_back.instances.count() == 1


def test_what_is_being_decided_is_edited_without_new_documents(cast, browser, servers):
    asked = asks.submitted(cast["rita"], servers)
    page = browser.get(url("edit", asked.pk))
    assert "documents" not in page.context["form"].fields
    assert "Save as revision 3" in text(page)
    browser.post(url("edit", asked.pk), edit(asked, servers[:1], do="draft"))
    asked.refresh_from_db()
    assert (asked.state, asked.current.number) == (State.SUBMITTED, 3)


def test_nobody_edits_what_is_not_theirs_or_no_longer_open(cast, browser, browse, servers):
    asked = asks.submitted(cast["rita"], servers)
    assert browse(cast["clara"]).get(url("edit", asked.pk)).status_code == 422
    asks.decided(asked)
    assert browser.get(url("edit", asked.pk)).status_code == 422
    assert browser.post(url("edit", asked.pk), edit(asked, servers)).status_code == 422


def test_the_form_asks_no_query_for_each_instance(browser, servers):
    few = asks.queries_of(lambda: browser.get(url("ask")))
    asks.in_a_window([factories.instance() for _ in range(8)], name="payments-more")
    reply = browser.get(url("ask"))
    assert len(reply.context["form"].instances_by_id) == 10
    assert asks.queries_of(lambda: browser.get(url("ask"))) == few


def test_a_moment_that_the_clocks_skip_is_refused(browser, servers, settings, monkeypatch):
    settings.EXEMPTION_LONGEST_DAYS = 400
    spring = datetime(2027, 3, 28, 2, 30)
    reply = browser.post(url("ask"), form(servers, ends_at=f"{spring:%Y-%m-%dT%H:%M}"))
    assert reply.status_code == 400
    assert "ends_at" in reply.context["form"].errors


# where one comes from


def test_a_finding_a_patch_and_a_group_lead_to_the_form_filled_in(browser, servers):
    finding = PatchFinding.objects.create(
        instance=servers[1],
        patch_id="KB5039227",
        severity="Critical",
        cves=["CVE-2026-1111"],
        state="missing",
        first_seen_at=clock.now(),
        last_seen_at=clock.now(),
    )
    for query in ({"finding": finding.pk}, {"patch": "KB5039227"}):
        reply = browser.get(url("ask"), query)
        words = reply.context["form"].initial
        assert (words["kind"], words["open_patches"]) == (Exemption.Kind.PATCH_EXCLUSION, ["KB5039227"])
        assert words["instances"] == [servers[1].pk]
        assert len(ticked(reply, "open_patches")) == 1
        assert "CVE-2026-1111" in text(reply)
        assert "because a critical patch is missing on production" in text(reply)


@pytest.mark.parametrize("name", ["finding", "group", "patch"])
@pytest.mark.parametrize("value", ["0", "x", "9" * 40])
def test_what_is_not_there_is_not_found(browser, servers, name, value):
    assert browser.get(url("ask"), {name: value}).status_code == 404


def test_looking_saves_nothing_and_keeps_what_was_typed(browser, servers):
    first = asks.submitted(people.person("rita"), servers, ends_at=clock.now() + timedelta(days=20))
    reply = browser.post(url("ask"), form(servers, do="look", reason="so far"))
    assert reply.status_code == 200
    assert "so far" in text(reply)
    assert len(ticked(reply)) == 2
    assert f"{first.number} asks to keep" in text(reply)
    assert Exemption.objects.count() == 1


def test_a_control_shows_a_document_that_is_there(browser, servers):
    reply = browser.post(url("ask"), form(servers, control_2_what="short", control_1_evidence="none.pdf"))
    assert set(reply.context["form"].errors) == {"control_1_evidence", "control_2_what"}
    said = form(servers, control_1_evidence="vendor-statement.pdf", control_1_valid_until="2030-01-31")
    assert browser.post(url("ask"), said).status_code == 302
    (control,) = workflow.content_of(Exemption.objects.get().current)["compensating_controls"]
    assert (control["evidence"], control["valid_until"]) == ("vendor-statement.pdf", "2030-01-31")
