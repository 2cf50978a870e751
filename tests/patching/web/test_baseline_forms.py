"""Baselines written by choosing: every operating system, rules that come and go, and mistakes where they belong."""

import pytest
from django.urls import reverse

from patching import presets
from patching.baseline_rules import vocabularies
from patching.cataloguing import import_file
from patching.effects import items_of
from patching.models import ChangeRequest, Operation, PatchBaseline
from patching.specs import canonical_definition
from patching.web.baseline_forms import BaselineForm
from tests import asks
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


def in_rule(form, number, field):
    return [str(one) for one in form.rules[number].errors.get(field, [])]


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"rule-0-days": "361"}, "days", "0 to 360"),
        ({"rule-0-days": "-1"}, "days", "0 to 360"),
        ({"rule-0-days": "1.5"}, "days", "Whole days"),
        ({"rule-0-days": ""}, "days", "AWS wants one of them"),
        ({"rule-0-until": "2026-01-01"}, "until", "Both days and a date"),
        ({"rule-0-days": "", "rule-0-until": "2026-02-30"}, "until", "date that exists"),
        ({"rule-0-days": "", "rule-0-until": "01/02/2026"}, "until", "date that exists"),
        ({"rule-0-CLASSIFICATION": ["Securty"]}, "CLASSIFICATION", "Did you mean"),
        ({"rule-0-PRODUCT": [f"p{n}" for n in range(21)]}, "PRODUCT", "found 21"),
        ({"rule-0-PRODUCT_more": "x" * 65}, "PRODUCT", "64 characters"),
    ],
)
def test_a_mistake_in_a_rule_is_said_under_its_field(changes, field, says, client):
    form = refused(client, answers(client, url(system="WINDOWS", preset="prod"), **changes))
    assert any(says in message for message in in_rule(form, 0, field)), form.rules[0].errors
    assert any(message.startswith("Rule 1") and says in message for message in form.non_field_errors())


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"operating_system": "windows"}, "operating_system", "Select a valid choice"),
        ({"name": "a"}, "name", "3–128 characters"),
        ({"approved": "KB5039217", "rejected": "KB5039217"}, "rejected", "both lists"),
        ({"approved": "openssl"}, "approved", "no Windows patch"),
        ({"rejected": "\n".join(f"KB50000{n:02}" for n in range(51))}, "rejected", "At most 50"),
        ({"rejected": "*"}, "rejected", "install nothing"),
        ({"description": "x" * 1025}, "description", "At most 1024"),
        ({"rules": "0"}, "__all__", "install nothing"),
        ({"rules": "11"}, "__all__", "At most 10 rules"),
        ({"security_updates": "PERHAPS"}, "security_updates", "Select a valid choice"),
    ],
)
def test_a_mistake_is_said_under_its_field(changes, field, says, client):
    form = refused(client, answers(client, url(system="WINDOWS", preset="prod"), **changes))
    assert any(says in message for message in form.errors.get(field, [])), form.errors


@pytest.mark.parametrize(
    ("configuration", "says"),
    [("[main]\nbaseurl=https://me:secret@mirror.example.com/", "password"), ("x" * 1025, "1024 characters")],
)
def test_a_source_with_a_secret_or_too_much_is_refused_without_repeating_it(configuration, says, client):
    said = answers(
        client,
        url(system="UBUNTU"),
        **{
            "sources": "1",
            "source-0-name": "our-mirror",
            "source-0-products": "Ubuntu22.04",
            "source-0-configuration": configuration,
        },
    )
    form = refused(client, said)
    (message,) = form.sources[0].errors["configuration"]
    assert says in message
    assert "secret" not in message


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
