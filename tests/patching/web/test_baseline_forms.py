"""Baselines written by choosing: every operating system, rules that come and go, and mistakes where they belong."""

import re

import pytest
from django.urls import reverse

from patching import presets
from patching.baseline_rules import vocabularies
from patching.cataloguing import import_file
from patching.contents import items_of
from patching.models import ChangeRequest, Operation, PatchBaseline
from patching.specs import canonical_definition
from patching.web.baseline_forms import BaselineForm
from tests import asks
from tests.patching.bad_baselines import AWS_NAMES, MISTAKES
from tests.patching.catalogue import files
from tests.patching.web.conftest import text_of

WHY = {"title": "A baseline for test", "reason": "Nobody has judged these until now.", "do": "draft"}
NAMED = {"name": "payments-qa", "application": "payments", "environment": "test"}
NEW = "patching:baseline-new"


@pytest.fixture
def client(cast, browse):
    asks.fleet()
    return browse(cast["rita"])


def url(name=NEW, *args, **query):
    return reverse(name, args=args, query=query or None)


def answers(client, address=None, **changes):
    """What the form shows before anybody touches it, and what was filled in since."""
    form = client.get(address or url()).context["form"]
    assert isinstance(form, BaselineForm)
    return {**form.answers(), **NAMED, **WHY, **changes}


def asked(client, said, address=None):
    response = client.post(address or url(), said)
    assert response.status_code == 302, response.context["form"].errors
    (item,) = items_of(ChangeRequest.objects.latest("pk").current)
    return item


def refused(client, said):
    """The form that came back, with nothing kept and nothing sent to AWS."""
    before = ChangeRequest.objects.count()
    response = client.post(url(), said)
    assert response.status_code == 400
    assert (ChangeRequest.objects.count(), Operation.objects.count()) == (before, 0)
    return response.context["form"]


@pytest.mark.parametrize("system", vocabularies())
def test_a_preset_of_every_system_is_asked_for_as_it_is_shown(system, client):
    for preset in presets.of_system(system):
        said = answers(client, url(system=system, preset=preset.key))
        item = asked(client, said)
        assert canonical_definition(item["spec"]["definition"]) == canonical_definition(preset.definition)


def test_an_approved_baseline_opens_as_it_stands(approved, client):
    row = PatchBaseline.objects.get(name="payments-prod-win")
    address = url("patching:baseline-change", row.pk)
    form = client.get(address).context["form"]
    item = asked(client, {**form.answers(), **WHY}, address)
    assert (item["action"], item["spec"]) == ("change", row.spec)


def test_an_approved_baseline_keeps_its_operating_system(approved, client, silent_aws):
    row = PatchBaseline.objects.get(name="payments-prod-win")
    said = answers(client, url(system="SUSE", preset="prod"), name=row.name)
    response = client.post(url("patching:baseline-change", row.pk), said)
    (told,) = response.context["form"].errors["operating_system"]
    assert response.status_code == 400
    assert told == "AWS cannot change the operating system of a baseline; ask for a new one."


def test_rules_come_go_and_move_without_a_script(client):
    said = answers(client, url(system="WINDOWS", preset="prod"))

    def after(wish, given):
        response = client.post(url(), {**given, "edit": wish})
        assert response.status_code == 200
        assert not response.context["form"].errors
        assert ChangeRequest.objects.count() == 0
        return response.context["form"]

    turned = after("down rule 0", said)
    assert [one["level"].value() for one in turned.rules] == ["HIGH", "CRITICAL"]
    more = after("add rule", said)
    assert [one["level"].value() for one in more.rules] == ["CRITICAL", "HIGH", None]
    fewer = after("remove rule 0", said)
    assert [one["days"].value() for one in fewer.rules] == ["14"]
    assert len(after("up rule 0", said).rules) == len(after("nonsense", said).rules) == 2


def test_another_system_brings_its_own_keys(client):
    said = answers(client, url(system="WINDOWS", preset="prod"), operating_system="UBUNTU")
    form = client.post(url(), {**said, "edit": "system"}).context["form"]
    assert form.rules[0].keys == ["PRODUCT", "PRIORITY", "SECTION"]
    assert not {"days", "until"} & set(form.rules[0].fields)
    page = text_of(client.get(url(system="UBUNTU")))
    assert "no release dates" in page


def test_everything_that_a_linux_baseline_can_say_is_said(client):
    said = answers(
        client,
        url(system="AMAZON_LINUX_2023", preset="test"),
        **{
            "description": "For the test servers",
            "approved": "openssl*\nCVE-2026-0001",
            "approved_level": "HIGH",
            "approved_non_security": "on",
            "rejected": "kernel-6.1.*",
            "rejected_action": "BLOCK",
            "only-PRODUCT": ["AmazonLinux2023"],
            "rule-1-days": "",
            "rule-1-until": "2026-06-30",
            "rule-1-non_security": "on",
            "sources": "1",
            "source-0-name": "our-mirror",
            "source-0-products": "AmazonLinux2023",
            "source-0-configuration": "[main]\r\nbaseurl=https://mirror.example.com/al2023",
        },
    )
    definition = asked(client, said)["spec"]["definition"]
    assert definition["GlobalFilters"] == {
        "PatchFilters": [{"Key": "PRODUCT", "Values": ["AmazonLinux2023"]}]
    }
    assert definition["ApprovedPatches"] == ["openssl*", "CVE-2026-0001"]
    assert definition["Sources"][0]["Configuration"] == "[main]\nbaseurl=https://mirror.example.com/al2023"
    assert definition["ApprovalRules"]["PatchRules"][1]["ApproveUntilDate"] == "2026-06-30"
    assert (definition["RejectedPatchesAction"], definition["ApprovedPatchesEnableNonSecurity"]) == (
        "BLOCK",
        True,
    )
    request = ChangeRequest.objects.latest("pk")
    page = client.get(reverse("patching:request-edit", args=[request.pk]))
    assert canonical_definition(
        page.context["form"].filled_from(items_of(request.current)[0]["spec"]) and definition
    )


