import json
from datetime import UTC, datetime

import pytest

from patching.simulator import catalogue
from patching.simulator.catalogue import DATA, OPERATING_SYSTEMS
from patching.simulator.state import Node

APRIL, MAY, JUNE = "KB5082142", "KB5087545", "KB5094128"


def node(product: str = "WindowsServer2022", *installed: str, platform: str = "Windows") -> Node:
    return Node(
        instance_id="i-0123456789abcdef0",
        account="211125483017",
        region="eu-central-1",
        name="one",
        os="WINDOWS",
        product=product,
        platform_name="",
        platform_version="",
        platform_type=platform,
        az="eu-central-1a",
        installed=dict.fromkeys(installed, "2026-01-01T00:00:00Z"),
    )


def on(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(hour=18, tzinfo=UTC)


@pytest.mark.parametrize("name", OPERATING_SYSTEMS)
def test_each_file_names_its_source_and_repeats_no_patch(name):
    content = json.loads((DATA / name).read_text())
    ids = [row["id"] for row in content["patches"]]

    assert content["_source"]
    assert len(ids) == len(set(ids))
    assert {row["classification"] for row in content["patches"]} <= {
        "Security",
        "Bugfix",
        "SecurityUpdates",
        "UpdateRollups",
    }


def test_the_catalogue_stays_small():
    assert sum(path.stat().st_size for path in DATA.glob("*.json")) < 300_000


def test_what_an_update_supersedes_came_out_before_it():
    loaded = catalogue.load()

    for release in loaded.releases:
        assert all(loaded.by_id[older].released < release.released for older in release.supersedes)


def test_patches_appear_with_patch_tuesday():
    before = {patch.id for patch in catalogue.load().for_node(node(), on("2026-06-08"))}
    after = {patch.id for patch in catalogue.load().for_node(node(), on("2026-06-09"))}

    assert before == {MAY, "KB890830"}
    assert after == {JUNE, "KB890830"}


def test_windows_drops_what_is_superseded_from_its_offer():
    assert {APRIL, MAY} <= catalogue.load().superseded([JUNE])
    assert JUNE not in catalogue.load().superseded([JUNE])


def test_linux_keeps_every_version_of_the_packages_that_a_node_has():
    has_sudo = node("RedhatEnterpriseLinux9.7", "sudo.x86_64", platform="Linux")

    offer = catalogue.load().for_node(has_sudo, on("2026-06-01"))

    assert [patch.name for patch in offer] == ["sudo", "sudo"]
    assert [patch.advisories for patch in offer] == [{"RHSA-2026:12310"}, {"RHSA-2026:19220"}]
    assert (offer[0].epoch, offer[0].version, offer[0].release, offer[0].arch) == (
        "0",
        "1.9.5p2",
        "15.el9_7",
        "x86_64",
    )


def test_a_debian_version_without_an_epoch_has_none():
    has_openssl = node("Ubuntu22.04", "openssl.amd64", platform="Linux")

    [patch] = catalogue.load().for_node(has_openssl, on("2026-06-01"))

    assert (patch.epoch, patch.version, patch.release) == ("", "3.0.2", "0ubuntu1.23")
    assert patch.priority == "Optional"
