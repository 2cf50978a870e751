"""Windows for which an account and Region has no room, and what would make room."""

from patching.findings import NOTE, WARNING
from patching.findings.crowding import no_room, shared, too_many_at_once, too_many_automations
from patching.findings.edits import asked_with
from tests.planned import NOW, window


def crowd(number):
    return [window(f"app{one}-prod-a", application=f"app{one}", asked=False) for one in range(number)]


def test_a_sixth_window_at_once_is_named_with_the_next_start_that_has_room():
    (one,) = too_many_at_once([*crowd(5), window()], 5, NOW)
    assert (one.level, one.claim) == (
        WARNING,
        "payments-prod-a is one of 6 windows open at once, AWS runs 5",
    )
    assert "app0" not in one.told  # whose they are is nobody's business here
    assert one.fix == "Start payments-prod-a 4 h later, when there is room."
    assert one.edits[0].spec == {"schedule": "cron(0 0 ? * TUE#3 *)", "offset": 0}


def test_five_windows_at_once_have_room():
    assert list(too_many_at_once([*crowd(4), window()], 5, NOW)) == []


def test_a_crowd_of_others_alone_is_not_this_request_s_business():
    assert list(too_many_at_once([*crowd(7), window(schedule="cron(0 8 ? * TUE#2 *)")], 5, NOW)) == []


def zones(env, *names):
    return [window(f"payments-{env}-{name}", env, instances=2) for name in names]


def test_more_windows_than_there_is_room_for_share_one_between_the_zones_of_an_environment():
    asked = [*zones("dev", "a", "b"), *zones("prod", "a", "b")]
    (one,) = no_room(asked, 47, 12, 4, 50)
    assert one.claim == "51 windows would be in an account and Region that holds 50"
    assert one.evidence.startswith("47 are there, 12 of them not managed here, and 4 come on top.")
    items = [{"action": "create", "kind": "window", "target": None, "spec": each.spec} for each in asked]
    fitting = asked_with(one.edits, items, {})
    assert [(each["spec"]["name"], each["spec"]["az"]) for each in fitting] == [
        ("payments-dev-a", ""),
        ("payments-prod-a", "eu-central-1a"),
        ("payments-prod-b", "eu-central-1b"),
    ]


def test_what_fits_gives_no_finding():
    assert list(no_room(zones("dev", "a", "b"), 48, 0, 2, 50)) == []


def test_an_account_that_was_too_full_before_is_not_this_request_s_doing():
    assert list(no_room(zones("dev", "a"), 51, 0, 0, 50)) == []


def test_where_sharing_is_not_enough_it_is_not_offered():
    assert shared(zones("dev", "a", "b"), 2) == ()


def test_more_than_twenty_automations_at_once_are_a_note():
    task = {"name": "Before", "kind": "pre", "type": "AUTOMATION", "document": "Snap"}
    (one,) = too_many_automations([window(instances=100, tasks=[task])])
    assert (one.level, one.claim) == (
        NOTE,
        "Before of payments-prod-a asks for 25 automations at once, 20 run",
    )
    assert one.edits[0].spec["tasks"][0]["max_concurrency"] == "20"
    assert list(too_many_automations([window(instances=80, tasks=[task])])) == []
