from collections import Counter
from datetime import UTC, datetime

from patching.simulator import beginning, catalogue, fleet
from patching.simulator.patching_night import patch
from patching.simulator.ssm import predefined
from patching.simulator.state import START, moment, to_json

SCANNED_AT = datetime(2026, 5, 31, 6, tzinfo=UTC)


def scanned_company():
    nodes = fleet.demo_company()
    defaults = {
        node.os: (
            arn := predefined.default_for(fleet.REGION, node.os),
            predefined.baselines(fleet.REGION)[arn],
        )
        for node in nodes
    }
    fleet.first_scan(nodes, catalogue.load(), SCANNED_AT, defaults)
    return nodes


def test_the_company_is_the_same_every_time():
    assert [to_json(node) for node in fleet.demo_company()] == [
        to_json(node) for node in fleet.demo_company()
    ]


def test_sixty_instances_with_ids_and_names_of_their_own():
    nodes = fleet.demo_company()

    assert len(nodes) == 60
    assert len({node.instance_id for node in nodes}) == len({node.name for node in nodes}) == 60
    assert all(len(node.instance_id) == 19 for node in nodes)


def test_payments_is_windows_in_two_zones_of_the_retail_account():
    payments = [node for node in fleet.demo_company() if node.tags.get("App") == "payments"]

    assert Counter((node.tags["Environment"], node.az[-1]) for node in payments) == {
        ("prod", "a"): 6,
        ("prod", "b"): 6,
        ("test", "a"): 2,
        ("test", "b"): 2,
        ("dev", "a"): 2,
        ("dev", "b"): 2,
    }
    assert {(node.account, node.product) for node in payments} == {(fleet.RETAIL, "WindowsServer2022")}
    assert not any({"PatchGroup", "Patch Group", "MaintenanceWindow"} & set(node.tags) for node in payments)
    assert all(node.managed and node.ping_status == "Online" and node.asg is None for node in payments)


def test_the_company_has_everything_that_makes_patching_hard():
    nodes = fleet.demo_company()

    assert Counter(node.tags.get("App") for node in nodes) == {
        "payments": 20,
        "claims-web": 18,
        "data-lake": 16,
        None: 6,
    }
    assert sum(node.asg is not None for node in nodes) == 6
    assert all(node.tags.get("aws:autoscaling:groupName") == node.asg for node in nodes)
    assert sum(node.ping_status != "Online" for node in nodes) == 4
    assert sum(not node.managed for node in nodes) == 2
    assert sum(bool(node.install_fails) for node in nodes) == 3
    assert {node.os for node in nodes} == {
        "WINDOWS",
        "UBUNTU",
        "AMAZON_LINUX_2023",
        "REDHAT_ENTERPRISE_LINUX",
    }


def test_whatever_stands_out_is_the_name_of_an_instance():
    names = {node.name for node in fleet.demo_company()}

    assert {*fleet.ODDITIES, *fleet.LAST_PATCHED, *fleet.HAND_TAGGED} <= names


def test_every_package_of_an_image_is_in_the_catalogue():
    for node in fleet.demo_company():
        known = {
            release.kb
            for release in catalogue.load().of_product(node.product, datetime.max.replace(tzinfo=UTC))
        }
        assert {catalogue.package_of(patch_id) for patch_id in node.installed} <= known, node.name


def test_nothing_was_installed_before_its_release_or_after_the_demo_began():
    for node in fleet.demo_company():
        for patch_id, when in node.installed.items():
            release = catalogue.load().by_id.get(patch_id)
            assert moment(when) < START
            assert release is None or release.released < moment(when)


def test_the_first_scan_reaches_whom_ssm_reaches_and_left_old_results_where_it_did_once():
    ends = {node.name: node.last_run and node.last_run["OperationEndTime"][:10] for node in scanned_company()}

    assert ends["pay-prod-a-01"] == "2026-05-31"
    assert ends["claims-test-a-02"] == "2026-05-22"  # agent lost since
    assert ends["claims-dev-b-02"] is None  # agent never answered
    assert ends["lake-prod-b-04"] is None  # no agent


def test_at_the_start_most_of_payments_lacks_one_update_and_some_have_all():
    payments = [node for node in scanned_company() if node.tags.get("App") == "payments"]

    assert Counter(node.last_run["MissingCount"] for node in payments) == {1: 18, 0: 2}
    assert {row["KBId"] for node in payments for row in node.findings if row["State"] == "Missing"} == {
        "KB5087545"
    }


def test_the_accounts_of_the_demo_have_external_ids_of_their_own():
    managed = [account for account in fleet.ACCOUNTS if account.account != fleet.HUB]

    assert [account.name for account in managed] == ["Retail", "Shared"]
    assert {account.role for account in managed} == {"PatchwardenRole"}
    assert len({account.external_id for account in managed}) == 2
    assert all(len(account.external_id) > 20 for account in managed)


def test_a_crowd_has_as_many_instances_as_asked_for_each_with_a_name_of_its_own():
    nodes = beginning.crowd_at(1000, START)

    assert len({node.instance_id for node in nodes}) == len({node.name for node in nodes}) == 1000
    assert {(node.account, node.region) for node in nodes} == {("211125483017", "eu-central-1")}
    assert {node.os for node in nodes} == {
        "WINDOWS",
        "AMAZON_LINUX_2023",
        "UBUNTU",
        "REDHAT_ENTERPRISE_LINUX",
    }
    assert {node.last_run["InstanceId"] for node in nodes} == {node.instance_id for node in nodes}
    assert {node.last_run["MissingCount"] > 0 for node in nodes} == {True, False}


def test_patching_one_of_a_crowd_changes_no_other():
    one, *others = beginning.crowd_at(25, START)
    twin = others[11]
    before = to_json(twin)
    assert one.findings is twin.findings

    baseline_id, baseline = beginning.default_baselines()[one.os]
    patch(
        one,
        operation="Install",
        baseline=baseline,
        baseline_id=baseline_id,
        catalogue=catalogue.load(),
        at=START,
    )

    assert to_json(twin) == before
    assert one.findings != twin.findings
