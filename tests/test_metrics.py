"""/metrics tells a monitoring system how every account-region does, and nobody else anything."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from patching.models import AccountRegion, ResourceState
from portal.governance import clock
from portal.governance.models import ApiToken, Heartbeat
from tests import factories, people

pytestmark = pytest.mark.django_db
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
LABELS = ("account", "region", "health", "condition", "name", "state")


def scraped(**headers: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (one.name, *(one.labels[label] for label in LABELS if label in one.labels)): one.value
        for family in families
        for one in family.samples
    }


@pytest.fixture
def token(settings) -> dict[str, str]:
    settings.METRICS_TOKEN = "scrape-me-0123456789"
    return {"Authorization": "Bearer scrape-me-0123456789"}


def test_an_account_region_tells_how_it_does(token):
    now = clock.real_now()
    place = factories.account_region(
        push_wanted=3,
        push_done=1,
        wanted_at=now - timedelta(minutes=10),
        health=AccountRegion.Health.DENIED,
        circuit_until=now + timedelta(minutes=20),
        failures=2,
        backoff_until=now + timedelta(minutes=5),
    )
    ResourceState.objects.create(
        account_region=place, kind="window", key="w", label="w", uid="w", condition="parked", changed_at=now
    )
    found = scraped(**token)
    here = (place.account.account_id, place.region)
    assert found["patchwarden_push_wishes_open", *here] == 2
    assert 590 < found["patchwarden_push_wait_seconds", *here] < 620
    assert found["patchwarden_circuit_open", *here] == 1
    assert 280 < found["patchwarden_backoff_seconds", *here] <= 300
    assert (found["patchwarden_health", *here, "denied"], found["patchwarden_health", *here, "ok"]) == (1, 0)
    assert found["patchwarden_resources", *here, "parked"] == 1
    assert str(found["patchwarden_last_push_age_seconds", *here]) == "nan"


def test_the_heartbeat_tells_its_age(token):
    Heartbeat.objects.update_or_create(name="tick", defaults={"at": clock.real_now() - timedelta(minutes=5)})
    assert 295 < scraped(**token)["patchwarden_heartbeat_age_seconds", "tick"] < 320


def test_a_token_of_somebody_who_reads_everything_will_do(axel):
    _, key = ApiToken.objects.create(axel, name="prometheus", scopes=["read"])
    assert scraped(Authorization=f"Bearer {key}")


@pytest.mark.parametrize("who", ["rita", "adam", "noor"])
def test_a_token_of_somebody_else_will_not(who):
    _, key = ApiToken.objects.create(people.person(who), name="curious", scopes=["read"])
    assert Client().get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == 401


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer \xff",
        "Bearer scrape-me-0123456789 more",
        "Basic scrape-me-0123456789",
        "scrape-me-0123456789",
    ],
)
def test_without_the_token_there_is_nothing(token, given):
    answer = Client().get("/metrics", headers={"Authorization": given})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_no_token_is_no_open_door(settings):
    settings.METRICS_TOKEN = ""
    assert Client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401


def test_many_places_cost_no_query_each(token, django_assert_max_num_queries):
    account = factories.account()
    for number in range(1, 9):
        factories.account_region(account, f"eu-west-{number}")
    with django_assert_max_num_queries(12):
        scraped(**token)


def test_a_token_says_when_it_was_last_used(axel):
    row, key = ApiToken.objects.create(axel, name="prometheus", scopes=["read"])
    scraped(Authorization=f"Bearer {key}")
    row.refresh_from_db()
    assert row.last_used_at is not None


def test_operators_and_auditors_read_them_in_a_browser_and_teams_do_not(browse, cast):
    statuses = {name: browse(person).get("/metrics").status_code for name, person in cast.items()}
    allowed = {name for name, status in statuses.items() if status == 200}
    assert {"opal", "axel", "ines"} <= allowed
    assert not allowed & {"rita", "omar", "noor", "adam"}


def test_a_token_without_the_scope_read_will_not_do(opal):
    _, key = ApiToken.objects.create(opal, name="pushes", scopes=["operate"])
    assert Client().get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_every_metric_stands_in_the_documentation_with_its_labels(token, cast):
    place = factories.account_region()
    ResourceState.objects.create(
        account_region=place, kind="window", key="w", label="w", uid="w", changed_at=clock.now()
    )
    Heartbeat.objects.create(name="tick", at=clock.real_now())
    factories.change_request(cast["rita"])
    told = {name for name, *_ in scraped(**token)}
    documented = set(re.findall(r"^\| `(patchwarden_\w+)`", DOCUMENT.read_text(), re.MULTILINE))
    assert len(told) > 10
    assert told <= documented
    assert documented - told <= {
        "patchwarden_open_drifts",
        "patchwarden_exemptions",
        "patchwarden_writes_last_day",
    }
