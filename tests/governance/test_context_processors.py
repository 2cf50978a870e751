"""The frame of every page: what it shows to whom, and what it costs."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from portal.governance.context_processors import SECTIONS, Shell, shell, standing
from portal.governance.models import Membership, Team, User


def two_requests_wait(user: User) -> dict[str, int]:
    return {"home": 2}


def silent_scheduler() -> str:
    return "No tick since 10:58."


def page_of(user: User | AnonymousUser) -> HttpRequest:
    request = RequestFactory().get("/somewhere/")
    request.user = user
    return request


@pytest.fixture
def home_only(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """A site that has a home page and nothing else."""
    monkeypatch.setattr(
        "portal.governance.context_processors.SECTIONS",
        (
            (("home", "Home", "account_login"), ("windows", "Windows", "no:such-name")),
            (("x", "X", "neither"),),
        ),
    )
    settings.SHELL_COUNTS = [f"{__name__}.two_requests_wait"]


@pytest.mark.usefixtures("home_only")
def test_sections_that_are_not_there_are_left_out_and_counts_go_with_theirs(rita: User) -> None:
    nav = Shell(page_of(rita)).nav
    assert [[(section.label, section.waiting) for section in group] for group in nav] == [[("Home", 2)]]


@pytest.mark.usefixtures("home_only")
def test_a_stranger_sees_no_navigation() -> None:
    assert Shell(page_of(AnonymousUser())).nav == []


@pytest.mark.usefixtures("home_only")
def test_the_frame_asks_the_database_only_when_it_is_shown(
    rita: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        shell(page_of(rita))


@pytest.mark.usefixtures("home_only")
def test_a_silent_scheduler_shows_on_every_page(rita: User, settings: Settings) -> None:
    settings.SHELL_HEARTBEAT = f"{__name__}.silent_scheduler"
    html = render_to_string("base.html", request=page_of(rita))
    assert "No tick since 10:58." in html
    assert 'aria-label="Rita Braun, Payments Platform: your menu"' in html


def test_an_app_that_is_left_out_counts_nothing_but_a_broken_one_is_an_error(
    rita: User, settings: Settings
) -> None:
    settings.SHELL_COUNTS = ["portal.left_out.counts", f"{__name__}.two_requests_wait"]
    assert Shell(page_of(rita)).counts == {"home": 2}
    settings.SHELL_COUNTS = [f"{__name__}.no_such_function"]
    with pytest.raises(ImportError):
        _ = Shell(page_of(rita)).counts


def test_everybody_is_told_what_they_are_here(
    rita: User, omar: User, ines: User, clara: User, dora: User, adam: User
) -> None:
    assert standing(rita) == "Payments Platform"
    assert standing(omar) == "Leads Payments Platform"
    assert standing(ines) == "Security operations"
    assert standing(clara) == standing(dora) == "CISO"
    assert standing(adam) == "Administrator"
    assert standing(User.objects.create(username="new")) == "No role yet"


def test_a_lead_of_one_team_who_belongs_to_another_is_shown_as_a_lead(rita: User) -> None:
    Membership.objects.create(user=rita, team=Team.objects.create(slug="claims", name="Claims"), is_lead=True)
    assert standing(rita) == "Leads Claims"


def test_every_section_has_its_own_key() -> None:
    keys = [key for group in SECTIONS for key, _, _ in group]
    assert len(keys) == len(set(keys))
