"""Windows that are too short for what they patch, instance by instance."""

from dataclasses import replace

from patching import findings
from patching.findings.lengths import never_start
from patching.findings.sizes import sizes
from patching.sizing import Node, Paces
from tests.planned import NOW, TEST, window

SLOW = [{"name": "Install", "kind": "install", "max_concurrency": "52"}, {"name": "Scan", "kind": "scan"}]


def three_hundred(**spec):
    """300 instances, the last 100 in zone b, and 2 h in which five rounds of 52 would want two and a half."""
    one = window(instances=300, tasks=SLOW, **spec)
    ids = sorted(one.spec["instances"])
    known = {i: Node(i, "WINDOWS", f"eu-central-1{'a' if n < 200 else 'b'}") for n, i in enumerate(ids)}
    return replace(one, known=known)


def found(one, code):
    return next((each for each in findings.check([TEST, one], NOW) if each.code == code), None)


def test_the_instances_that_never_start_are_counted_with_their_zone_and_the_hours_that_are_enough():
    one = found(three_hundred(duration=3), "never_starts")
    assert one.claim == "Install of payments-prod-a never starts on the last 92 instances of 300"
    assert one.evidence == (
        "Prod, 92 in eu-central-1b. Install takes 52 at once, and nothing starts from 2 h on."
    )
    assert one.fix == "Ask for 5 h with a cutoff of 1 h, or take more at once."
    assert one.edits[0].spec == {"duration": 5}


def test_a_task_whose_turn_never_comes_at_all_is_named():
    late = window(duration=2, tasks=[*SLOW, {"name": "After", "kind": "post", "document": "Check"}])
    assert found(late, "never_starts") is None
    assert found(window(instances=300, duration=4, tasks=SLOW), "never_starts").claim == (
        "Scan of payments-prod-a never starts"
    )


def test_what_is_not_done_when_the_window_closes_is_named():
    one = window(duration=1, cutoff=0, tasks=SLOW[:1])
    slow, fast = (Paces({"install": minutes, "hook": 0}) for minutes in (90, 60))
    (told,) = never_start([one], slow)
    assert told.claim == "2 instances are not done when payments-prod-a ends"
    assert "Install goes on until 1 h 30 min after it opens; it closes after 1 h." in told.evidence
    assert told.edits[0].spec == {"duration": 2}
    assert list(never_start([one], fast)) == []


def test_enough_hours_give_no_finding():
    assert found(three_hundred(duration=10), "never_starts") is None


def test_the_table_counts_where_nothing_is_installed():
    (size,) = sizes([three_hundred(duration=3)], Paces())
    assert (size.guide.hours, size.table.hours, size.rehearsal.hours, size.uninstalled) == (10, 2, 5, 92)
    assert [row.begins for row in size.tasks] == ["0 min", "2 h"]
