from datetime import UTC, datetime, timedelta

from patching.baseline_effect import Prepared
from patching.baseline_replay import lost, replay
from tests.patching.test_approval import baseline, rule, windows

MAY, JUNE = datetime(2026, 5, 12, tzinfo=UTC), datetime(2026, 6, 9, tzinfo=UTC)


def kbs():
    return Prepared(
        "WINDOWS",
        [
            windows(id="KB1", released=MAY),
            windows(id="KB2", released=JUNE),
            windows(id="KB3", released=JUNE + timedelta(hours=1), severity="Low"),
        ],
    )


def waits(days, *severities):
    return baseline(rule(days, MSRC_SEVERITY=list(severities) or ["Critical"]), system="WINDOWS")


def test_a_longer_delay_is_later_by_its_days_and_a_shorter_one_sooner():
    longer = replay(waits(7), waits(10), kbs(), [0, 1])
    assert ([one.days for one in longer.later], longer.days_later, longer.same) == ([3.0, 3.0], 3.0, 0)
    assert replay(waits(10), waits(7), kbs(), [0, 1]).days_sooner == 3.0


def test_what_only_one_of_them_approves_is_new_or_gone():
    wider = replay(waits(7), waits(7, "Critical", "Low"), kbs(), [0, 1, 2])
    assert ([one.patch.id for one in wider.newly], wider.same) == (["KB3"], 2)
    assert [one.patch.id for one in replay(waits(7, "Low"), waits(7), kbs(), [2]).no_more] == ["KB3"]


def test_no_baseline_before_approves_nothing():
    assert [one.patch.id for one in replay(None, waits(0), kbs(), [0, 1, 2]).newly] == ["KB1", "KB2"]


def test_a_long_delay_loses_what_is_superseded_meanwhile():
    (gone,) = lost(waits(45), kbs(), {"KB2": ["KB1"]})
    assert (gone.patch.id, gone.successor, gone.superseded_at) == ("KB1", "KB2", JUNE)
    assert gone.approved_at == MAY + timedelta(days=45)
    assert lost(waits(14), kbs(), {"KB2": ["KB1"]}) == []
