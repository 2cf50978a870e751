"""The register, the page of one exemption and its verbs, as a browser meets them."""

import csv
import io
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from exemptions import ending, workflow
from exemptions.models import Decision, Exemption
from patching.models import PatchFinding, ResourceState, Waiver
from portal.governance import audit, clock
from tests.exemptions import asks

State = Exemption.State
VERBS = ("decide", "submit", "withdraw", "revoke")


@pytest.fixture
def asked(cast):
    """Two production servers for ten days, submitted by rita."""
    return asks.submitted(cast["rita"])


def url(name, *args):
    return reverse(f"exemptions:exemption-{name}", args=args)


def text(reply):
    return reply.content.decode()


def word(exemption, outcome="approve", **changes):
    read = asks.reading(exemption)
    return {
        "outcome": outcome,
        "revision": read["revision"],
        "digest": read["digest"],
        "reason": "",
        **changes,
    }


# the register


def numbers(reply):
    return [row.number for row in reply.context["page"]]


def test_the_register_shows_what_somebody_may_see(cast, asked, browse):
    for name in ("rita", "omar", "clara", "ivan", "axel", "opal"):
        assert numbers(browse(cast[name]).get(url("list"))) == [asked.number]
    for name in ("noor", "adam"):
        assert numbers(browse(cast[name]).get(url("list"))) == []


def test_a_stranger_is_sent_to_sign_in(client, asked):
    for address in (url("list"), url("ask"), url("detail", asked.pk)):
        assert client.get(address).url.startswith(reverse("account_login"))


def test_every_filter_lies_in_the_address(cast, asked, browse, monkeypatch):
    server = asked.instances.first()
    held = asks.approved(
        cast["rita"], [server], title="Hold one back", ends_at=clock.now() + timedelta(days=20)
    )
    browser = browse(cast["clara"])

    def found(**query):
        return set(numbers(browser.get(url("list"), query)))

    both = {asked.number, held.number}
    assert found(state="submitted") == {asked.number}
    assert found(state="active") == {held.number}
    assert found(application="payments") == both
    assert found(team="payments") == both
    assert found(ends_within="30") == {held.number}
    assert found(ends_within="14") == set()
    assert found(waits="on") == {asked.number}
    assert found(q=held.number) == found(q="hold ONE") == {held.number}
    assert found(q=server.instance_id) == both
    assert found(q="nothing like it") == set()
    asks.later(monkeypatch, held.ends_at)
    assert found(state="expired") == {held.number}
    assert found(state="lapsed") == {asked.number}


@pytest.mark.parametrize(
    "query", ["state=approved", "ends_within=x", "team=none", "page=99", "sort=secret", "q=%00"]
)
def test_an_address_that_makes_no_sense_is_still_a_page(cast, asked, browse, query):
    assert browse(cast["clara"]).get(f"{url('list')}?{query}").status_code == 200


def test_the_export_has_what_is_seen_and_runs_no_formula(cast, asked, browse):
    asks.submitted(cast["rita"], list(asked.instances.all()), title="=HYPERLINK(1)")
    reply = browse(cast["clara"]).get(url("list"), {"format": "csv", "q": "HYPERLINK"})
    rows = list(csv.DictReader(io.StringIO(b"".join(reply.streaming_content).decode())))
    assert [(row["Exemption"], row["State"], row["Instances"]) for row in rows] == [
        ("'=HYPERLINK(1)", "Submitted", "2")
    ]
    assert reply["Content-Disposition"].startswith('attachment; filename="exemptions-')


def test_the_register_asks_no_query_for_each_row(cast, asked, browse):
    browser = browse(cast["clara"])
    few = asks.queries_of(lambda: browser.get(url("list")))
    for number in range(6):
        asks.drafted(cast["rita"], list(asked.instances.all()), title=f"Exemption {number}")
    assert asks.queries_of(lambda: browser.get(url("list"))) == few


# one exemption


def test_who_may_not_see_it_finds_nothing(cast, asked, browse):
    document = asked.documents.get()
    for name in ("noor", "adam"):
        browser = browse(cast[name])
        addresses = [url("detail", asked.pk), url("edit", asked.pk), url("document", asked.pk, document.pk)]
        assert [browser.get(one).status_code for one in addresses] == [404, 404, 404]
        assert [browser.post(url(verb, asked.pk)).status_code for verb in VERBS] == [404] * len(VERBS)
    assert browse(cast["clara"]).get(url("detail", 10**18)).status_code == 404


