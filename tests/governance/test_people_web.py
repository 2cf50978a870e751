"""Pages about people: who may open them, what administrators and CISOs do there, and that it takes effect at once."""

import re
from datetime import timedelta
from urllib.parse import urlparse

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.governance import audit, clock, granting, outbox, roles
from portal.governance.models import Delegation, Membership, Role, RoleGrant, Team, User
from tests import people


def post(client, where, /, *args, **data):
    return client.post(reverse(f"people:{where}", args=args), data)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("adam", 200), ("clara", 200), ("axel", 200),
        ("rita", 403), ("omar", 403), ("ines", 403), ("opal", 403), ("noor", 403),
    ],
)  # fmt: skip
def test_people_are_shown_to_those_who_grant_delegate_or_audit(cast, browse, name, status):
    client = browse(cast[name])
    assert client.get(reverse("people:list")).status_code == status
    assert client.get(reverse("people:detail", args=[cast["rita"].pk])).status_code == status
    shown = b'href="/people/"' in client.get(reverse("home")).content
    assert shown == (status == 200)


def test_the_list_says_roles_with_their_end_and_teams_and_leads(cast, browse):
    page = browse(cast["adam"]).get(reverse("people:list")).content.decode()
    dora = page[page.index("Dora Lindqvist", page.index('id="list"')) :]
    assert "Delegate of Clara Weiss" in dora[:400]
    assert "until" in dora[:500]
    assert re.search(r"Payments Platform <span[^>]*>lead", page)


def questions(asked):
    """How many, but for the clock, which asks again whenever half a second has gone by."""
    return sum("governance_clockshift" not in query["sql"] for query in asked.captured_queries)


def test_a_longer_list_costs_no_more_questions(cast, browse):
    client, url = browse(cast["adam"]), reverse("people:list")
    with CaptureQueriesContext(connection) as few:
        client.get(url)
    for number in range(9):
        person = User.objects.create_user(f"temp{number}", first_name="Temp")
        granting.grant(person, Role.OPERATOR, by=cast["adam"])
        granting.join(person, people.team("claims"), by=cast["adam"])
    with CaptureQueriesContext(connection) as more:
        client.get(url)
    assert questions(more) == questions(few)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=rit+bra", {"Rita Braun"}),
        ("role=ciso", {"Clara Weiss", "Dora Lindqvist"}),
        ("active=no", set()),
    ],
)
def test_the_list_is_narrowed(cast, browse, query, names):
    page = browse(cast["axel"]).get(f"{reverse('people:list')}?{query}")
    assert {str(one) for one in page.context["page"]} == names


def test_an_administrator_adds_a_person_who_then_chooses_a_password_by_a_link_of_their_own(adam, browse):
    answer = post(browse(adam), "add", name="Petra van Dijk", username="Petra", email="petra@example.com")
    petra = User.objects.get(username="petra")
    assert answer.url == reverse("people:detail", args=[petra.pk])
    assert (petra.first_name, petra.last_name) == ("Petra", "van Dijk")
    assert not petra.has_usable_password()
    outbox.deliver()
    welcome = mail.outbox.pop()
    assert welcome.to == ["petra@example.com"]
    page = urlparse(re.search(r"http\S+", welcome.body)[0]).path

    browser = Client()
    browser.post(page, {"email": "petra@example.com"})
    link = urlparse(re.search(r"http\S+", mail.outbox.pop().body)[0]).path
    form = browser.get(link, follow=True).redirect_chain[-1][0]
    chosen = {"password1": "a long enough wish", "password2": "a long enough wish"}
    assert browser.post(form, chosen).status_code == 302
    assert Client().login(username="petra", password="a long enough wish")
    assert b"password2" not in Client().get(link, follow=True).content


def test_what_is_wrong_with_a_person_is_said_by_field_and_kept(adam, rita, browse):
    answer = post(browse(adam), "add", name="Rita Two", username="rita", email="RITA@example.com")
    assert answer.status_code == 400
    assert set(answer.context["form"].errors) == {"username", "email"}
    assert 'value="Rita Two"' in answer.content.decode()


def test_a_role_is_granted_until_the_end_of_a_day_and_ended(adam, rita, browse):
    client = browse(adam)
    tomorrow = (clock.now() + timedelta(days=1)).date()
    post(client, "role-grant", rita.pk, role=Role.OPERATOR, ends_on=tomorrow.isoformat())
    given = RoleGrant.objects.get(user=rita)
    assert given.ends_at.astimezone().tzinfo
    assert given.ends_at.date() in (tomorrow, tomorrow - timedelta(days=1))
    assert roles.has_role(rita, Role.OPERATOR)
    post(client, "role-end", rita.pk, given.pk)
    assert not roles.has_role(rita, Role.OPERATOR)
    assert post(client, "role-end", rita.pk, given.pk).status_code == 422


def test_a_refused_role_stands_under_its_field_with_what_was_chosen(adam, clara, browse):
    answer = post(browse(adam), "role-grant", clara.pk, role=Role.AUDITOR)
    assert answer.status_code == 400
    assert "kept apart" in answer.context["grant_form"].errors["role"][0]
    assert '<option value="auditor" selected>' in answer.content.decode()


