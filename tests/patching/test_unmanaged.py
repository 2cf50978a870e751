"""What stands beside ours is known: new, refreshed, gone, never touched, and seen by those whose work needs it."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from patching import unmanaged
from patching.aws.marks import Mark
from patching.models import ResourceState, Unmanaged
from portal.governance import clock
from portal.governance.models import Membership
from tests import factories, people
from tests.patching.aws.test_unmanaged import a_window
from tests.pushing import pushed


class Here:
    """One account-region with a clock of its own that counts what is asked."""

    def __init__(self, place, aws):
        self.place, self.ssm, self.asked, self.now = place, aws.client("ssm"), [], clock.now()
        self.ssm.meta.events.register("before-call.ssm", lambda model, **_: self.asked.append(model.name))

    def read(self, after=timedelta(minutes=15)):
        """One reading, some time after the one before; what it asked of AWS."""
        self.now += after
        self.asked.clear()
        unmanaged.keep(self.place, SimpleNamespace(ssm=self.ssm), self.now)
        return list(self.asked)

    def baseline(self, name="legacy-win", **more):
        return self.ssm.create_patch_baseline(Name=name, OperatingSystem="WINDOWS", **more)["BaselineId"]


@pytest.fixture
def here(retail, simulated_aws):
    return Here(retail, simulated_aws)


def rows():
    return {row.aws_id: row for row in Unmanaged.objects.all()}


def test_a_window_of_somebody_else_is_kept_with_all_that_is_in_it(here):
    window = a_window(here.ssm)
    here.read()
    row = rows()[window]
    assert (row.kind, row.name, row.gone_at) == ("window", "legacy-sunday", None)
    assert set(row.content) == {"listed", "tags", "read_at", "targets", "tasks"}
    assert unmanaged.targets_in_words(row.content["targets"]) == "tag:Role=web"


def test_what_is_ours_is_not_among_them(here, asked):
    pushed(here.place)
    window = a_window(here.ssm)
    here.read()
    assert set(rows()) == {window}


def test_what_lost_our_mark_is_ours_to_speak_of_in_the_push(here, asked):
    pushed(here.place)
    ours = ResourceState.objects.get(kind="window", label="payments-dev")
    here.ssm.remove_tags_from_resource(
        ResourceType="MaintenanceWindow", ResourceId=ours.aws_id, TagKeys=["patchwarden:installation"]
    )
    here.read()
    assert rows() == {}


def test_a_second_look_costs_the_lists_alone_until_something_changes(here):
    window, baseline = a_window(here.ssm), here.baseline()
    here.read()
    assert here.read() == ["DescribePatchBaselines", "DescribeMaintenanceWindows", "ListAssociations"]
    here.ssm.update_maintenance_window(WindowId=window, Duration=5)
    assert "GetMaintenanceWindowTask" in here.read()
    assert rows()[window].content["listed"]["Duration"] == 5
    assert "GetPatchBaseline" not in here.read()
    here.ssm.update_patch_baseline(BaselineId=baseline, RejectedPatches=["KB5034441"])
    assert "GetPatchBaseline" in here.read(after=unmanaged.DETAILS_EVERY)
    assert rows()[baseline].content["reply"]["RejectedPatches"] == ["KB5034441"]


def test_one_reading_looks_at_so_many_and_the_next_goes_on(here, monkeypatch):
    monkeypatch.setattr(unmanaged, "DETAILS_AT_ONCE", 2)
    for number in range(5):
        here.baseline(f"legacy-{number}")
    counts = []
    for _ in range(3):
        here.read()
        counts.append(Unmanaged.objects.filter(gone_at=None).count())
    assert counts == [2, 4, 5]


def test_what_is_gone_is_marked_and_may_come_back(here):
    window = a_window(here.ssm)
    here.read()
    here.ssm.delete_maintenance_window(WindowId=window)
    here.read()
    assert rows()[window].gone_at == here.now
    Unmanaged.objects.update(aws_id=a_window(here.ssm))
    here.read()
    assert Unmanaged.objects.get().gone_at is None


def test_what_becomes_ours_is_no_longer_listed(here):
    window = a_window(here.ssm)
    here.read()
    mark = Mark("patchwarden", "u", 1).tags()
    here.ssm.add_tags_to_resource(ResourceType="MaintenanceWindow", ResourceId=window, Tags=mark)
    here.read(after=unmanaged.DETAILS_EVERY)
    assert rows()[window].gone_at is not None


def test_nothing_is_written_in_aws(here, simulated_aws):
    a_window(here.ssm)
    before = len(simulated_aws.log())
    here.read()
    assert len(simulated_aws.log()) == before


def test_only_those_who_see_the_whole_account_see_what_is_nobodys(cast, here):
    here.baseline()
    here.read()
    elsewhere = factories.account_region(region="eu-west-1")
    for name in ("ines", "clara", "dora", "axel", "opal"):
        assert unmanaged.visible_to(cast[name], here.place).count() == 1
        assert not unmanaged.visible_to(cast[name], elsewhere).exists()
    for name in ("rita", "omar", "noor", "adam"):
        assert not unmanaged.visible_to(cast[name], here.place).exists()


# Who may ask to bring it under management


def a_row(place, *targets, kind="window", groups=()):
    content = {
        "targets": [{"Targets": list(entries)} for entries in targets],
        "reply": {"PatchGroups": list(groups)},
    }
    now = clock.now()
    return Unmanaged.objects.create(
        account_region=place,
        kind=kind,
        aws_id="x",
        name="x",
        content=content,
        first_seen_at=now,
        last_seen_at=now,
    )


def entry(key, *values):
    return {"Key": key, "Values": list(values)}


@pytest.fixture
def mixed(cast):
    """A place with a web server of payments and one of another team."""
    here = factories.account_region()
    factories.payments()
    lake = factories.application("data-lake", "analytics")
    factories.selector(lake, "prod")
    mine = factories.instance(tags={"Role": "web", "PatchGroup": "legacy"})
    theirs = factories.instance(lake, tags={"Role": "web"})
    return here, mine, theirs


@pytest.mark.parametrize(
    ("targets", "reached"),
    [
        ([[entry("tag:Role", "web")]], 2),
        ([[entry("tag:Role", "web"), entry("tag:PatchGroup", "legacy")]], 1),
        ([[entry("tag-key", "PatchGroup")]], 1),
        ([[entry("tag:Role", "db")], [entry("InstanceIds", "MINE")]], 1),
        ([[entry("resource-groups:Name", "x")]], None),
        ([], 0),
    ],
)
def test_what_a_window_reaches_is_told_from_its_targets(mixed, ines, targets, reached):
    here, mine, _ = mixed
    for entries in targets:
        for one in entries:
            one["Values"] = [mine.instance_id if value == "MINE" else value for value in one["Values"]]
    found = unmanaged.Reach(ines, here).of(a_row(here, *targets))
    assert (None if found is None else len(found)) == reached


def test_a_baseline_reaches_what_its_patch_groups_hold(mixed, ines):
    here, mine, _ = mixed
    assert unmanaged.Reach(ines, here).of(a_row(here, kind="baseline", groups=["legacy"])) == [mine]


def test_the_team_that_owns_all_it_reaches_may_bring_it_and_who_sees_all_if_of_a_team_there(mixed, cast):
    here, mine, _ = mixed
    row = a_row(here, [entry("InstanceIds", mine.instance_id)])
    assert [name for name in cast if unmanaged.Reach(cast[name], here).may_bring(row)] == ["rita", "omar"]
    row.content["targets"] = [{"Targets": [entry("tag:Role", "web")]}]
    assert not unmanaged.Reach(cast["rita"], here).may_bring(row)
    Membership.objects.create(team=people.team("payments"), user=cast["ines"])
    assert unmanaged.Reach(cast["ines"], here).may_bring(row)
    elsewhere = factories.account_region(region="eu-west-1")
    assert not unmanaged.Reach(cast["ines"], elsewhere).may_bring(row)
