"""All of an application at once: every zone in one window, every instance together."""

from dataclasses import replace

from patching import findings
from patching.findings import WARNING
from patching.sizing import Node
from tests.planned import NOW, TEST, window

WHOLE = [{"name": "Install", "kind": "install", "max_concurrency": "100%"}]


def spread(one):
    """Its instances in two zones by turns."""
    nodes = [Node(i, "WINDOWS", f"eu-central-1{'ab'[n % 2]}") for n, i in enumerate(one.spec["instances"])]
    return replace(one, known={node.instance_id: node for node in nodes})


def found(*windows, code):
    return [one for one in findings.check(windows, NOW) if one.code == code]


def test_one_window_over_both_zones_is_named():
    (one,) = found(TEST, spread(window("payments-prod", az="", instances=6)), code="all_zones")
    assert (one.level, one.claim) == (WARNING, "payments-prod patches 2 zones in one window")
    assert one.evidence.startswith("3 in eu-central-1a and 3 in eu-central-1b")


def test_a_window_for_all_zones_whose_instances_are_in_one_is_not():
    one_zone = window("payments-prod", az="", instances=2)
    known = {i: Node(i, "WINDOWS", "eu-central-1a") for i in one_zone.spec["instances"]}
    assert found(TEST, replace(one_zone, known=known), code="all_zones") == []


def test_an_installation_on_every_instance_at_once_is_named_with_half_as_the_fix():
    (one,) = found(TEST, window(instances=6, tasks=WHOLE), code="all_at_once")
    assert one.claim == "payments-prod-a installs on all 6 instances at once"
    assert [task["max_concurrency"] for task in one.edits[0].spec["tasks"]] == ["50%"]


def test_all_of_one_zone_at_once_is_fine_while_the_other_zone_stands():
    other = window("payments-prod-b", schedule="cron(0 0 ? * WED#2 *)")
    assert found(TEST, window(instances=6, tasks=WHOLE), other, code="all_at_once") == []


def test_a_single_instance_cannot_be_patched_in_halves():
    assert found(TEST, window(instances=1, tasks=WHOLE), code="all_at_once") == []
