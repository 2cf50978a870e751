"""Four eyes at every door: whoever wrote or added something never decides, by page, API, bulk, offer or row."""

import pytest
from django.db import IntegrityError, transaction

from exemptions.models import Decision, Exemption, Offer
from portal.governance import clock
from portal.governance.models import Role, RoleGrant
from tests import people
from tests.exemptions import asks

API = "/api/v1/exemptions/"


@pytest.fixture
def own(cast):
    """Rita asked for it and is CISO besides."""
    RoleGrant.objects.create(user=cast["rita"], role=Role.CISO, starts_at=people.LONG_AGO)
    return asks.submitted(cast["rita"], asks.servers(1, env="test"))


def read(exemption):
    current = Exemption.objects.get(pk=exemption.pk).current
    return {"revision": current.number, "digest": current.digest, "reason": "Mine."}


def kept(exemption):
    return {"instances_kept": list(exemption.instances.values_list("pk", flat=True)), "condition": "Any."}


DOORS = {
    "page": lambda web, api, one: web.post(
        f"/exemptions/{one.pk}/decide/", {**read(one), "outcome": "approve"}
    ),
    "page of offers": lambda web, api, one: web.post(
        f"/exemptions/{one.pk}/offer/",
        {f"offer-{name}": value for name, value in {**read(one), **kept(one)}.items()},
    ),
    "inbox": lambda web, api, one: web.post(
        "/exemptions/inbox/", {"chosen": f"{one.pk}:{read(one)['revision']}:{read(one)['digest']}"}
    ),
    "api approve": lambda web, api, one: api.post(f"{API}{one.pk}/approve/", read(one), format="json"),
    "api reject": lambda web, api, one: api.post(f"{API}{one.pk}/reject/", read(one), format="json"),
    "api changes": lambda web, api, one: api.post(
        f"{API}{one.pk}/request-changes/", read(one), format="json"
    ),
    "api offer": lambda web, api, one: api.post(
        f"{API}{one.pk}/counter-offer/", {**read(one), "condition": "Any."}, format="json"
    ),
    "api bulk": lambda web, api, one: api.post(
        f"{API}approve-many/",
        {"exemptions": [{"id": one.pk, **{k: read(one)[k] for k in ("revision", "digest")}}]},
        format="json",
    ),
    "admin": lambda web, api, one: web.post(
        f"/admin/exemptions/exemption/{one.pk}/change/", {"state": "approved"}
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_an_author_who_is_ciso_too_decides_at_no_door(own, cast, browse, call_api, door):
    DOORS[door](browse(cast["rita"]), call_api(cast["rita"]), own)
    own.refresh_from_db()
    assert own.state == Exemption.State.SUBMITTED
    assert not Decision.objects.filter(revision__exemption=own).exists()
    assert not Offer.objects.exists()


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
