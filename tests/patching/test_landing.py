"""When a patch lands: after the baseline's delay, by the next run of the window, later where an exemption holds."""

from datetime import timedelta

import pytest

from patching.cataloguing import import_file
from patching.items import with_defaults
from patching.landing import landings_of
from patching.models import MaintenanceWindow, PatchBaseline, PatchFinding, PatchGroup, Waiver
from patching.standings import open_findings
from portal.governance import clock
from tests import factories
from tests.patching.catalogue import files
from tests.patching.test_posture import governed

pytestmark = pytest.mark.django_db
GROUP, WINDOW, BASELINE = "payments-prod", "payments-prod-a", "payments-windows"


def definition(days):
    filters = [{"Key": "MSRC_SEVERITY", "Values": ["Critical"]}]
    rule = {"PatchFilterGroup": {"PatchFilters": filters}, "ApproveAfterDays": days}
    return {"OperatingSystem": "WINDOWS", "ApprovalRules": {"PatchRules": [rule]}}


def lacking(days=7, patch="KB5039217", **tags):
    """A server of payments that lacks one KB, in a group with a baseline and in a Sunday window."""
    place = factories.account_region()
    tags = {"PatchGroup": GROUP, "MaintenanceWindow": WINDOW, **tags}
    server = factories.instance(factories.payments(), tags=tags)
    governed(
        PatchBaseline,
        BASELINE,
        {"name": BASELINE, "definition": definition(days), "application": "", "environment": ""},
        operating_system="WINDOWS",
    )
    where = {"account": place.account.account_id, "region": place.region, "az": ""}
    whose = {"application": "payments", "environment": "prod"}
    group = {"name": GROUP, "baselines": {"WINDOWS": BASELINE}, "instances": [], **where, **whose}
    governed(PatchGroup, GROUP, group, account_region=place)
    spec = {
        **where,
        **whose,
        "name": WINDOW,
        "duration": 3,
        "cutoff": 1,
        "tasks": [{"name": "Install", "kind": "install"}],
        "schedule": "cron(0 2 ? * SUN *)",
        "timezone": "UTC",
        "offset": 0,
        "start_date": "",
        "end_date": "",
        "instances": [server.instance_id],
    }
    spec = with_defaults({"action": "create", "kind": "window", "spec": spec})["spec"]
    governed(MaintenanceWindow, WINDOW, spec, account_region=place)
    at = clock.now()
    return PatchFinding.objects.create(
        instance=server,
        patch_id=patch,
        title="2026-06 Cumulative Update",
        severity="Critical",
        state="missing",
        cves=["CVE-2026-1001"],
        first_seen_at=at,
        last_seen_at=at,
    )


def waiver(finding, kind, days, **fields):
    return Waiver.objects.create(
        kind=kind,
        instance=finding.instance,
        source="exemption:7",
        source_digest="0" * 64,
        starts_at=clock.now() - timedelta(days=1),
        ends_at=clock.now() + timedelta(days=days),
        **fields,
    )


def landing(reader):
    (one,) = landings_of(list(open_findings(reader)), clock.now())
    return one


@pytest.fixture
def june(db):
    """KB5039217 was released on Tuesday 9 June 2026; it is the Thursday after."""
    import_file(files.WINDOWS_KBS, name="kbs.jsonl", format_name="windows-kbs", by=None)
    clock.set_to(clock.now().replace(year=2026, month=6, day=11, hour=12, minute=0))


def test_it_lands_by_the_first_run_after_the_delay(june, axel):
    lacking(days=7)
    one = landing(axel)
    assert (one.approved, f"{one.approves_at:%m-%d}", f"{one.lands_at:%a %m-%d}") == (
        False,
        "06-16",
        "Sun 06-21",
    )


def test_what_is_approved_already_lands_by_the_next_run(june, axel):
    lacking(days=0)
    one = landing(axel)
    assert (one.approved, f"{one.lands_at:%m-%d}", one.exempt_by) == (True, "06-14", None)


def test_what_no_rule_matches_lands_never_and_says_so(june, axel):
    lacking(days=0, patch="KB5037771")
    one = landing(axel)
    assert (one.approved, one.lands_at, one.why) == (False, None, "No rule matches it.")


def test_what_the_catalogue_does_not_know_is_taken_at_ssm_s_word(axel):
    lacking()
    assert landing(axel).why == "SSM calls it missing, so its baseline approves it."


def test_an_exclusion_puts_it_off_until_its_end(june, axel):
    finding = lacking(days=0)
    waiver(finding, "patch_exclusion", 10, patches=["KB5039217"], restores_to=GROUP)
    one = landing(axel)
    assert (one.exempt_by.allowed_by, f"{one.lands_at:%a %m-%d}") == ("EX-7", "Sun 06-28")


def test_a_deferral_puts_off_whatever_the_instance_lacks(june, axel):
    finding = lacking(days=0, MaintenanceWindow="pw-deferred")
    waiver(finding, "node_deferral", 30, restores_to=WINDOW)
    one = landing(axel)
    assert (one.exempt_by.allowed_by, one.window.name, f"{one.lands_at:%m-%d}") == ("EX-7", WINDOW, "07-12")


def test_an_instance_that_no_baseline_of_ours_judges_is_told_so(june, axel):
    lacking(PatchGroup="somewhere-else")
    one = landing(axel)
    assert (one.approved, one.lands_at) == (None, None)
    assert one.why.startswith("No baseline of ours judges it")
