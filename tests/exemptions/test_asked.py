"""What an exemption asks for, checked field by field."""

from datetime import date, timedelta

import pytest

from exemptions import asked
from exemptions.asked import Ask, Control
from exemptions.models import Exemption
from portal.governance import clock
from tests import factories, people
from tests.exemptions import asks

pytestmark = pytest.mark.django_db
Kind = Exemption.Kind


@pytest.fixture
def servers(cast):
    return asks.servers(2)


def asking(servers, **changes):
    return Ask.of(**asks.wish(servers, **changes))


def problems_of(ask):
    return {(one.field, one.code) for one in asked.problems(ask, factories.application())}


def test_a_good_ask_has_no_problem(servers):
    assert problems_of(asking(servers)) == set()
    assert asked.missing_answers(asking(servers)) == []


def test_one_text_is_one_control_and_no_text_none(servers):
    assert asking(servers).compensating_controls == [Control(what=asks.CONTROLS)]
    assert asking(servers, compensating_controls="  ").compensating_controls == []


def test_patches_are_trimmed_sorted_and_named_once(servers):
    assert asking(servers, patches=[" KB2 ", "KB1", "", "KB2"]).patches == ["KB1", "KB2"]


def test_the_same_ask_gives_the_same_content_whatever_the_order(servers):
    application = factories.application()
    end = clock.now() + timedelta(days=9)
    one = asking(servers, ends_at=end).content(application)
    assert one == asking(list(reversed(servers)), ends_at=end).content(application)
    assert one["instances"] == sorted(each.instance_id for each in servers)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"title": "no"}, ("title", "length")),
        ({"title": "x" * 121}, ("title", "length")),
        ({"reason": "too short"}, ("reason", "length")),
        ({"reason": "x" * 4001}, ("reason", "length")),
        ({"tried": "x" * 4001}, ("tried", "length")),
        ({"fix_plan": "x" * 4001}, ("fix_plan", "length")),
        ({"compensating_controls": []}, ("compensating_controls", "length")),
        (
            {"compensating_controls": [{"what": "Watched around the clock."}] * 11},
            ("compensating_controls", "length"),
        ),
        ({"compensating_controls": [{"what": "short"}]}, ("compensating_controls", "length")),
        (
            {"compensating_controls": [{"what": asks.CONTROLS, "kind": "magic"}]},
            ("compensating_controls", "choice"),
        ),
        (
            {"compensating_controls": [{"what": asks.CONTROLS, "valid_until": "31.12.2026"}]},
            ("compensating_controls", "date"),
        ),
        ({"kind": "everything"}, ("kind", "choice")),
        ({"root_cause": "laziness"}, ("root_cause", "choice")),
        ({"exposure": "moon"}, ("exposure", "choice")),
        ({"data_class": "secret-ish"}, ("data_class", "choice")),
        ({"patches": ["KB5039227"]}, ("patches", "unexpected")),
    ],
)
def test_each_mistake_is_told_under_its_field(servers, changes, problem):
    assert problems_of(asking(servers, **changes)) == {problem}


@pytest.mark.parametrize("name", ["tried", "fix_plan", "exposure", "data_class"])
def test_a_draft_may_leave_it_open_and_a_submission_not(servers, name):
    ask = asking(servers, **{name: ""})
    assert problems_of(ask) == set()
    assert [one.field for one in asked.missing_answers(ask)] == [name]


def test_the_backup_is_a_member_of_the_team(cast, servers):
    assert problems_of(asking(servers, backup=cast["omar"])) == set()
    assert problems_of(asking(servers, backup=people.person("noor"))) == {("backup", "unknown")}


def test_an_exclusion_names_patches(servers):
    assert ("patches", "required") in problems_of(asking(servers, kind=Kind.PATCH_EXCLUSION))


def test_an_exclusion_names_no_cve_and_says_what_to_name(servers):
    ask = asking(servers, kind=Kind.PATCH_EXCLUSION, patches=["CVE-2026-12345"])
    (problem,) = asked.problems(ask, factories.application())
    assert (problem.field, problem.code) == ("patches", "cve")
    assert "Name the KB or package that fixes it" in problem.message


def test_an_exclusion_needs_a_patch_group_of_ours(servers):
    ask = asking(servers, kind=Kind.PATCH_EXCLUSION, patches=["KB5039227"])
    assert problems_of(ask) == {("instances", "no_group")}


def test_a_stored_one_is_asked_again_word_for_word(cast, servers):
    controls = [{"what": asks.CONTROLS, "kind": "network", "valid_until": "2027-01-31"}]
    exemption = asks.drafted(
        cast["rita"],
        servers,
        compensating_controls=controls,
        fix_expected_on=date(2026, 12, 24),
        backup=cast["omar"],
    )
    again = asked.ask_of(exemption)
    before = asked.content_of(exemption.current)
    before.pop("documents")
    assert again.content(exemption.application) == before
    assert asked.ask_of(exemption, title="Another title").title == "Another title"