def test_verbs_are_posted(cast, asked, browse):
    browser = browse(cast["clara"])
    assert [browser.get(url(verb, asked.pk)).status_code for verb in VERBS] == [405] * len(VERBS)
    assert browser.post(url("detail", asked.pk)).status_code == 405


def test_the_decision_comes_first_for_who_may_make_it_and_for_nobody_else(cast, asked, browse):
    page = text(browse(cast["clara"]).get(url("detail", asked.pk)))
    assert "Your decision as CISO" in page
    assert f"Approve revision {asked.current.number}" in page
    assert page.index("h-dec") < page.index("h-aws") < page.index("h-inst")
    assert "Your decision as delegate of Clara Weiss, CISO" in text(
        browse(cast["dora"]).get(url("detail", asked.pk))
    )
    for name in ("rita", "omar", "ivan", "axel"):
        page = text(browse(cast[name]).get(url("detail", asked.pk)))
        assert "Your decision" not in page
        assert 'name="outcome"' not in page


def test_it_says_what_changes_in_aws_the_way_back_first(cast, asked, browse):
    page = text(browse(cast["clara"]).get(url("detail", asked.pk)))
    order = [
        "Lay down the way back first",
        "Change one tag on 2 instances",
        "pw-deferred",
        "Put the tag back",
    ]
    places = [page.index(one) for one in order]
    assert places == sorted(places)
    assert "First patched run of payments-prod" in page


def test_it_counts_the_runs_that_are_missed(cast, asked, browse):
    missed = browse(cast["clara"]).get(url("detail", asked.pk)).context["missed"]
    assert [(one.window.name, one.instances) for one in missed] == [("payments-prod", 2)]
    (one,) = missed
    assert len(one.runs) in (1, 2)  # Sundays in ten days
    assert all(run < asked.ends_at <= one.first_after for run in one.runs)


def test_it_shows_what_is_left_unpatched_the_worst_first(cast, asked, browse):
    now = clock.now()
    for instance in asked.instances.all():
        for patch, severity, age in (("KB1", "Low", 90), ("KB2", "Critical", 3), ("KB3", "Important", 40)):
            PatchFinding.objects.create(
                instance=instance,
                patch_id=patch,
                severity=severity,
                state="missing",
                first_seen_at=now - timedelta(days=age),
                last_seen_at=now,
            )
    context = browse(cast["clara"]).get(url("detail", asked.pk)).context
    assert [(one["patch_id"], one["instances"]) for one in context["findings"]] == [
        ("KB2", 2),
        ("KB3", 2),
        ("KB1", 2),
    ]
    assert (context["open_findings"], context["critical"]) == (6, 2)
    assert context["oldest"] == now - timedelta(days=90)


def test_many_patches_are_cut_and_shown_on_request(cast, asked, browse):
    now, server = clock.now(), asked.instances.first()
    PatchFinding.objects.bulk_create(
        PatchFinding(
            instance=server,
            patch_id=f"KB{n}",
            severity="Low",
            state="missing",
            first_seen_at=now,
            last_seen_at=now,
        )
        for n in range(20)
    )
    browser = browse(cast["clara"])
    page = browser.get(url("detail", asked.pk))
    assert len(page.context["findings"]) == 15
    assert "Show all 20 patches" in text(page)
    assert len(browser.get(url("detail", asked.pk), {"patches": "all"}).context["findings"]) == 20


def test_each_instance_shows_how_it_stands_and_its_way_back(cast, asked, browse):
    browser = browse(cast["rita"])

    def rows():
        return [(row.label, row.way_back and row.way_back[1]) for row in page().context["rows"]]

    def page():
        return browser.get(url("detail", asked.pk))

    assert rows() == [("Asked for", None)] * 2
    asks.decided(asked)
    assert rows() == [("Approved, not enforced yet", "Not laid down yet")] * 2
    asks.pushed()
    for waiver in Waiver.objects.all():
        at = f"{waiver.ends_at:%Y-%m-%dT%H:%M:%S}"
        asks.resource(waiver, "schedule", applied={"at": at})
    assert rows() == [("Enforced, read back", "Laid down in AWS")] * 2
    row = page().context["rows"][0]
    assert row.laid_down_at is not None
    assert row.returns_at == asked.ends_at.replace(microsecond=0)
    assert "2 of 2 enforced" in text(page())
    drifted = ResourceState.objects.filter(kind="tag").first()
    ResourceState.objects.filter(pk=drifted.pk).update(condition="drifted", condition_text="Now “sunday”.")
    assert sorted(rows())[0][0] == "Drifted"
    assert "Now “sunday”." in text(page())