def test_somebody_joins_a_team_leads_it_and_leaves(adam, noor, browse):
    client, payments = browse(adam), people.team("payments")
    post(client, "team-join", noor.pk, team=payments.pk)
    assert roles.is_member(noor, payments)
    post(client, "team-join", noor.pk, team=payments.pk, is_lead="on")
    assert roles.is_lead(noor, payments)
    post(client, "team-leave", noor.pk, Membership.objects.get(user=noor, team=payments).pk)
    assert not roles.is_member(noor, payments)


def test_a_team_is_founded_once(adam, browse):
    client = browse(adam)
    post(client, "team-add", name="Claims", slug="claims")
    assert Team.objects.get(slug="claims").name == "Claims"
    again = post(client, "team-add", name="Claims", slug="claims")
    assert "slug" in again.context["form"].errors


def test_a_deactivated_person_is_out_at_once_by_every_door(adam, omar, browse, call_api):
    his, token = browse(omar), call_api(omar)
    assert his.get(reverse("home")).status_code == 200
    granting.grant(omar, Role.OPERATOR, by=adam)
    post(browse(adam), "deactivate", omar.pk)
    assert his.get(reverse("home")).status_code == 302
    assert token.get("/api/v1/accounts/").status_code == 401
    assert not Client().login(username="omar", password="correct horse battery")
    omar.refresh_from_db()
    granting.reactivate(omar, by=adam)
    assert his.get(reverse("home")).status_code == 302
    assert (roles.roles_of(omar), omar.memberships.count()) == (frozenset(), 0)
    said = [entry.action for entry in audit.timeline(omar)]
    assert said == ["person.deactivated", "person.reactivated"]
    assert audit.verify().holds


def test_a_deactivated_ciso_leaves_no_delegate_behind(adam, clara, dora, browse):
    post(browse(adam), "deactivate", clara.pk)
    assert roles.delegating_ciso(dora) is None
    assert not Delegation.objects.filter(ends_at__gt=clock.now()).exists()


def test_an_administrator_changes_neither_themselves_nor_somebody_who_is_out(adam, rita, browse):
    client = browse(adam)
    assert post(client, "deactivate", adam.pk).status_code == 403
    assert post(client, "role-grant", adam.pk, role=Role.CISO).status_code == 403
    post(client, "deactivate", rita.pk)
    assert post(client, "deactivate", rita.pk).status_code == 422
    assert post(client, "role-grant", rita.pk, role=Role.OPERATOR).status_code == 422


@pytest.mark.parametrize("name", ["clara", "axel"])
def test_who_only_looks_changes_nothing(cast, browse, name):
    client, rita = browse(cast[name]), cast["rita"]
    assert post(client, "add", name="X", username="xx", email="x@example.com").status_code == 403
    assert post(client, "team-add", name="X", slug="xx").status_code == 403
    assert post(client, "role-grant", rita.pk, role=Role.OPERATOR).status_code == 403
    assert post(client, "team-join", rita.pk, team=people.team("analytics").pk).status_code == 403
    assert post(client, "team-leave", rita.pk, rita.memberships.get().pk).status_code == 403
    assert post(client, "deactivate", rita.pk).status_code == 403
    assert b"Grant this role" not in client.get(reverse("people:detail", args=[rita.pk])).content


def test_a_ciso_delegates_for_some_days_and_takes_it_back(clara, opal, browse):
    client, at = browse(clara), clock.now()
    days = {"starts_on": at.date().isoformat(), "ends_on": (at.date() + timedelta(days=3)).isoformat()}
    assert post(client, "delegate", to=opal.pk, **days).status_code == 302
    assert roles.delegating_ciso(opal) == clara
    made = Delegation.objects.get(delegate=opal)
    assert post(client, "delegation-end", made.pk).status_code == 302
    assert roles.delegating_ciso(opal) is None
    assert post(client, "delegation-end", made.pk).status_code == 422


def test_a_delegation_that_ends_before_it_begins_is_refused_by_its_field(clara, opal, browse):
    days = {"starts_on": "2030-05-02", "ends_on": "2030-05-01"}
    answer = post(browse(clara), "delegate", to=opal.pk, **days)
    assert "ends_on" in answer.context["form"].errors
    assert 'value="2030-05-02"' in answer.content.decode()


@pytest.mark.parametrize("name", ["adam", "axel", "dora", "rita"])
def test_nobody_else_delegates_or_ends_it(cast, browse, name):
    client = browse(cast[name])
    assert client.get(reverse("people:delegate")).status_code == 403
    assert post(client, "delegation-end", Delegation.objects.get().pk).status_code == 403


@pytest.mark.parametrize("name", ["role-grant", "team-join", "deactivate", "reactivate"])
def test_a_look_changes_nothing(adam, rita, browse, name):
    assert browse(adam).get(reverse(f"people:{name}", args=[rita.pk])).status_code == 405


def test_a_stranger_is_asked_to_sign_in(db):
    assert "login" in Client().get(reverse("people:list")).url