MIRROR = {
    "sources": "1",
    "source-0-name": "our-mirror",
    "source-0-products": "AmazonLinux2023",
    "source-0-configuration": "[main]",
}


def said_at(form, under):
    """What stands at a field of the form, or of one of its rules or sources."""
    if found := re.fullmatch(r"(rule|source)-(\d+)-(.+)", under):
        pieces = {"rule": form.rules, "source": form.sources}[found[1]]
        return [str(one) for one in pieces[int(found[2])].errors.get(found[3], [])]
    return [str(one) for one in form.errors.get(under, [])]


def test_every_mistake_is_said_under_its_field(client, silent_aws, subtests):
    begun = {
        system: answers(client, url(system=system, preset="prod"))
        for system in ("WINDOWS", "AMAZON_LINUX_2023")
    }
    for one in MISTAKES:
        if one.form is None:
            continue
        with subtests.test(one.what):
            system = "AMAZON_LINUX_2023" if one.definition["OperatingSystem"].startswith("A") else "WINDOWS"
            mirror = MIRROR if "Sources" in one.definition else {}
            form = refused(client, {**begun[system], **mirror, **one.form})
            says = one.shown or one.says
            told = said_at(form, one.under)
            assert any(says in message for message in told), (form.errors, told)
            if "-" in one.under:
                place = re.sub(r"(rule|source)-0-.*", r"\1 1", one.under).capitalize()
                assert any(each.startswith(place) and says in each for each in form.non_field_errors())
            assert "hunter2" not in str(form.errors)


def test_every_mistake_in_a_name_is_said_under_it(client, silent_aws, subtests):
    begun = answers(client, url(system="WINDOWS", preset="prod"))
    for one in AWS_NAMES:
        if one.shown is None:
            continue
        with subtests.test(one.what):
            form = refused(client, {**begun, "name": one.name})
            assert any((one.shown or one.says) in message for message in form.errors["name"]), form.errors


def test_a_setting_that_is_none_is_said_under_it(client):
    said = answers(client, url(system="WINDOWS", preset="prod"), security_updates="PERHAPS")
    assert "Select a valid choice" in refused(client, said).errors["security_updates"][0]


def test_application_patches_need_a_setting(client, settings):
    said = answers(client, url(system="WINDOWS", preset="prod"), **{"rule-1-PATCH_SET": ["APPLICATION"]})
    assert "PATCH_SET" not in client.get(url()).context["form"].rules[0].fields
    settings.ALLOW_APPLICATION_PATCHES = True
    item = asked(client, said)
    keys = [
        one["Key"]
        for one in item["spec"]["definition"]["ApprovalRules"]["PatchRules"][1]["PatchFilterGroup"][
            "PatchFilters"
        ]
    ]
    assert "PATCH_SET" in keys


def test_a_baseline_that_fields_cannot_say_opens_as_json(approved, client):
    row = PatchBaseline.objects.get(name="payments-dev-win")
    twice = [{"Key": "PRODUCT", "Values": ["WindowsServer2019"]}, {"Key": "PRODUCT", "Values": ["*"]}]
    definition = {**row.spec["definition"], "GlobalFilters": {"PatchFilters": twice}}
    PatchBaseline.objects.filter(pk=row.pk).update(spec={**row.spec, "definition": definition})
    page = client.get(url("patching:baseline-change", row.pk))
    assert "WindowsServer2019" in page.context["form"]["items_json"].value()


def test_security_operations_ask_for_what_all_teams_share(cast, browse):
    assert ("", "All teams, shared") in browse(cast["ines"]).get(url()).context["form"].fields[
        "application"
    ].choices
    assert ("", "All teams, shared") not in browse(cast["rita"]).get(url()).context["form"].fields[
        "application"
    ].choices


def test_other_sources_need_the_ciso_too(cast):
    asks.fleet()
    spec = {"name": "al-qa", "application": "payments", "environment": "test"}
    definition = presets.named("AMAZON_LINUX_2023", "test").definition
    source = {"Name": "our-mirror", "Products": ["*"], "Configuration": "baseurl=https://mirror.example.com"}
    plain = asks.drafted(cast["rita"], [_create({**spec, "definition": definition})])
    mirrored = asks.drafted(
        cast["rita"], [_create({**spec, "definition": {**definition, "Sources": [source]}})]
    )
    needs = [asks.workflow.submit(one, by=cast["rita"]).needs for one in (plain, mirrored)]
    assert needs == [["security_operations"], ["security_operations", "ciso"]]


def _create(spec):
    return {"action": "create", "kind": "baseline", "target": None, "spec": spec}


def test_the_effect_stands_beside_the_rules_and_nothing_is_saved(approved, client):
    import_file(files.WINDOWS_KBS, name="kbs.jsonl", format_name="windows-kbs", by=None)
    row = PatchBaseline.objects.get(name="payments-prod-win")
    address = url("patching:baseline-change", row.pk)
    page = client.get(address)
    assert "approved on the day on which it is approved already" in text_of(page)
    before = ChangeRequest.objects.count()
    given = {**page.context["form"].answers(), "rules": "0", "approved": "KB5039217", "do": "preview"}
    looked = client.post(address, given, headers={"HX-Request": "true"})
    (told,) = looked.context["effects"]
    change = told["change"]
    assert (change.groups, change.instances, len(change.newly_blocked)) == (1, 2, 1)
    assert "No longer approved" in text_of(looked)
    assert ChangeRequest.objects.count() == before