def test_a_restored_one_shows_its_proof(cast, asked, browse, monkeypatch):
    asks.decided(asked)
    asks.later(monkeypatch, asked.ends_at)
    browser = browse(cast["rita"])
    assert "Its time is over" in text(browser.get(url("detail", asked.pk)))
    asks.pushed()
    assert ending.settle() + ending.settle() == 1
    page = text(browser.get(url("detail", asked.pk)))
    assert "Restored, read back" in page
    assert "Tag read back as payments-prod, <time" in page
    assert "read back 2 instances and marked it restored" in page


def test_another_exemption_that_holds_longer_is_said(cast, asked, browse):
    longer = asks.approved(
        cast["rita"], list(asked.instances.all())[:1], ends_at=clock.now() + timedelta(days=20)
    )
    page = browse(cast["clara"]).get(url("detail", asked.pk))
    assert "its tag goes back then" in text(page)
    page = browse(cast["clara"]).get(url("detail", longer.pk))
    assert "held by another exemption" not in text(page)
    page = browse(cast["clara"]).get(url("detail", asked.pk))
    assert [(one.number, one.shared) for one in page.context["earlier"]] == [(longer.number, 1)]


def test_what_somebody_wrote_is_never_markup(cast, browse):
    exemption = asks.submitted(
        cast["rita"], title="<b>bold</b>", reason="<script>alert(1)</script> because of the vendor"
    )
    for address in (url("detail", exemption.pk), url("list"), url("edit", exemption.pk)):
        page = text(browse(cast["rita"]).get(address))
        assert "<script>alert" not in page
        assert "<b>bold" not in page


def test_a_page_asks_no_query_for_each_instance(cast, browse):
    browser = browse(cast["clara"])
    servers = asks.servers(8)
    small, large = asks.approved(cast["rita"], servers[:2]), asks.approved(cast["rita"], servers)
    asks.pushed()
    few, many = (
        asks.queries_of(lambda one=one: browser.get(url("detail", one.pk))) for one in (small, large)
    )
    assert many == few


# verbs


def test_clara_approves_what_she_read(cast, asked, browse):
    reply = browse(cast["clara"]).post(url("decide", asked.pk), word(asked), follow=True)
    asked.refresh_from_db()
    assert asked.state == State.APPROVED
    assert "You approved revision 2" in text(reply)
    assert Waiver.objects.in_force(clock.now()).count() == 2


def test_of_two_words_the_first_says_whose_is_left(cast, browse):
    exemption = asks.submitted(cast["rita"], ends_at=clock.now() + timedelta(days=40))
    reply = browse(cast["clara"]).post(url("decide", exemption.pk), word(exemption), follow=True)
    assert "It now waits for Security operations" in text(reply)


@pytest.mark.parametrize("outcome", ["reject", "request_changes"])
def test_a_refusal_keeps_the_form_until_it_has_its_reason(cast, asked, browse, outcome):
    browser = browse(cast["clara"])
    reply = browser.post(url("decide", asked.pk), word(asked, outcome))
    assert reply.status_code == 400
    assert "Say why" in text(reply)
    assert "Your decision as CISO" in text(reply)
    browser.post(url("decide", asked.pk), word(asked, outcome, reason="Patch it."))
    assert Decision.objects.get().outcome == outcome
    assert "Patch it." in text(browse(cast["rita"]).get(url("detail", asked.pk)))


def test_who_asked_reads_first_what_has_to_change(cast, asked, browse):
    workflow.request_changes(asked, by=cast["clara"], reason="One server.", **asks.reading(asked))
    page = text(browse(cast["rita"]).get(url("detail", asked.pk)))
    assert "Clara Weiss asks for changes:</span> “One server.”" in page
    assert page.index("asks for changes:") < page.index("h-aws")


@pytest.mark.parametrize("broken", [{"outcome": "maybe"}, {"revision": "x"}, {"digest": ""}])
def test_a_broken_form_decides_nothing(cast, asked, browse, broken):
    reply = browse(cast["clara"]).post(url("decide", asked.pk), word(asked, **broken))
    assert reply.status_code == 400
    assert not Decision.objects.exists()


