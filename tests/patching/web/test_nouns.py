"""Pages of windows, groups, baselines, instances, pushes and accounts: who sees which, and what stands there."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from patching import clones
from patching.models import (
    AccountRegion,
    ChangeRequest,
    MaintenanceWindow,
    ManagedInstance,
    Operation,
    PatchBaseline,
    PatchFinding,
    PatchGroup,
    PullRun,
    PushRun,
    ResourceState,
    Scan,
    Waiver,
)
from portal.governance import clock
from portal.governance.models import AuditEntry
from tests import factories
from tests.patching.web.conftest import (
    approved_by_all,
    made_once,
    pushed_to_aws,
    submitted_by_rita,
    text_of,
)

READERS = ("rita", "axel", "opal")
STRANGERS = ("noor", "adam")


@pytest.fixture(scope="module", autouse=True)
def _world(django_db_setup, django_db_blocker):
    """What every test here begins with: the HA Windows application is approved and in AWS, and a push failed."""
    with made_once(django_db_blocker):
        approved_by_all(submitted_by_rita())
        a_push(pushed_to_aws())
        yield


@pytest.fixture
def approved(cast):
    return ChangeRequest.objects.get()


@pytest.fixture
def in_aws(cast):
    return factories.account_region()


@pytest.fixture
def run(cast):
    return PushRun.objects.get()


def a_push(place):
    """A push that did one thing and failed at another."""
    state = ResourceState.objects.filter(kind="window").first()
    change = {"field": "duration", "live": "3", "desired": "4"}
    made = PushRun.objects.create(
        account_region=place,
        trigger="tick",
        generation=3,
        fence=7,
        started_at=clock.now(),
        finished_at=clock.now() + timedelta(seconds=42),
        state=PushRun.State.PARTIAL,
        writes=1,
        error_code="AccessDenied",
        error="AWS denies ssm:UpdateMaintenanceWindow to PatchwardenRole.",
        plan=[
            {
                "action": "update",
                "kind": "window",
                "key": state.key,
                "label": state.label,
                "changes": [change],
            }
        ],
    )
    for word in ("done", "failed"):
        Operation.objects.create(
            resource=state,
            run=made,
            action="update",
            call="ssm:UpdateMaintenanceWindow",
            request={"Duration": 4},
            incarnation=1,
            state=word,
            intent_at=clock.real_now(),
            at=clock.now(),
            error="AWS says no." if word == "failed" else "",
        )


@pytest.fixture
def pages(in_aws, run):
    """Every list and one page of each noun."""
    firsts = {
        "window": MaintenanceWindow.objects.get(name="payments-prod-a"),
        "group": PatchGroup.objects.get(name="payments-prod"),
        "baseline": PatchBaseline.objects.get(name="payments-prod-win"),
        "instance": ManagedInstance.objects.first(),
        "push": run,
        "account": in_aws,
    }
    return {noun: reverse(f"patching:{noun}-detail", args=[row.pk]) for noun, row in firsts.items()}


def lists():
    return [
        reverse(f"patching:{noun}-list")
        for noun in ("window", "group", "baseline", "instance", "push", "account")
    ]


def words_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text_of(response)))


def test_those_who_may_see_it_read_every_page(pages, cast, browse, subtests):
    for name in READERS:
        with subtests.test(name=name):
            client = browse(cast[name])
            assert {client.get(address).status_code for address in pages.values()} == {200}
            assert all(client.get(address).context["page"].object_list for address in lists())


def test_strangers_see_nothing_of_it(pages, cast, browse, subtests):
    for name in STRANGERS:
        with subtests.test(name=name):
            client = browse(cast[name])
            assert {client.get(address).status_code for address in pages.values()} == {404}
            for address in lists():
                assert not client.get(address).context["page"].object_list


def test_nobody_sees_them_without_signing_in(pages, client):
    assert {client.get(address).status_code for address in [*pages.values(), *lists()]} == {302}


def test_every_list_is_exported(pages, cast, browse):
    for address in lists():
        response = browse(cast["axel"]).get(f"{address}?format=csv")
        lines = b"".join(response.streaming_content).decode().splitlines()
        assert len(lines) > 1, address


def test_every_list_takes_every_filter(pages, cast, browse, subtests):
    for query in [
        "q=payments&application=payments&environment=prod&sort=-name",
        "place=9999&page=x&q=%00&sort=?",
    ]:
        with subtests.test(query=query):
            for address in lists():
                assert browse(cast["rita"]).get(f"{address}?{query}").status_code == 200


def test_a_filter_offers_only_what_its_reader_may_see(pages, cast, browse):
    factories.selector(
        factories.application("data-lake", "analytics"), "dev", factories.account_region(region="eu-west-1")
    )
    page = text_of(browse(cast["rita"]).get(reverse("patching:window-list")))
    assert "data-lake" not in page.lower().replace("data lake", "data-lake")
    assert "eu-west-1" not in page


def test_lists_ask_no_query_for_each_row(pages, cast, browse, django_assert_max_num_queries):
    client = browse(cast["axel"])
    for address in lists():
        with django_assert_max_num_queries(45):
            client.get(address)


def test_pages_keep_to_a_few_queries(pages, cast, browse, django_assert_max_num_queries):
    client = browse(cast["axel"])
    for address in pages.values():
        with django_assert_max_num_queries(60):
            client.get(address)


# Windows


def test_a_window_says_its_next_twelve_runs_in_both_times(pages, cast, browse):
    response = browse(cast["rita"]).get(pages["window"])
    page = words_of(response)
    assert len(response.context["runs"]) == 12
    assert "Saturday after the third Tuesday of each month, 20:00" in page
    assert "20:00 to 00:00" in page
    assert re.search(r"1[89]:00 to 2[23]:00", page)


def test_a_window_names_the_windows_that_are_open_with_it(pages, cast, browse):
    other = MaintenanceWindow.objects.get(name="payments-prod-b")
    mine = MaintenanceWindow.objects.get(name="payments-prod-a")
    other.spec = {**other.spec, "schedule": mine.spec["schedule"], "offset": mine.spec["offset"]}
    other.save()
    page = words_of(browse(cast["rita"]).get(pages["window"]))
    assert "While payments-prod-b is open" in page
    assert "payments-prod-a and payments-prod-b overlap by 4 h" in page


def test_a_window_shows_what_is_true_of_it_in_aws(pages, cast, browse):
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    ResourceState.objects.filter(kind="window", key=str(window.uid)).update(
        condition="drifted", condition_text="duration: “3” instead of “4”"
    )
    page = words_of(browse(cast["rita"]).get(pages["window"]))
    assert "Edited outside Patchwarden" in page
    assert "duration: “3” instead of “4”" in page
    row = browse(cast["rita"]).get(reverse("patching:window-list"), {"q": "payments-prod-a"})
    assert "Edited outside Patchwarden" in words_of(row)


def test_an_instance_that_an_exemption_keeps_out_is_marked(pages, cast, browse):
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    instance = ManagedInstance.objects.get(instance_id=window.spec["instances"][0])
    Waiver.objects.create(
        instance=instance,
        source="exemption:1",
        source_digest="x",
        starts_at=clock.now() - timedelta(days=1),
        ends_at=clock.now() + timedelta(days=9),
    )
    assert "Excused by an exemption" in words_of(browse(cast["rita"]).get(pages["window"]))
    address = reverse("patching:instance-detail", args=[instance.pk])
    assert "Left out of its window" in words_of(browse(cast["rita"]).get(address))


def test_a_window_that_was_removed_is_still_read(pages, cast, browse):
    MaintenanceWindow.objects.filter(name="payments-prod-a").update(retired_at=clock.now())
    response = browse(cast["rita"]).get(pages["window"])
    assert "Removed" in words_of(response)
    assert "No run ahead" in words_of(response)
    assert "Ask for a change" not in words_of(response)


def test_only_the_team_finds_the_way_to_a_change(pages, cast, browse, subtests):
    for noun in ["window", "group", "baseline"]:
        with subtests.test(noun=noun):
            for name in READERS:
                page = words_of(browse(cast[name]).get(pages[noun]))
                assert ("Ask for a change" in page) == (name == "rita"), name


def test_requests_about_a_window_stand_on_its_page(pages, approved, cast, browse):
    assert browse(cast["rita"]).get(pages["window"]).context["history"] == [approved]


# Groups and baselines


def test_a_group_says_what_judges_it_and_when_it_is_patched(pages, cast, browse):
    page = words_of(browse(cast["rita"]).get(pages["group"]))
    assert "Critical security updates after 0 days, everything else after 14 days" in page
    assert "payments-prod-a 1 of 2 instances" in page
    assert "PatchGroup=payments-prod" in page


def test_a_baseline_says_its_rules_in_words(pages, cast, browse):
    page = words_of(browse(cast["rita"]).get(pages["baseline"]))
    assert "Critical security updates After 0 days, counts as Critical" in page
    assert "Everything else After 14 days, counts as High" in page
    assert "payments-prod" in page


def test_a_shared_baseline_shows_each_reader_their_own_groups(pages, cast, browse):
    PatchBaseline.objects.filter(name="payments-prod-win").update(application=None)
    response = browse(cast["noor"]).get(pages["baseline"])
    assert response.status_code == 200
    assert response.context["baseline"].groups == []
    assert response.context["baseline"].standing.states == ()


# Instances


def scanned(instance, **fields):
    given = {
        "instance": instance,
        "operation": "Scan",
        "started_at": clock.now(),
        "ended_at": clock.now(),
        "pulled_at": clock.now(),
        "aws_baseline_id": "pb-1",
        "is_compliant": False,
        "missing": 2,
        **fields,
    }
    return Scan.objects.create(**given)


def test_an_instance_says_why_it_is_unpatched(pages, cast, browse):
    instance = ManagedInstance.objects.first()
    scanned(instance)
    ManagedInstance.objects.filter(pk=instance.pk).update(ping_status="ConnectionLost")
    page = words_of(browse(cast["rita"]).get(pages["instance"]))
    assert "Why is it unpatched?" in page
    assert "Its agent does not answer" in page
    assert "1 of 10 links hold" in page


def test_an_instance_lists_what_it_lacks(pages, cast, browse):
    instance = ManagedInstance.objects.first()
    scanned(instance)
    at = clock.now()
    for number in range(3):
        PatchFinding.objects.create(
            instance=instance,
            patch_id=f"KB505000{number}",
            severity="Critical",
            state="missing",
            cves=["CVE-2026-1234"],
            first_seen_at=at,
            last_seen_at=at,
            resolved_at=at if number == 2 else None,
        )
    page = words_of(browse(cast["rita"]).get(pages["instance"]))
    assert "2 patches" in page
    assert "KB5050001" in page
    assert "KB5050002" not in page
    assert "CVE-2026-1234" in page


def without_kb5039227() -> ManagedInstance:
    """One of the first group, moved to its side group and scanned there, lacking only what is left off."""
    group = PatchGroup.objects.live().order_by("name").first()
    instance = ManagedInstance.objects.get(instance_id=group.spec["instances"][0])
    at = clock.now()
    instance.tags["PatchGroup"] = clones.side_group(group.name, ["KB5039227"])
    instance.save()
    Scan.objects.filter(instance=instance).update(is_latest=False)
    Scan.objects.create(
        instance=instance,
        operation="Scan",
        started_at=at,
        ended_at=at,
        pulled_at=at,
        aws_baseline_id="pb-00000000000000c10",
        patch_group=instance.tags["PatchGroup"],
        is_compliant=True,
    )
    row = {"state": "missing", "severity": "Critical", "first_seen_at": at, "last_seen_at": at}
    PatchFinding.objects.create(instance=instance, patch_id="KB5039227", hidden=True, **row)
    Waiver.objects.create(
        kind="patch_exclusion",
        instance=instance,
        patches=["KB5039227"],
        source="exemption:7",
        source_digest="0" * 64,
        restores_to=group.name,
        starts_at=at - timedelta(days=1),
        ends_at=at + timedelta(days=9),
    )
    return instance


def test_an_instance_says_the_three_words_and_what_it_goes_without(pages, cast, browse):
    instance = without_kb5039227()
    page = words_of(browse(cast["rita"]).get(reverse("patching:instance-detail", args=[instance.pk])))

    assert re.search(r"SSM says\s+Compliant\s+Raw\s+Not compliant\s+Net\s+Excused by an exemption", page)
    assert "Goes without patches KB5039227, by EX-7" in page
    assert re.search(r"Hidden by the exclusion of EX-7 until .* still missing", page)
    assert re.search(r"In the patch group \S+, less KB5039227 until \d", page)


def test_a_group_and_a_window_count_a_member_that_is_in_a_side_group(pages, cast, browse):
    instance = without_kb5039227()
    group = PatchGroup.objects.live().order_by("name").first()
    rita = browse(cast["rita"])

    for address in (reverse("patching:group-detail", args=[group.pk]), pages["window"]):
        response = rita.get(address)
        figures, query = response.context["figures"], response.context["query"]
        listed = rita.get(f"{reverse('dashboards:compliance-instances')}?{query}&status=ssm_compliant")
        assert listed.context["page"].paginator.count == figures.ssm_compliant
        assert "SSM says" in words_of(response)
    page = words_of(rita.get(reverse("patching:group-detail", args=[group.pk])))
    assert f"{group.name}, less KB5039227 until" in page
    assert instance.tags["PatchGroup"] in page


def test_an_unknown_instance_is_never_called_compliant(pages, cast, browse):
    page = words_of(browse(cast["rita"]).get(pages["instance"]))
    assert "It was never scanned, so nobody knows what is missing" in page
    assert "Nothing is missing" not in page


@pytest.mark.parametrize(
    ("query", "found"), [("", 7), ("there=all", 8), ("agent=offline", 1), ("agent=unmanaged", 1)]
)
def test_instances_are_narrowed_by_what_inventory_says(query, found, pages, cast, browse):
    payments = factories.payments()
    ManagedInstance.objects.filter(pk=ManagedInstance.objects.first().pk).update(ping_status="Inactive")
    factories.instance(payments, is_managed=False, ping_status="")
    factories.instance(payments, gone_at=clock.now())
    response = browse(cast["rita"]).get(f"{reverse('patching:instance-list')}?{query}")
    assert response.context["page"].paginator.count == found


def test_an_instance_of_no_application_is_seen_by_those_who_read_all(pages, cast, browse):
    stray = factories.instance(application=None)
    address = reverse("patching:instance-detail", args=[stray.pk])
    assert browse(cast["ines"]).get(address).status_code == 200
    assert browse(cast["rita"]).get(address).status_code == 404


# Pushes


def test_a_push_says_its_plan_its_calls_and_what_went_wrong(pages, cast, browse):
    page = words_of(browse(cast["opal"]).get(pages["push"]))
    assert "AWS denies ssm:UpdateMaintenanceWindow to PatchwardenRole." in page
    assert "Regular comparison" in page
    assert "Took 42 s" in page
    assert "1 of 2 done" in page
    assert "AWS says no." in page
    assert page.index("AWS says no.") < page.index("Done", page.index("Operations"))


def test_a_push_that_runs_is_polled(pages, run, cast, browse):
    assert "every 5s" not in text_of(browse(cast["opal"]).get(pages["push"]))
    PushRun.objects.filter(pk=run.pk).update(state="running", finished_at=None)
    assert "every 5s" in text_of(browse(cast["opal"]).get(pages["push"]))


# Accounts


def test_an_account_shows_health_quotas_and_runs(pages, in_aws, cast, browse):
    PullRun.objects.create(
        account_region=in_aws, started_at=clock.now(), finished_at=clock.now(), instances=6
    )
    AccountRegion.objects.filter(pk=in_aws.pk).update(
        failures=3,
        last_error="The role refuses our external id.",
        last_error_code="AccessDenied",
        backoff_until=clock.real_now() + timedelta(minutes=12, seconds=30),
    )
    page = words_of(browse(cast["opal"]).get(pages["account"]))
    assert "The role refuses our external id." in page
    assert "Tried again in 12 min, after 3 failures" in page
    assert "Windows 7 43 50" in page
    assert "Push this account now" in page
    listed = words_of(browse(cast["opal"]).get(reverse("patching:account-list")))
    assert "Waits before the next try" in listed


@pytest.mark.parametrize(
    ("verb", "action", "field"),
    [("push-now", "push_asked", "push_wanted"), ("pull-now", "pull_asked", "next_pull_at")],
)
def test_an_operator_pushes_and_reads_by_hand(verb, action, field, pages, in_aws, cast, browse):
    before = AccountRegion.objects.values_list(field, flat=True).get(pk=in_aws.pk)
    response = browse(cast["opal"]).post(reverse(f"patching:{verb}", args=[in_aws.pk]))
    assert response["Location"] == pages["account"]
    assert AccountRegion.objects.values_list(field, flat=True).get(pk=in_aws.pk) != before
    assert AuditEntry.objects.filter(action=f"patching.accountregion.{action}", actor=cast["opal"]).exists()


def test_nobody_else_pushes_or_reads_by_hand(pages, in_aws, cast, browse, subtests):
    for verb in ["push-now", "pull-now"]:
        with subtests.test(verb=verb):
            address = reverse(f"patching:{verb}", args=[in_aws.pk])
            for name in ("rita", "omar", "ines", "clara", "axel"):
                response = browse(cast[name]).post(address)
                assert response.status_code == 403
                assert "Operators push and pull by hand." in text_of(response)
                assert "Push this account now" not in text_of(response)
            for name in STRANGERS:
                assert browse(cast[name]).post(address).status_code == 404
            assert browse(cast["opal"]).get(address).status_code == 405
