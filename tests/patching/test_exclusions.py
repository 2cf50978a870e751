"""Which patches an exclusion covers, in SSM's spellings, and which group a side group stands for."""

from datetime import timedelta

import pytest

from patching import clones, exclusions
from patching.models import ManagedInstance, PatchFinding, Waiver
from portal.governance import clock
from tests import factories


def exclusion(of: ManagedInstance, *patches: str, days: float = 9, **fields) -> Waiver:
    at = clock.now()
    given = {
        "kind": "patch_exclusion",
        "patches": sorted(patches),
        "source": f"exemption:{Waiver.objects.count() + 1}",
        "source_digest": "0" * 64,
        "restores_to": "payments-prod",
        "starts_at": at - timedelta(days=1),
        "ends_at": at + timedelta(days=days),
        **fields,
    }
    return Waiver.objects.create(instance=of, **given)


def finding(of: ManagedInstance, patch: str, title: str = "", **fields) -> PatchFinding:
    at = clock.now()
    given = {"state": "missing", "first_seen_at": at, "last_seen_at": at, "title": title, **fields}
    return PatchFinding.objects.create(instance=of, patch_id=patch, **given)


@pytest.mark.parametrize(
    ("named", "system", "patch_id", "title", "covered"),
    [
        ("KB5039227", "WINDOWS", "KB5039227", "2026-06 Cumulative Update", True),
        ("kb5039227", "WINDOWS", "KB5039227", "", True),
        ("KB503922", "WINDOWS", "KB5039227", "", False),
        ("openssl", "AMAZON_LINUX_2", "openssl.x86_64", "", True),
        ("OpenSSL", "AMAZON_LINUX_2", "openssl.x86_64", "", True),
        ("openssl", "AMAZON_LINUX_2", "openssl.x86_64:1:1.1.1k-5", "", True),
        ("openssl", "AMAZON_LINUX_2", "openssl.x86_64", "openssl.x86_64:1:1.1.1k-5", True),
        ("openssl", "AMAZON_LINUX_2", "openssl-libs.x86_64", "", False),
        ("openssl*", "AMAZON_LINUX_2", "openssl-libs.x86_64", "", True),
        ("openssl-1:1.1.1k-5", "AMAZON_LINUX_2", "openssl.x86_64", "openssl.x86_64:1:1.1.1k-5", True),
        ("openssl-1:1.1.1k-5", "AMAZON_LINUX_2", "openssl.x86_64", "openssl.x86_64:1:1.1.1k-6", False),
        ("libssl3", "UBUNTU", "libssl3.amd64", "libssl3.amd64:3.0.2-0ubuntu1.18", True),
        ("python3.11", "AMAZON_LINUX_2023", "python3.11", "", True),
    ],
)
def test_a_list_names_patches_as_a_rejected_list_would(named, system, patch_id, title, covered: bool):
    waiver = Waiver(patches=[named])

    assert exclusions.names(waiver, system, patch_id, title) is covered


def test_the_side_group_that_is_made_is_recognised_as_its_group_s():
    for group in ("payments-prod", "p" * 256):
        made = clones.side_group(group, ["KB5039227"])
        assert exclusions.is_side_of(made, group)
        assert not exclusions.is_side_of(group, group)
    assert not exclusions.is_side_of(clones.side_group("payments-prod-2", ["KB1"]), "payments-prod")
    assert not exclusions.is_side_of("-without-0a1b2c3d", "")


def test_dates_alone_decide_what_is_covered(db: None):
    one = factories.instance()
    waiver = exclusion(one, "KB1")
    missing = finding(one, "KB1")

    for moment, covered in (
        (waiver.starts_at - timedelta(seconds=1), frozenset()),
        (waiver.starts_at, frozenset({missing.pk})),
        (waiver.ends_at - timedelta(seconds=1), frozenset({missing.pk})),
        (waiver.ends_at, frozenset()),
    ):
        assert exclusions.covered_at(moment).findings == covered
    waiver.ended_at = clock.now()
    waiver.save()
    assert exclusions.covered_at(clock.now()) == exclusions.Covered()


def test_two_exclusions_cover_together_what_neither_covers_alone(db: None):
    one, other = factories.instance(), factories.instance()
    exclusion(one, "KB1")
    second = exclusion(one, "KB2")
    for patch in ("KB1", "KB2"):
        finding(one, patch)
    finding(other, "KB1")

    assert exclusions.covered_at(clock.now()).instances == {one.pk}
    second.ended_at = clock.now()
    second.save()
    assert exclusions.covered_at(clock.now()).instances == frozenset()


def test_a_side_group_is_said_by_its_group_its_patches_and_its_end(db: None):
    group = clones.side_group("payments-prod", ["KB1", "KB2"])
    one = factories.instance(tags={"PatchGroup": group})
    exclusion(one, "KB1", days=3)
    last = exclusion(one, "KB2")

    side = exclusions.side_of(one, clock.now())
    assert side == exclusions.Side("payments-prod", ("KB1", "KB2"), last.ends_at)
    assert str(side) == f"payments-prod, less KB1, KB2 until {last.ends_at.day} {last.ends_at:%b}"

    after = exclusions.side_of(one, clock.now() + timedelta(days=20))
    assert str(after) == "payments-prod, less KB2 until the tag is given back"


def test_another_instance_s_exclusion_makes_no_side_group(db: None):
    group = clones.side_group("payments-prod", ["KB1"])
    exclusion(factories.instance(tags={"PatchGroup": group}), "KB1")

    assert exclusions.side_of(factories.instance(tags={"PatchGroup": group}), clock.now()) is None
