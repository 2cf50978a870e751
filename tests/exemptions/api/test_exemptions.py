"""Exemptions through the API: with evidence, decided by the CISO, seen and downloaded only by those who may."""

import io
import json
from datetime import timedelta

import pytest
from django.core.signals import request_started
from django.db import close_old_connections
from django.test import RequestFactory

from exemptions.models import Document, Exemption
from portal.governance import clock
from portal.governance.models import ApiToken, AuditEntry
from portal.wsgi import application
from tests import factories
from tests.exemptions import asks

URL = "/api/v1/exemptions/"


@pytest.fixture
def servers(cast):
    return asks.servers()


def body(instances, **changes):
    return {
        "title": asks.TITLE,
        "root_cause": "breaks",
        "reason": asks.REASON,
        "compensating_controls": asks.CONTROLS,
        "tried": "The vendor's hotfix was tried on a clone.",
        "fix_plan": "Version 5 is certified in two weeks.",
        "exposure": "internal",
        "data_class": "confidential",
        "application": "payments",
        "instances": [one.pk for one in instances],
        "ends_at": (clock.now() + timedelta(days=10)).isoformat(),
        **changes,
    }


def fields(answer):
    return [error["field"] for error in answer.json()["errors"]]


def reading(row):
    return {"revision": row["revision"], "digest": row["digest"], "reason": "Read."}


