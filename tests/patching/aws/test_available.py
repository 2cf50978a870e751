from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from patching.aws import available
from patching.aws.available import AvailablePatches, patch_from_aws


@pytest.fixture
def reader(simulated_aws):
    return AvailablePatches(SimpleNamespace(ssm=simulated_aws.client("ssm")))


def test_every_page_of_every_product_is_read_with_the_declared_permission(reader, monkeypatch):
    monkeypatch.setattr(available, "PAGE", 10)
    called = []
    reader.clients.ssm.meta.events.register(
        "before-call.ssm", lambda model, **_: called.append(f"ssm:{model.name}")
    )
    found = reader.read(
        {"WindowsServer2022": "WINDOWS", "RedhatEnterpriseLinux9.7": "REDHAT_ENTERPRISE_LINUX"}
    )
    assert set(called) == set(AvailablePatches.permissions)
    assert {one.system for one in found} == {"WINDOWS", "REDHAT_ENTERPRISE_LINUX"}
    assert len(called) > 4  # more than one page of each
    linux = next(one for one in found if one.name == "openssl.x86_64")
    assert linux.build.startswith("1:3.")
    assert linux.ref == linux.title
    assert linux.advisories[0].startswith("RHSA-")


def test_a_kb_is_named_as_instances_report_it():
    told = {
        "KbNumber": "KB5039217",
        "MsrcSeverity": "Critical",
        "Classification": "SecurityUpdates",
        "ReleaseDate": datetime(2026, 6, 9, tzinfo=UTC),
        "Title": "2026-06 Cumulative Update",
    }
    record = patch_from_aws(told, "WindowsServer2022", "WINDOWS")
    assert (record.ref, record.severity, record.products) == ("KB5039217", "Critical", ("WindowsServer2022",))
