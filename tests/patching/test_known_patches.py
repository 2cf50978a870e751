import pytest

from patching.baseline_effect import effect_of
from patching.cataloguing import import_file
from patching.known_patches import prepared, products_in_use
from portal.governance import clock
from tests import factories
from tests.patching.catalogue import files

pytestmark = pytest.mark.django_db


def linux(version="9.7"):
    return factories.instance(
        operating_system="REDHAT_ENTERPRISE_LINUX",
        platform_name="Red Hat Enterprise Linux",
        platform_version=version,
    )


def test_a_patch_of_a_major_release_is_one_for_each_minor_one_in_use():
    import_file(files.CSAF, name="csaf", format_name="csaf", by=None)
    linux("9.7")
    linux("9.6")
    linux("8.10")
    assert products_in_use("REDHAT_ENTERPRISE_LINUX") == [
        "RedhatEnterpriseLinux8.10",
        "RedhatEnterpriseLinux9.6",
        "RedhatEnterpriseLinux9.7",
    ]
    found = prepared("REDHAT_ENTERPRISE_LINUX").patches
    assert {one.product for one in found} == {"RedhatEnterpriseLinux9.6", "RedhatEnterpriseLinux9.7"}


def test_filters_and_lists_find_advisories_cves_packages_and_builds():
    import_file(files.CSAF, name="csaf", format_name="csaf", by=None)
    catalogue = prepared("REDHAT_ENTERPRISE_LINUX")
    for entry in ("RHSA-2026:1234", "CVE-2026-3001", "openssl-3.0.7-27.el9.x86_64", "openssl*"):
        asked = {"OperatingSystem": "REDHAT_ENTERPRISE_LINUX", "ApprovedPatches": [entry]}
        assert effect_of(asked, catalogue, as_of=clock.now()).approved == 1, entry


def test_the_catalogue_is_kept_until_the_next_reading(django_assert_max_num_queries):
    import_file(files.CSAF, name="csaf", format_name="csaf", by=None)
    first = prepared("REDHAT_ENTERPRISE_LINUX")
    with django_assert_max_num_queries(2):
        assert prepared("REDHAT_ENTERPRISE_LINUX") is first
    import_file(files.UPDATEINFO, name="updateinfo.xml", format_name="updateinfo", by=None)
    assert prepared("REDHAT_ENTERPRISE_LINUX") is not first
