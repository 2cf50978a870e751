"""AWS's quotas of one place: used, asked for and left, with what others keep there."""

from datetime import timedelta

import pytest

from patching import findings, openings, quotas, workflow
from patching.around import Around
from patching.contents import items_of
from patching.items import with_defaults
from patching.models import AccountRegion, MaintenanceWindow, Occurrence, ResourceState, Unmanaged
from patching.shutting_items import key_of
from portal.governance import clock
from portal.governance.errors import InvalidInput
from tests import asks, factories
from tests.patching.test_freezing import opening_item
from tests.pushing import removal


def by_label(items, place=None):
    place = place or factories.account_region()
    around = Around([with_defaults(one) for one in items], [place])
    return {one.label: one for one in quotas.of(around, place)}


def strangers(number, kind="window"):
    """So many windows that somebody made by hand."""
    place, at = factories.account_region(), clock.now()
    for one in range(number):
        Unmanaged.objects.create(
            account_region=place,
            kind=kind,
            aws_id=f"theirs-{kind}-{one}",
            name=f"theirs-{one}",
            content={},
            first_seen_at=at,
            last_seen_at=at,
        )


def test_quotas_are_reckoned_as_if_everything_asked_for_were_there(cast):
    found = by_label(asks.ha_items(asks.fleet()))
    assert found["Windows"].text == "1 \N{RIGHTWARDS ARROW} 7 of 50"  # the daily scan is there already
    assert found["Baselines"].text == "0 \N{RIGHTWARDS ARROW} 3 of 50"
    assert found["Groups of the busiest baseline"].text == "0 \N{RIGHTWARDS ARROW} 1 of 25"
    assert found["Windows open at once"].text == "0 \N{RIGHTWARDS ARROW} 1 of 5"
    assert found["Tasks in the fullest window"].text == "0 \N{RIGHTWARDS ARROW} 2 of 20"
    assert found["Instances in the fullest window"].limit == 300
    assert found["Windows"].segments == [{"role": "low", "value": 1}, {"role": "wait", "value": 6}]


def test_what_others_keep_there_counts_and_is_told_apart(cast):
    strangers(12)
    windows = by_label(asks.ha_items(asks.fleet()))["Windows"]
    assert (windows.now, windows.others, windows.asked, windows.left) == (13, 12, 6, 31)


def test_another_place_has_its_own_quotas(cast):
    elsewhere = factories.account_region(region="us-east-1")
    assert by_label(asks.ha_items(asks.fleet()), elsewhere)["Windows"].text == "1 of 50"


def test_where_the_least_room_is_left_comes_first(cast):
    here, full, near = (
        factories.account_region(region=one) for one in ("eu-central-1", "us-east-1", "us-east-2")
    )
    AccountRegion.objects.filter(pk=full.pk).update(quotas={"windows": 1})
    AccountRegion.objects.filter(pk=near.pk).update(quotas={"windows": 2})
    items = [
        with_defaults(asks.window_item([], name=f"payments-{place.region}", region=place.region))
        for place in (here, full, near)
    ]
    fit = quotas.fit(Around(items, [here, full, near]), AccountRegion.objects.select_related("account"))
    assert [one.place.region for one in fit.places] == ["us-east-1", "us-east-2", "eu-central-1"]
    assert [[one.place for one in some] for some in (fit.full, fit.near, fit.roomy)] == [
        [full],
        [near],
        [here],
    ]
    assert [one.label for one in fit.full[0].tight] == ["Windows"]
    assert fit.full[0].fullest.text == "1 \N{RIGHTWARDS ARROW} 2 of 1"


def test_what_others_fill_is_not_held_against_a_request_that_adds_nothing_to_it():
    assert not quotas.Quota("Windows", 49, 49, 50).is_tight
    assert quotas.Quota("Windows", 44, 45, 50).is_tight
    assert not quotas.Quota("Windows", 43, 44, 50).is_tight


def test_where_too_much_is_there_already_a_request_that_adds_nothing_fits():
    unchanged, fewer = quotas.Quota("Windows", 51, 51, 50), quotas.Quota("Windows", 53, 52, 50)
    assert [(one.fits, one.is_tight, one.over) for one in (unchanged, fewer)] == [
        (True, False, 1),
        (True, False, 2),
    ]
    assert not quotas.Quota("Windows", 51, 52, 50).fits


def test_a_moved_opening_takes_a_window_of_its_own(cast):
    asks.in_effect(cast["rita"], [asks.window_item(asks.fleet()[:1])], cast["omar"])
    window = MaintenanceWindow.objects.get()
    first = openings.next_starts(window.spec, start=clock.now(), count=1, since=window.created_at)[0]
    moved = opening_item(window, run_at=key_of(first), moved_to=key_of(first + timedelta(days=1)))
    assert by_label([moved])["Windows"].text == "2 \N{RIGHTWARDS ARROW} 3 of 50"
    asks.in_effect(cast["rita"], [moved], cast["omar"])
    assert by_label([])["Windows"].text == "3 of 50"
    gone = removal(Occurrence.objects.get(), "occurrence")
    assert by_label([gone])["Windows"].text == "3 \N{RIGHTWARDS ARROW} 2 of 50"


def test_too_much_for_a_quota_is_drawn_as_bad():
    assert quotas.Quota("Windows", 48, 54, 50).segments[1] == {"role": "bad", "value": 6}


def test_what_the_account_reports_beats_the_default(cast):
    AccountRegion.objects.filter(pk=factories.account_region().pk).update(quotas={"windows": 80})
    found = by_label([])
    assert (found["Windows"].limit, found["Windows"].source) == (80, "told")
    assert (found["Baselines"].limit, found["Baselines"].source) == (50, "default")


@pytest.fixture
def full(cast):
    """A draft for six windows where there is room for five."""
    strangers(44)
    return asks.drafted(cast["rita"], asks.ha_items(asks.fleet()))


def test_what_does_not_fit_can_be_drafted_and_not_submitted(full, cast):
    with pytest.raises(InvalidInput, match="45 of 50 maintenance windows.*44 that are not managed here"):
        workflow.submit(full, by=cast["rita"])


def test_what_does_not_fit_is_found_with_a_window_to_share(full, cast):
    around = Around(items_of(full.current))
    (one,) = [found for found in findings.of(around) if found.code == "no_room"]
    items = findings.items_with(one.key, [one], findings.planned_after(around), around)
    full = workflow.revise(full, by=cast["rita"], title=asks.TITLE, reason=asks.REASON, items=items)
    assert workflow.submit(full, by=cast["rita"]).state == "submitted"


def test_it_is_checked_again_at_approval(cast):
    request = asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    strangers(44)
    with pytest.raises(Exception, match="44 that are not managed here"):
        asks.approve(request, cast["omar"], cast["ines"], cast["clara"])


def test_baselines_of_others_leave_less_room(cast):
    strangers(48, "baseline")
    draft = asks.drafted(cast["rita"], asks.ha_items(asks.fleet()))
    with pytest.raises(InvalidInput, match="51 patch baselines, 48 of them not managed here"):
        workflow.submit(draft, by=cast["rita"])


def test_what_was_adopted_is_not_counted_twice(cast):
    strangers(1)
    place = factories.account_region()
    ResourceState.objects.create(
        account_region=place,
        kind="window",
        key="k",
        uid="6f1c8a3e-53d0-4c3c-9d4c-3c4f0f4f0a11",
        aws_id="theirs-window-0",
        changed_at=clock.now(),
    )
    assert by_label([])["Windows"].others == 0
