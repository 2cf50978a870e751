"""Four eyes at every door: whoever wrote or added something never decides, by page, API, bulk, offer or row."""

from importlib import import_module
from types import ModuleType

import pytest
from django.core.management import get_commands
from django.db import IntegrityError, transaction

from exemptions import bulk, offers, reviewing, workflow
from exemptions.models import Decision, Exemption, Offer
from portal.governance import clock, deciding
from portal.governance.models import Delegation, Membership, Role, RoleGrant, User
from tests import people
from tests.exemptions import asks

API = "/api/v1/exemptions/"


@pytest.fixture
def own(cast):
    """Rita asked for it and is CISO besides."""
    return asked_by_a_ciso(cast)


def asked_by_a_ciso(cast):
    make_ciso(cast["rita"])
    return asks.submitted(cast["rita"], asks.servers(1, env="test"))


def make_ciso(person):
    RoleGrant.objects.create(user=person, role=Role.CISO, starts_at=people.LONG_AGO)


def read(exemption):
    current = Exemption.objects.get(pk=exemption.pk).current
    return {"revision": current.number, "digest": current.digest, "reason": "Mine."}


def kept(exemption):
    return {"instances_kept": list(exemption.instances.values_list("pk", flat=True)), "condition": "Any."}


def on_page(verb, **words):
    return lambda web, api, one: web.post(f"/exemptions/{one.pk}/{verb}/", {**read(one), **words})


def by_api(verb, **words):
    return lambda web, api, one: api.post(f"{API}{one.pk}/{verb}/", {**read(one), **words}, format="json")


# every way in which somebody's word on an exemption can be given
DOORS = {
    "page approve": on_page("decide", outcome="approve"),
    "page reject": on_page("decide", outcome="reject"),
    "page changes": on_page("decide", outcome="request_changes"),
    "page offer": lambda web, api, one: web.post(
        f"/exemptions/{one.pk}/offer/",
        {f"offer-{name}": value for name, value in {**read(one), **kept(one)}.items()},
    ),
    "inbox": lambda web, api, one: web.post(
        "/exemptions/inbox/", {"chosen": f"{one.pk}:{read(one)['revision']}:{read(one)['digest']}"}
    ),
    "api approve": by_api("approve"),
    "api reject": by_api("reject"),
    "api changes": by_api("request-changes"),
    "api offer": by_api("counter-offer", condition="Any."),
    "api bulk": lambda web, api, one: api.post(
        f"{API}approve-many/",
        {"exemptions": [{"id": one.pk, **{k: read(one)[k] for k in ("revision", "digest")}}]},
        format="json",
    ),
}
RESULTS = {"inbox", "api bulk"}  # answer with what became of each instead of a 403


@pytest.mark.parametrize("door", DOORS)
def test_each_door_opens_for_who_may_decide(cast, browse, call_api, door):
    one = asks.submitted(cast["rita"], asks.servers(1, env="test"))
    answer = DOORS[door](browse(cast["clara"]), call_api(cast["clara"]), one)
    assert answer.status_code in (200, 302), answer.content
    word = Decision.objects.get(revision__exemption=one)
    assert (word.decided_by, word.slot) == (cast["clara"], "ciso")


def who_asked(cast):
    return asked_by_a_ciso(cast), cast["rita"]


def who_is_superuser_besides(cast):
    User.objects.filter(pk=cast["rita"].pk).update(is_superuser=True, is_staff=True)
    return asked_by_a_ciso(cast), people.person("rita")


def who_rewrote_it(cast):
    make_ciso(cast["omar"])
    servers = asks.servers(1, env="test")
    one = asks.submitted(cast["rita"], servers)
    return workflow.revise(one, by=cast["omar"], **asks.wish(servers, title="Another title")), cast["omar"]


def who_added_a_document(cast):
    make_ciso(cast["omar"])
    one = asks.drafted(cast["rita"], asks.servers(1, env="test"))
    workflow.attach(one, asks.document(), by=cast["omar"])
    return workflow.submit(one, by=cast["rita"]), cast["omar"]


def the_delegate_of_who_asked(cast):
    one = asked_by_a_ciso(cast)
    Delegation.objects.create(
        giver=cast["rita"], delegate=cast["noor"], starts_at=people.LONG_AGO, ends_at=people.FAR_AHEAD
    )
    return one, cast["noor"]


def a_delegate_whose_time_is_over(cast):
    Delegation.objects.update(ends_at=clock.now())
    return asks.submitted(cast["rita"], asks.servers(1, env="test")), cast["dora"]


