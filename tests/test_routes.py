"""Every route × method × role answers as tests/routes.toml says, and no route is left out of it.

A row is ``["the/route/<int:pk>/"]`` as Django spells it, or its beginning such as ``["admin/*"]`` for many alike:

* ``GET = "anonymous 302, noor adam 404, others 200"``: the status for each role; ``others`` is everybody not named.
* a method that is not listed answers 405 to everybody signed in;
* ``with = {pk = "draft request"}``: the samples of tests/world.py that fill the address;
* ``body = "decision"``: what is sent by an unsafe method, from ``BODIES`` below; nothing unless said;
* ``scope = "decide"``: the scope that a token needs for the unsafe methods; ``request`` unless said;
* ``url = "…"``: the address itself, where the route is a regular expression.

A new row: write the route with what you mean it to answer, run this test, and read what it says.
"""

import tomllib
from collections.abc import Callable, Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from rest_framework.test import APIClient

from exemptions.models import Exemption
from portal.governance import clock
from portal.governance.models import ApiToken
from tests import asks, factories, people, world
from tests.exemptions import asks as exempt
from tests.patching.catalogue import files
from tests.world import ROLES, World

pytestmark = pytest.mark.django_db

TABLE: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "routes.toml").read_text())
EVERYBODY = ("anonymous", *ROLES)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SAFE = ("GET",)
SETTINGS = ("with", "body", "scope", "url")
NO_SCOPE = "api/v1/demo/"  # the demo's own door takes any token


def routes() -> Iterator[str]:
    """Every address of the site as the resolver knows it."""
    return _walk(get_resolver().url_patterns, "")


def _walk(patterns: Any, prefix: str) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route


def row_of(route: str) -> str | None:
    """The row of a route: its own, or the first pattern that fits it."""
    if route in TABLE:
        return route
    return next((row for row in TABLE if for_many(row) and fnmatchcase(route, row)), None)


def for_many(row: str) -> bool:
    return row.endswith("*")


def expected(line: str) -> dict[str, int]:
    """``"anonymous 302, noor adam 404, others 200"`` as a status for each role."""
    found: dict[str, int] = {}
    rest = None
    for part in line.split(","):
        *names, status = part.split()
        for name in names:
            if name == "others":
                rest = int(status)
            else:
                assert name in EVERYBODY, f"{name} is nobody of {EVERYBODY}"
                found[name] = int(status)
    missing = [name for name in EVERYBODY if name not in found]
    assert rest is not None or not missing, f"“{line}” does not say what {', '.join(missing)} get."
    return {name: found.get(name, rest or 0) for name in EVERYBODY}


def _offer(world: World, row: Any) -> dict[str, Any]:
    """What the form of an offer sends: all instances kept, with a condition."""
    read = world.reading(row["with"]["pk"])
    kept = Exemption.objects.get(pk=world.samples[row["with"]["pk"]]).instances.values_list("pk", flat=True)
    words = {**read, "instances_kept": list(kept), "condition": "Only while the SOC watches."}
    return {f"offer-{name}": value for name, value in words.items()}


