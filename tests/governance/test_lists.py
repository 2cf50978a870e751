"""Lists: filtered, sorted, paged and exported, all of it in the address."""

import django_filters
import pytest
from django.http import HttpResponse

from portal.governance import exports, lists
from portal.governance.models import AuditEntry, Team
from tests import people


class NameFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(field_name="name", lookup_expr="icontains")


COLUMNS = (
    lists.Column("Team", lambda team: team.name, "name"),
    lists.Column("Letters", lambda team: team.letters, css="r"),
    lists.Column("Slug", lambda team: team.slug, "slug", shown=False),
)


@pytest.fixture
def show(db, rf, monkeypatch):
    """The context of one page of teams, or the response to an export."""
    Team.objects.bulk_create(Team(slug=f"team-{number:02}", name=f"Team {number:02}") for number in range(30))
    given = {}

    def render(request, template, context, status):
        given.update(context, status=status)
        return HttpResponse()

    def count_letters(rows):
        given.setdefault("chunks", []).append(len(rows))
        for row in rows:
            row.letters = len(row.name)

    def ask(address):
        monkeypatch.setattr(lists, "render", render)
        given.clear()
        request = rf.get(address)
        request.user = people.person("axel")
        response = lists.show(
            request,
            "none.html",
            rows=Team.objects.order_by("pk"),
            columns=COLUMNS,
            name="teams",
            filters=NameFilter,
            decorate=count_letters,
        )
        if response.streaming:
            return b"".join(response.streaming_content).decode()
        return response if response.content else given

    return ask


def names(context):
    return [team.name for team in context["page"]]


def test_a_list_comes_in_pages(show):
    assert len(names(show("/?"))) == lists.PER_PAGE
    assert names(show("/?page=2")) == [f"Team {number}" for number in range(25, 30)]


@pytest.mark.parametrize("page", ["0", "-1", "99", "x", "2x"])
def test_a_page_that_is_not_there_is_the_nearest_one(show, page):
    assert names(show(f"/?page={page}"))


def test_a_list_is_filtered_and_says_so(show):
    context = show("/?q=Team%200")
    assert names(context) == [f"Team 0{number}" for number in range(10)]
    assert context["is_filtered"]
    assert not show("/?sort=name")["is_filtered"]


def test_a_list_is_sorted_both_ways(show):
    assert names(show("/?sort=-name"))[0] == "Team 29"
    assert names(show("/?sort=name"))[0] == "Team 00"


@pytest.mark.parametrize("sort", ["password", "-memberships__user__password", "name,pk", "?", "--name"])
def test_only_columns_of_the_list_sort_it(show, sort):
    assert names(show(f"/?sort={sort}"))[0] == "Team 00"


def test_heads_say_where_a_click_leads(show):
    heads = show("/?sort=name")["heads"]
    assert [(head.label, head.next_sort, head.direction) for head in heads] == [
        ("Team", "-name", "ascending"),
        ("Letters", "", ""),
    ]
    assert show("/?sort=-name")["heads"][0].next_sort == "name"


def test_an_export_holds_what_the_filters_leave_and_every_column(show):
    lines = show("/?q=Team%201&format=csv").splitlines()
    assert lines[0] == "Team,Letters,Slug"
    assert lines[1] == "Team 10,7,team-10"
    assert len(lines) == 11


def test_an_export_is_not_paged(show):
    assert len(show("/?format=csv&page=2").splitlines()) == 31


@pytest.mark.parametrize("format", ["xlsx", "pdf"])
def test_an_export_too_large_for_its_format_is_a_page_that_says_so(show, monkeypatch, format):
    said = []
    monkeypatch.setattr(lists.messages, "error", lambda request, text: said.append(text))
    monkeypatch.setitem(exports.MOST_ROWS, format, 29)
    context = show(f"/?format={format}")
    assert context["status"] == 422
    assert "29 rows at most, and this list has 30" in said[0]
    assert not AuditEntry.objects.exists()


def test_a_format_that_nobody_knows_is_the_page(show):
    assert len(names(show("/?format=exe"))) == lists.PER_PAGE