@pytest.mark.parametrize(
    "not_me",
    [
        who_asked,
        who_is_superuser_besides,
        who_rewrote_it,
        who_added_a_document,
        the_delegate_of_who_asked,
        a_delegate_whose_time_is_over,
    ],
    ids=lambda one: one.__name__,
)
def test_nobody_decides_on_their_own_at_any_door(cast, browse, call_api, not_me):
    one, person = not_me(cast)
    web, api = browse(person), call_api(person)
    for door, knock in DOORS.items():
        answer = knock(web, api, one)
        # what somebody may not see either is not there for them
        assert answer.status_code in ((200,) if door in RESULTS else (403, 404)), (door, answer.content)
        one.refresh_from_db()
        assert one.state == Exemption.State.SUBMITTED, door
        assert not Decision.objects.filter(revision__exemption=one).exists(), door
        assert not Offer.objects.exists(), door


def test_the_admin_shows_and_decides_nothing(own, cast, browse):
    User.objects.filter(pk=cast["rita"].pk).update(is_superuser=True, is_staff=True)
    web = browse(people.person("rita"))
    assert web.get(f"/admin/exemptions/exemption/{own.pk}/change/").status_code == 200
    for address in (f"exemption/{own.pk}/change/", "decision/add/", "offer/add/", "exemption/add/"):
        assert web.post(f"/admin/exemptions/{address}", {"state": "approved"}).status_code == 403
    own.refresh_from_db()
    assert own.state == Exemption.State.SUBMITTED


def test_no_command_gives_a_word():
    commands = [
        name for name, app in get_commands().items() if app in ("exemptions", "patching", "portal.governance")
    ]
    assert {"export_register", "push", "verify_audit"} <= set(commands)
    for name in commands:
        module = import_module(f"{get_commands()[name]}.management.commands.{name}")
        used = [one for one in vars(module).values() if isinstance(one, ModuleType)]
        assert not {workflow, offers, bulk, reviewing, deciding} & set(used), name


def test_who_offered_less_does_not_accept_it_at_any_door(cast, browse, call_api):
    one = asks.submitted(cast["rita"], asks.servers(1, env="test"))
    clara = cast["clara"]
    DOORS["api offer"](None, call_api(clara), one)
    Membership.objects.create(user=clara, team=one.team)
    for answer in (
        browse(clara).post(f"/exemptions/{one.pk}/offer/accept/"),
        call_api(clara).post(f"{API}{one.pk}/accept/"),
    ):
        assert answer.status_code == 403
    one.refresh_from_db()
    assert one.state == Exemption.State.CHANGES_REQUESTED
    assert call_api(cast["omar"]).post(f"{API}{one.pk}/accept/").status_code == 200
    one.refresh_from_db()
    assert one.state == Exemption.State.APPROVED


def test_nor_by_a_row_of_their_own(own, cast):
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(
            revision=own.current,
            slot="ciso",
            outcome="approve",
            digest=own.current.digest,
            decided_by=cast["rita"],
            requested_by=cast["omar"],
            decided_at=clock.now(),
        )


def test_the_link_of_a_mail_leads_through_sign_in_to_the_page_and_reading_decides_nothing(
    own, cast, client, browse
):
    page = f"/exemptions/{own.pk}/"
    answer = client.get(page)
    assert (answer.status_code, answer["Location"].endswith(f"next={page}")) == (302, True)
    clara = browse(cast["clara"])
    shown = clara.get(page)
    assert "Your decision as CISO" in shown.content.decode()
    for verb in ("decide", "offer", "offer/accept", "offer/decline"):
        assert clara.get(f"{page}{verb}/").status_code == 405
    assert clara.get("/exemptions/inbox/").status_code == 200
    assert not Decision.objects.filter(revision__exemption=own).exists()


def test_an_offer_is_made_and_accepted_on_the_page(own, cast, browse):
    page = f"/exemptions/{own.pk}/"
    wish = {**read(own), **kept(own), "condition": "Only while the SOC watches."}
    sent = browse(cast["clara"]).post(
        f"{page}offer/", {f"offer-{name}": value for name, value in wish.items()}
    )
    assert sent.status_code == 302
    omar = browse(cast["omar"])
    shown = omar.get(page).content.decode()
    assert "offers less" in shown
    assert "Only while the SOC watches." in shown
    assert omar.post(f"{page}offer/accept/").status_code == 302
    own.refresh_from_db()
    assert own.state == Exemption.State.APPROVED


def test_several_are_approved_from_the_inbox_with_a_result_each(cast, browse):
    made = [asks.submitted(cast["rita"], [one]) for one in asks.servers(2, env="test")]
    clara = browse(cast["clara"])
    assert "Approve chosen exemptions" in clara.get("/exemptions/inbox/").content.decode()
    chosen = [f"{one.pk}:{one.current.number}:{one.current.digest}" for one in made]
    answer = clara.post("/exemptions/inbox/", {"chosen": chosen, "reason": "Alike."})
    assert answer.status_code == 200
    assert answer.content.decode().count("Approved.") == 2
    assert set(Exemption.objects.values_list("state", flat=True)) == {"approved"}