BODIES: dict[str, Callable[[World, dict[str, Any]], dict[str, Any]]] = {
    "": lambda world, row: {},
    "decision": lambda world, row: world.reading(row["with"]["pk"]),
    "reason": lambda world, row: {"reason": "No longer needed."},
    "comment": lambda world, row: {"text": "Which driver is it?"},
    "why": lambda world, row: {"reason": "Somebody slipped in the console."},
    "policy": lambda world, row: {"policy": "report", "reason": "The platform team moves it today."},
    "approval": lambda world, row: {**world.reading(row["with"]["pk"]), "outcome": "approve"},
    "file": lambda world, row: {
        "content": "patchwarden: 1\nwindows:\n- {name: payments-late, schedule: 'cron(0 2 ? * SUN *)', timezone: UTC, "
        "duration: 4, cutoff: 1, tasks: [{name: Install, kind: install}], instances: []}\n",
        "account": factories.RETAIL[0],
        "region": "eu-central-1",
        "application": "payments",
        "environment": "dev",
        "title": asks.TITLE,
        "reason": asks.REASON,
    },
    "request": lambda world, row: {
        "title": asks.TITLE,
        "reason": asks.REASON,
        "items": [asks.window_item([], "dev", name="payments-late")],
    },
    "exemption": lambda world, row: {
        "title": exempt.TITLE,
        "reason": exempt.REASON,
        "compensating_controls": exempt.CONTROLS,
        "application": "payments",
        "instances": [world.samples["instance"]],
        "ends_at": (clock.now() + timedelta(days=3)).isoformat(),
    },
    "renewal": lambda world, row: {
        "reason": "The vendor's fix slipped by two days; it is announced for Friday.",
        "ends_at": (clock.now() + timedelta(days=12)).isoformat(),
    },
    "review": lambda world, row: {"outcome": "kept", "reason": "It does not concern these."},
    "less": lambda world, row: {
        **world.reading(row["with"]["pk"]),
        "condition": "Only while the SOC watches.",
    },
    "offer": _offer,
    "several": lambda world, row: {
        "exemptions": [
            {"id": world.samples["submitted exemption"], "revision": 2, "digest": "read"},
        ]
    },
    "role": lambda world, row: {"role": "operator"},
    "feed": lambda world, row: {"label": "Phone"},
    "membership": lambda world, row: {"team": people.team("analytics").pk},
    "person": lambda world, row: {"name": "Nina Roth", "username": "nina", "email": "nina@example.com"},
    "team": lambda world, row: {"name": "Ledger", "slug": "ledger"},
    "delegation": lambda world, row: {
        "to": world.samples["ivan"],
        "starts_on": f"{clock.now():%Y-%m-%d}",
        "ends_on": f"{clock.now() + timedelta(days=9):%Y-%m-%d}",
    },
    "account": lambda world, row: {"account_id": "123456789012", "name": "Labs", "regions": "eu-west-1"},
    "somebody": lambda world, row: {"username": "rita"},
    "environment": lambda world, row: {"slug": "stage", "name": "Staging", "rank": 2},
    "application": lambda world, row: {
        "slug": "ledger",
        "name": "Ledger",
        "team": people.team("payments").pk,
    },
    "selector": lambda world, row: {
        "environment": factories.environment("dev").pk,
        "place": world.samples["account region"],
        "tags": "App=ledger",
    },
    "token": lambda world, row: {"name": "export", "scopes": ["read"], "lifetime": 24 * 30},
    "catalogue file": lambda world, row: {
        "format": "kev",
        "file": SimpleUploadedFile("kev.json", files.KEV),
    },
    "upload": lambda world, row: {"document": SimpleUploadedFile("statement.pdf", b"%PDF-1.7\n%%EOF")},
}