def test_a_stale_form_is_409_and_shows_what_moved(cast, asked, browse):
    read = word(asked)
    keep = list(asked.instances.all())[:1]
    workflow.revise(asked, by=cast["omar"], note="One is enough.", **asks.wish(keep))

    reply = browse(cast["clara"]).post(url("decide", asked.pk), read)

    page = text(reply)
    assert reply.status_code == 409
    assert "It changed while you were reading" in page
    assert "One is enough." in page
    assert "Review revision 3" in page
    assert [one.field for one in reply.context["stale"]["moved"]] == ["Ends", "Instances"]
    assert 'name="outcome"' not in page
    assert not Decision.objects.exists()


def test_deciding_twice_is_409_and_by_another_403(cast, asked, browse):
    read = word(asked)
    assert browse(cast["rita"]).post(url("decide", asked.pk), read).status_code == 403
    browse(cast["clara"]).post(url("decide", asked.pk), read)
    reply = browse(cast["dora"]).post(url("decide", asked.pk), read)
    assert reply.status_code == 409
    assert "Clara Weiss approved it on" in text(reply)


def test_an_old_sign_in_is_asked_to_prove_itself_again(cast, asked, browse, settings):
    browser = browse(cast["clara"])
    settings.DECISION_SIGN_IN_MAX_AGE = -1
    reply = browser.post(url("decide", asked.pk), word(asked))
    assert reply.url.startswith(reverse("account_reauthenticate"))
    assert not Decision.objects.exists()
    assert Session.objects.exists()


def test_an_instance_that_left_its_window_is_said_in_the_decision_box(cast, asked, browse):
    type(asked.instances.first()).objects.update(gone_at=clock.now())
    reply = browse(cast["clara"]).post(url("decide", asked.pk), word(asked))
    assert reply.status_code == 400
    assert "is not an instance of payments" in text(reply)


def test_the_team_submits_and_withdraws(cast, browse):
    exemption = asks.drafted(cast["rita"])
    browser = browse(cast["rita"])
    assert browser.post(url("submit", exemption.pk)).status_code == 400  # no document yet
    workflow.attach(exemption, asks.document(), by=cast["rita"])
    assert browser.post(url("submit", exemption.pk)).status_code == 302
    assert browser.post(url("submit", exemption.pk)).status_code == 409
    assert browse(cast["clara"]).post(url("withdraw", exemption.pk)).status_code == 403
    assert browser.post(url("withdraw", exemption.pk), {"reason": "Patched."}).status_code == 302
    exemption.refresh_from_db()
    assert exemption.state == State.WITHDRAWN


def test_ending_it_early_takes_a_reason(cast, asked, browse):
    asks.decided(asked)
    browser = browse(cast["clara"])
    assert "Revoke exemption" in text(browser.get(url("detail", asked.pk)))
    assert browser.post(url("revoke", asked.pk), {"reason": ""}).status_code == 400
    assert browser.post(url("revoke", asked.pk), {"reason": "The fix is out."}).status_code == 302
    assert browser.post(url("revoke", asked.pk), {"reason": "Again."}).status_code == 409
    assert browse(cast["axel"]).post(url("revoke", asked.pk), {"reason": "No."}).status_code == 403


# documents


def test_a_document_comes_as_a_download_and_its_reading_is_on_record(cast, asked, browse):
    document = asked.documents.get()
    reply = browse(cast["axel"]).get(url("document", asked.pk, document.pk))
    assert reply.content == b"%PDF-1.7 signed\n%%EOF"
    assert reply["Content-Disposition"] == 'attachment; filename="vendor-statement.pdf"'
    assert reply["X-Content-Type-Options"] == "nosniff"
    assert reply["Cache-Control"] == "private, no-store"
    entry = audit.timeline(asked).get(action="exemptions.document.read")
    assert entry.actor == cast["axel"]


def test_a_document_is_reached_through_its_own_exemption_only(cast, asked, browse):
    other = asks.submitted(cast["rita"], list(asked.instances.all()))
    document = asked.documents.get()
    assert browse(cast["axel"]).get(url("document", other.pk, document.pk)).status_code == 404


def test_a_damaged_document_is_not_handed_out(cast, asked, browse):
    document = asked.documents.get()
    with open(document.file.path, "ab") as stored:
        stored.write(b"!")
    reply = browse(cast["axel"]).get(url("document", asked.pk, document.pk))
    assert reply.status_code == 422
    assert "its digest differs" in text(reply)