@pytest.fixture
def draft(call_api, cast, servers):
    answer = call_api(cast["rita"]).post(URL, body(servers), format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()


@pytest.fixture
def submitted(call_api, cast, draft):
    rita = call_api(cast["rita"])
    rita.post(f"{URL}{draft['id']}/documents/", {"document": asks.document()}, format="multipart")
    answer = rita.post(f"{URL}{draft['id']}/submit/")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def test_an_exemption_goes_from_draft_to_active_and_is_ended(call_api, cast, draft, submitted):
    assert (draft["state"], draft["number"]) == ("draft", f"EX-{draft['id']}")
    assert (submitted["state"], submitted["revision"], submitted["needs"]) == ("submitted", 2, ["ciso"])

    clara = call_api(cast["clara"])
    approved = clara.post(f"{URL}{draft['id']}/approve/", reading(submitted), format="json").json()
    assert approved["state"] == "expiring"  # within 14 days of its end
    assert [one["state"] for one in approved["enforcement"]] == ["not_enforced"] * 2

    nameless = clara.post(f"{URL}{draft['id']}/revoke/", {}, format="json")
    assert (nameless.status_code, fields(nameless)) == (400, ["reason"])
    revoked = clara.post(f"{URL}{draft['id']}/revoke/", {"reason": "The fix is out."}, format="json")
    assert revoked.json()["state"] == "revoked"


def test_every_bad_field_is_named_at_once(call_api, cast, servers):
    wish = body(servers, title="a", ends_at="soon", risk="low")
    answer = call_api(cast["rita"]).post(URL, wish, format="json")
    assert answer.status_code == 400
    assert set(fields(answer)) == {"risk", "title", "ends_at"}
    assert not Exemption.objects.exists()


def test_the_questionnaire_comes_back_as_it_was_given(call_api, cast, servers):
    controls = [
        {"kind": "network", "what": "Reachable from the bastion only.", "evidence": "vendor-statement.pdf"},
        {"what": "The SOC watches them day and night.", "valid_until": "2099-01-31"},
    ]
    wish = body(servers, compensating_controls=controls, backup="omar", fix_expected_on="2099-02-01")
    answer = call_api(cast["rita"]).post(URL, wish, format="json")
    assert answer.status_code == 201, answer.json()
    told = answer.json()
    for name in (
        "kind",
        "root_cause",
        "reason",
        "tried",
        "fix_plan",
        "fix_expected_on",
        "exposure",
        "data_class",
    ):
        assert told[name] == wish.get(name, "node_deferral"), name
    assert [one["kind"] for one in told["compensating_controls"]] == ["network", "other"]
    assert told["compensating_controls"][1]["valid_until"] == "2099-01-31"
    assert told["backup"]["username"] == "omar"
    assert (told["patches"], told["conditions"], told["renews"], told["renewal"]) == ([], [], None, 0)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "holiday"}, "kind"),
        ({"root_cause": "laziness"}, "root_cause"),
        ({"compensating_controls": []}, "compensating_controls"),
        ({"compensating_controls": [{"what": "Short"}]}, "compensating_controls"),
        ({"compensating_controls": [{"what": "Long enough.", "who": "me"}]}, "compensating_controls"),
        ({"compensating_controls": 7}, "compensating_controls"),
        ({"backup": "noor"}, "backup"),
        ({"conditions": ["None."]}, "conditions"),
        ({"fix_expected_on": "soon"}, "fix_expected_on"),
        ({"patches": ["KB5039227"]}, "patches"),
        ({"instances": list(range(1, 52))}, "instances"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_a_bad_answer_is_named(call_api, cast, servers, changes, field):
    answer = call_api(cast["rita"]).post(URL, {**body(servers), **changes}, format="json")
    assert answer.status_code == 400
    assert {name.split(".")[0].split("[")[0] for name in fields(answer)} == {field}


def test_what_a_draft_left_open_is_named_when_it_is_submitted(call_api, cast, servers):
    rita, wish = call_api(cast["rita"]), body(servers)
    for name in ("tried", "fix_plan", "exposure", "data_class"):
        del wish[name]
    mine = f"{URL}{rita.post(URL, wish, format='json').json()['id']}/"
    rita.post(f"{mine}documents/", {"document": asks.document()}, format="multipart")
    answer = rita.post(f"{mine}submit/")
    assert (answer.status_code, set(fields(answer))) == (400, {"tried", "fix_plan", "exposure", "data_class"})


def test_a_patch_leaves_the_other_answers_as_they_are(call_api, cast, draft):
    rita = call_api(cast["rita"])
    told = rita.patch(f"{URL}{draft['id']}/", {"fix_plan": "Version 6."}, format="json").json()
    same = {name: draft[name] for name in ("tried", "exposure", "data_class", "compensating_controls")}
    assert told["fix_plan"] == "Version 6."
    assert {name: told[name] for name in same} == same


def test_only_what_one_may_see_can_be_named(call_api, cast, servers):
    lake = factories.application("data-lake", "analytics")
    theirs = factories.instance(lake, "dev")
    rita, noor = call_api(cast["rita"]), call_api(cast["noor"])
    for client, wish, field in (
        (rita, body([theirs]), "instances"),
        (rita, body(servers, application="data-lake"), "application"),
        (noor, body(servers), "application"),
        (rita, {**body(servers), "instances": [999999]}, "instances"),
    ):
        answer = client.post(URL, wish, format="json")
        assert answer.status_code == 400
        assert field in {name.split(".")[0] for name in fields(answer)}
    assert not Exemption.objects.exists()


def test_without_a_document_it_is_not_submitted(call_api, cast, draft):
    answer = call_api(cast["rita"]).post(f"{URL}{draft['id']}/submit/")
    assert (answer.status_code, fields(answer)) == (400, ["documents"])


def test_a_stranger_finds_nothing(call_api, cast, submitted):
    noor = call_api(cast["noor"])
    assert noor.get(URL).json()["results"] == []
    missing = noor.get(f"{URL}999999/").json()
    document = Document.objects.get()
    calls = [
        ("get", ""),
        ("put", ""),
        ("patch", ""),
        ("get", "documents/"),
        ("get", f"documents/{document.pk}/"),
    ]
    verbs = ("submit", "approve", "reject", "request-changes", "withdraw", "revoke")
    calls += [("post", f"{verb}/") for verb in verbs]
    for method, path in calls:
        answer = getattr(noor, method)(
            f"{URL}{submitted['id']}/{path}", {}, format="json" if path != "" else None
        )
        assert (answer.status_code, answer.json()) == (404, missing), path
    upload = noor.post(
        f"{URL}{submitted['id']}/documents/", {"document": asks.document()}, format="multipart"
    )
    assert upload.status_code == 404


def test_the_author_and_other_roles_do_not_decide(call_api, cast, submitted):
    for name in ("rita", "omar", "axel", "opal"):
        answer = call_api(cast[name]).post(
            f"{URL}{submitted['id']}/approve/", reading(submitted), format="json"
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), name


def test_a_delegate_decides_for_the_ciso(call_api, cast, submitted):
    answer = call_api(cast["dora"]).post(
        f"{URL}{submitted['id']}/approve/", reading(submitted), format="json"
    )
    assert answer.json()["decisions"][0]["on_behalf_of"]["username"] == "clara"


def test_it_is_rejected_and_sent_back_only_with_a_reason(call_api, cast, submitted):
    clara = call_api(cast["clara"])
    for verb in ("reject", "request-changes"):
        answer = clara.post(
            f"{URL}{submitted['id']}/{verb}/", {**reading(submitted), "reason": " "}, format="json"
        )
        assert (answer.status_code, fields(answer)) == (400, ["reason"])
    back = clara.post(f"{URL}{submitted['id']}/request-changes/", reading(submitted), format="json")
    assert back.json()["state"] == "changes_requested"
    revised = (
        call_api(cast["rita"]).patch(f"{URL}{submitted['id']}/", {"note": "Again."}, format="json").json()
    )
    assert (revised["revision"], revised["reason"]) == (3, asks.REASON)
    again = call_api(cast["rita"]).post(f"{URL}{submitted['id']}/submit/").json()
    assert (
        clara.post(f"{URL}{submitted['id']}/reject/", reading(again), format="json").json()["state"]
        == "rejected"
    )


def test_a_stale_decision_and_a_stale_edit_are_told_apart(call_api, cast, draft):
    rita, mine = call_api(cast["rita"]), f"{URL}{draft['id']}/"
    read = rita.get(mine)
    rita.post(f"{mine}documents/", {"document": asks.document()}, format="multipart")
    assert rita.post(f"{mine}submit/").status_code == 200
    stale = call_api(cast["clara"]).post(f"{URL}{draft['id']}/approve/", reading(draft), format="json")
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_revision")
    edit = call_api(cast["rita"]).patch(
        f"{URL}{draft['id']}/", {"title": "Another"}, format="json", HTTP_IF_MATCH=read["ETag"]
    )
    assert (edit.status_code, edit.json()["code"]) == (412, "precondition_failed")


def test_a_put_replaces_all_but_the_application(call_api, cast, draft, servers):
    rita = call_api(cast["rita"])
    revised = rita.put(f"{URL}{draft['id']}/", body(servers[:1], title="Only one"), format="json").json()
    assert (revised["title"], revised["instances"], revised["revision"]) == ("Only one", [servers[0].pk], 2)
    factories.application("ledger")
    moved = rita.put(f"{URL}{draft['id']}/", body(servers, application="ledger"), format="json")
    assert (moved.status_code, fields(moved)) == (400, ["application"])


def test_it_is_withdrawn(call_api, cast, submitted):
    answer = call_api(cast["omar"]).post(
        f"{URL}{submitted['id']}/withdraw/", {"reason": "No."}, format="json"
    )
    assert answer.json()["state"] == "withdrawn"


def test_a_document_comes_back_as_an_attachment_and_its_reading_is_logged(call_api, cast, submitted):
    document = submitted["documents"][0]
    answer = call_api(cast["axel"], "read").get(f"{URL}{submitted['id']}/documents/{document['id']}/")
    assert answer.content == b"%PDF-1.7 signed\n%%EOF"
    assert answer["Content-Disposition"] == 'attachment; filename="vendor-statement.pdf"'
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == (
        "application/octet-stream",
        "nosniff",
    )
    assert "sandbox" in answer["Content-Security-Policy"]
    last = AuditEntry.objects.latest("seq")
    assert (last.action, last.actor) == ("exemptions.document.read", cast["axel"])


def test_documents_are_listed_and_one_of_another_exemption_is_not_there(call_api, cast, submitted, servers):
    rita = call_api(cast["rita"])
    rows = rita.get(f"{URL}{submitted['id']}/documents/").json()
    assert [row["name"] for row in rows["results"]] == ["vendor-statement.pdf"]
    other = rita.post(URL, body(servers, title="Another one"), format="json").json()
    assert rita.get(f"{URL}{other['id']}/documents/{rows['results'][0]['id']}/").status_code == 404


@pytest.mark.parametrize(
    ("name", "content"),
    [("run.exe", b"MZ"), ("fake.pdf", b"<html>"), ("empty.pdf", b""), ("../../x.sh", b"#!")],
)
def test_a_file_that_is_not_evidence_is_refused(call_api, cast, draft, name, content):
    answer = call_api(cast["rita"]).post(
        f"{URL}{draft['id']}/documents/", {"document": asks.document(name, content)}, format="multipart"
    )
    assert (answer.status_code, fields(answer)) == (400, ["document"])
    assert not Document.objects.exists()


@pytest.fixture
def at_the_server_s_door():
    """The application as a server calls it, but for the test's connection, which stays open between requests."""
    request_started.disconnect(close_old_connections)
    yield application
    request_started.connect(close_old_connections)


def test_an_upload_that_was_interrupted_leaves_nothing(cast, draft, at_the_server_s_door):
    """At the door of the server: a text that stops early looks like any other text."""
    _, token = ApiToken.objects.create(cast["rita"], expiry=timedelta(hours=1), name="t", scopes=["request"])
    head = b'--x\r\nContent-Disposition: form-data; name="document"; filename="note.txt"\r\n\r\n'
    whole = head + b"The vendor says: do not install.\r\n--x--\r\n"
    told = {}
    for arrived in (whole[:-30], whole):
        environ = RequestFactory().generic("POST", f"{URL}{draft['id']}/documents/").environ | {
            "wsgi.input": io.BytesIO(arrived),
            "CONTENT_LENGTH": str(len(whole)),
            "CONTENT_TYPE": "multipart/form-data; boundary=x",
            "HTTP_AUTHORIZATION": f"Bearer {token}",
        }
        told[len(arrived) == len(whole)] = b"".join(at_the_server_s_door(environ, lambda *_: None))
    assert json.loads(told[False])["code"] == "interrupted"
    assert json.loads(told[True])["name"] == "note.txt"
    assert Document.objects.get().size == len(b"The vendor says: do not install.")


def test_an_upload_without_a_file_says_so(call_api, cast, draft):
    answer = call_api(cast["rita"]).post(f"{URL}{draft['id']}/documents/", {"x": "y"}, format="multipart")
    assert (answer.status_code, fields(answer)) == (400, ["document"])
    as_json = call_api(cast["rita"]).post(f"{URL}{draft['id']}/documents/", {"x": "y"}, format="json")
    assert as_json.status_code == 415


@pytest.mark.parametrize(
    ("verb", "scope"),
    [("submit", "request"), ("withdraw", "request"), ("revoke", "request"), ("documents", "request")]
    + [("approve", "decide"), ("reject", "decide"), ("request-changes", "decide")],
)
def test_a_verb_needs_its_scope(call_api, cast, draft, verb, scope):
    client = call_api(cast["clara"], *({"read", "request", "decide", "operate"} - {scope}))
    answer = client.post(f"{URL}{draft['id']}/{verb}/", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


@pytest.mark.parametrize(
    ("days", "state"),
    [(-1, "expired"), (5, "expiring"), (40, "active")],
    ids=["expired", "expiring", "active"],
)
def test_the_state_is_the_effective_one_and_filters_by_it(call_api, cast, servers, days, state):
    exemption = asks.approved(cast["rita"], servers)
    Exemption.objects.filter(pk=exemption.pk).update(ends_at=clock.now() + timedelta(days=days))
    rita = call_api(cast["rita"])
    assert rita.get(f"{URL}{exemption.pk}/").json()["state"] == state
    for other in ("expired", "expiring", "active", "approved", "lapsed", "submitted"):
        assert len(rita.get(f"{URL}?state={other}").json()["results"]) == (other == state), other


def test_what_waits_for_me_is_listed(call_api, cast, submitted):
    for name, waits in (("clara", 1), ("dora", 1), ("ines", 0), ("rita", 0)):
        assert len(call_api(cast[name]).get(f"{URL}?waits_for_me=true").json()["results"]) == waits, name


def test_a_list_costs_the_same_however_long(call_api, cast, servers, django_assert_max_num_queries):
    for number in range(4):
        asks.drafted(cast["rita"], servers, title=f"Number {number}")
    client = call_api(cast["rita"])
    with django_assert_max_num_queries(9):
        assert len(client.get(URL).json()["results"]) == 4
