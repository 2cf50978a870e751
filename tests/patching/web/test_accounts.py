"""Pages of one account-region: drift with its verbs, what needs a look, what is not ours, and who sees which."""

import pytest
from django.urls import reverse

from patching.models import AccountRegion, ChangeRequest, Drift, ResourceState
from tests import many_places
from tests.patching.web.conftest import asked_of_patching, made_once, text_of

WHY = "Somebody slipped in the console."


@pytest.fixture(scope="module", autouse=True)
def _world(django_db_setup, django_db_blocker):
    """Retail with drift, trouble and strangers."""
    with made_once(django_db_blocker):
        many_places.the_story()
        yield


@pytest.fixture
def here(cast):
    return AccountRegion.objects.get()


@pytest.fixture
def drift(here):
    return Drift.objects.get(state="open", resource__label="payments-dev-a")


def tab(client, here, name):
    return client.get(reverse("patching:account-detail", args=[here.pk]), {"tab": name})


def post(client, name, pk, **data):
    return client.post(reverse(f"patching:{name}", args=[pk]), data)


def test_a_change_is_shown_field_by_field_with_what_may_be_done(cast, here, drift, browse):
    page = text_of(tab(browse(cast["opal"]), here, "drift"))
    assert "cron(0 2 ? * SUN *)" in page
    assert "cron(0 20 ? * TUE#2 *)" in page
    assert page.count("Restore what was approved</summary>") == 3
    assert "Ask to keep it" not in page
    page = text_of(tab(browse(cast["rita"]), here, "drift"))
    assert page.count("Ask to keep it") == 2
    assert "Restore what was approved</summary>" not in page
    assert "Change the policy" not in page


def test_an_unknown_part_is_the_overview(cast, here, browse):
    assert tab(browse(cast["opal"]), here, "nothing").context["tab"] == "overview"


def test_restoring_from_the_page_names_what_was_looked_at(cast, here, drift, browse):
    client = browse(cast["opal"])
    answer = post(client, "drift-restore", drift.pk, reason=WHY, digest="something else")
    assert "changed again" in text_of(client.get(answer.url))
    post(client, "drift-restore", drift.pk, reason=WHY, digest=drift.live_digest)
    assert ResourceState.objects.get(pk=drift.resource_id).restore_digest == drift.live_digest
    assert "The next push restores it" in text_of(tab(client, here, "drift"))


def test_keeping_it_leads_to_the_draft_and_is_told_on_the_page(cast, here, drift, browse):
    client = browse(cast["rita"])
    answer = post(client, "drift-adopt", drift.pk)
    made = ChangeRequest.objects.get(state="draft")
    assert answer.url == reverse("patching:request-detail", args=[made.pk])
    assert f"{made.number}</a> asks to keep it" in text_of(tab(client, here, "drift"))


def test_who_does_not_own_it_is_told_so(cast, here, drift, browse):
    client = browse(cast["opal"])
    answer = post(client, "drift-adopt", drift.pk)
    assert "member of" in text_of(client.get(answer.url))


def test_the_policy_is_changed_with_a_reason(cast, here, browse):
    client = browse(cast["ines"])
    answer = post(client, "drift-policy", here.pk, policy="pause", reason=" ")
    assert (answer.status_code, AccountRegion.objects.get().drift_policy) == (400, "report")
    assert 'id="h-policy"' in text_of(answer)
    answer = post(client, "drift-policy", here.pk, policy="pause", reason="no")
    assert (answer.status_code, AccountRegion.objects.get().drift_policy) == (400, "report")
    assert post(client, "drift-policy", here.pk, policy="pause", reason=WHY).status_code == 302
    assert AccountRegion.objects.get().drift_policy == "pause"


def test_resources_that_need_a_look_are_retried_and_parked(cast, here, browse):
    client = browse(cast["opal"])
    page = text_of(tab(client, here, "resources"))
    assert "payments-old" in page
    assert "No push has looked at it since." in page
    parked, failed = (ResourceState.objects.get(condition=word) for word in ("parked", "failed"))
    answer = post(client, "resource-retry", parked.pk, next="https://elsewhere.example/")
    assert answer.url.endswith("?tab=resources")
    post(client, "resource-park", failed.pk, reason=WHY)
    parked.refresh_from_db()
    failed.refresh_from_db()
    assert (parked.condition, failed.condition) == ("out_of_sync", "parked")


def test_a_push_shows_the_same_beside_its_plan(cast, here, browse):
    run = here.push_runs.exclude(plan=[]).get()
    address = reverse("patching:push-detail", args=[run.pk])
    answer = browse(cast["opal"]).get(address)
    assert [one["action"] for one in answer.context["noted"]] == ["orphan", "twin"]
    assert "orphan" not in {step["action"] for _, steps in answer.context["kinds"] for step in steps}
    parked = answer.context["troubled"][0]
    client = browse(cast["opal"])
    assert post(client, "resource-retry", parked.pk, next=address).url == address


def test_names_of_other_teams_things_do_not_leak(cast, here, browse):
    ResourceState.objects.filter(condition="parked").update(sources=[], label="lake-secret")
    for name in ("overview", "drift", "resources", "unmanaged"):
        page = text_of(tab(browse(cast["rita"]), here, name))
        assert "lake-secret" not in page
        assert "legacy-" not in page
        assert "payments-old" not in page
    assert "lake-secret" in text_of(tab(browse(cast["opal"]), here, "resources"))


def test_what_is_not_ours_is_shown_to_those_who_see_all(cast, here, browse):
    for name in ("opal", "ines", "clara", "axel"):
        page = text_of(tab(browse(cast[name]), here, "unmanaged"))
        assert "legacy-0" in page
        assert "tag:Environment=dev or test" in page
    assert "unmanaged" not in {one["key"] for one in tab(browse(cast["rita"]), here, "").context["tabs"]}


def test_every_part_keeps_to_a_few_queries(cast, here, browse):
    for name in ("overview", "drift", "resources", "unmanaged"):
        for who in ("opal", "rita"):
            client = browse(cast[who])
            assert asked_of_patching(lambda client=client, name=name: tab(client, here, name)) < 50