@pytest.fixture(scope="module")
def everything(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Built once; every call is rolled back."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield world.build()
        transaction.set_rollback(True)


def call(everything: World, route: str, row: dict[str, Any], method: str, role: str) -> int:
    """One call, undone."""
    client = Client(raise_request_exception=False)
    if role != "anonymous":
        client.cookies[settings.SESSION_COOKIE_NAME] = everything.sessions[role]
    return undone(lambda: send(everything, client, route, row, method))


def send(everything: World, client: Client, route: str, row: dict[str, Any], method: str) -> int:
    body = BODIES[row.get("body", "")](everything, row) if method not in SAFE else {}
    address = "/" + (row.get("url") or address_of(everything, route, row))
    uploads = row.get("body") == "upload"
    if route.startswith("api/") and not uploads:
        return client.generic(method, address, *as_json(body)).status_code
    if method == "POST":
        return client.post(address, body).status_code
    return client.generic(method, address).status_code


def as_json(body: dict[str, Any]) -> tuple[str, str]:
    return APIClient()._encode_data(body, format="json")


def undone(act: Callable[[], int]) -> int:
    """What an act answers, with nothing left of it; how often somebody called is forgotten too."""
    cache.clear()
    with transaction.atomic():
        status = act()
        transaction.set_rollback(True)
    return status


def address_of(everything: World, route: str, row: dict[str, Any]) -> str:
    for name, sample in row.get("with", {}).items():
        value = str(everything.samples.get(sample, sample))
        for converter in ("int", "str", "slug", "path"):
            route = route.replace(f"<{converter}:{name}>", value)
    assert not set("<>^$") & set(route), f"{route}: say with which sample, or the url."
    return route


ROUTES = sorted(set(routes()))


def test_every_route_has_a_row():
    assert [route for route in ROUTES if row_of(route) is None] == []


def test_every_row_has_a_route():
    used = {row_of(route) for route in ROUTES}
    assert [row for row in TABLE if row not in used] == []


def test_every_row_says_only_what_is_understood():
    for route, row in TABLE.items():
        assert set(row) <= {*METHODS, *SETTINGS}, route
        assert row.get("body", "") in BODIES, route
        for method in METHODS:
            if method in row:
                expected(row[method])


ONE_BY_ONE = [route for route in ROUTES if not for_many(row_of(route) or "*")]


@pytest.mark.short
@pytest.mark.parametrize("route", ONE_BY_ONE)
def test_a_route_answers_as_its_row_says(everything, route):
    """Asked by one person for each status, and by one method that it does not take."""
    row = TABLE[route]
    asked = {method: one_for_each(expected(row[method])) for method in METHODS if method in row}
    not_taken = [method for method in METHODS if method not in row][-1:]
    assert surprises(everything, route, asked, not_taken) == {}


@pytest.mark.slow
@pytest.mark.parametrize("route", ONE_BY_ONE)
def test_a_route_turns_everybody_away_whom_its_row_does_not_let_in(everything, route):
    """Whoever is refused is asked one by one; of those who are let in, one for each status."""
    row = TABLE[route]
    asked = {method: refused_or_first(expected(row[method])) for method in METHODS if method in row}
    not_taken = [method for method in METHODS if method not in row]
    assert surprises(everything, route, asked, not_taken) == {}


def refused_or_first(statuses: dict[str, int]) -> dict[str, int]:
    turned_away = {name: status for name, status in statuses.items() if name == "anonymous" or status >= 400}
    let_in = {name: status for name, status in statuses.items() if name not in turned_away}
    return one_for_each(let_in) | turned_away


def one_for_each(statuses: dict[str, int]) -> dict[str, int]:
    """The first person of each status."""
    return {
        name: status for status, name in {status: name for name, status in reversed(statuses.items())}.items()
    }


def surprises(
    everything: World, route: str, asked: dict[str, dict[str, int]], not_taken: list[str]
) -> dict[str, str]:
    """What did not answer as it should, by method and person."""
    wanted = [(method, role, {status}) for method, roles in asked.items() for role, status in roles.items()]
    wanted += [(method, "rita", {405}) for method in not_taken]
    wanted += [(method, "anonymous", {405, 401, 302}) for method in not_taken]
    found = {}
    for method, role, allowed in wanted:
        status = call(everything, route, TABLE[route], method, role)
        if status not in allowed:
            found[f"{method} by {role}"] = f"{status}, not {allowed}"
    return found


@pytest.mark.parametrize("pattern", list(filter(for_many, TABLE)))
def test_many_routes_alike_answer_as_their_row_says(everything, pattern):
    """They are many, so one person asks."""
    row, wrong = TABLE[pattern], {}
    for route in (route for route in ROUTES if row_of(route) == pattern):
        for method in ("GET", "POST"):
            status = expected(row[method])["adam"] if method in row else 405
            if (got := call(everything, route, row, method, "adam")) != status:
                wrong[f"{method} {route}"] = f"{got}, not {status}"
    assert wrong == {}


SCOPED = [route for route in ROUTES if route.startswith("api/") and not route.startswith(NO_SCOPE)]


@pytest.mark.slow
@pytest.mark.parametrize("route", SCOPED)
def test_a_token_reaches_as_far_as_its_scope(everything, route):
    """Without the scope that the row names an unsafe call is a 403 for everybody; with it alone, it is not."""
    row, every = TABLE[route], set(ApiToken.Scope.values)
    for method in METHODS:
        if method not in row or row[method].split(",")[0] == "anonymous 302":
            continue
        scope = "read" if method == "GET" else row.get("scope", "request")
        status = expected(row[method])
        for name in ("rita", "opal"):
            without = people.api_client(everything.cast[name], *(every - {scope}))
            assert undone(lambda c=without, m=method: send(everything, c, route, row, m)) == 403
            alone = people.api_client(everything.cast[name], scope)
            assert undone(lambda c=alone, m=method: send(everything, c, route, row, m)) == status[name]
