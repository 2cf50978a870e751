"""Set-up pages: operators connect accounts, security operations give instances to applications, nobody else does."""

import json
import re

import pytest
import yaml
from django.urls import reverse
from django.utils.html import escape

from patching.models import AccountRegion, Application, AwsAccount, Environment, Selector
from portal.governance import audit
from tests import factories, people
from tests.simulated_aws import RETAIL

HUB = "arn:aws:iam::111111111111:role/PatchwardenHub"


def page(client, where, /, *args, **data):
    return client.get(reverse(f"patching:{where}", args=args), data)


def post(client, where, /, *args, **data):
    return client.post(reverse(f"patching:{where}", args=args), data)


# Accounts


def test_an_operator_connects_an_account_and_copies_what_it_needs(opal, browse, settings):
    settings.HUB_ROLE_ARN = HUB
    client = browse(opal)
    answer = post(
        client,
        "account-connect",
        account_id="2111-2548-3017",
        name="Retail",
        regions="eu-central-1, us-east-1",
    )
    account = AwsAccount.objects.get()
    assert account.account_id == "211125483017"
    assert sorted(account.regions.values_list("region", flat=True)) == ["eu-central-1", "us-east-1"]
    text = client.get(answer.url).content.decode()
    assert text.count(account.external_id) == 3
    assert escape(json.dumps({"AWS": HUB})[1:-1]) in text
    assert "ssm:CreateMaintenanceWindow" in text


def test_without_a_hub_role_the_page_says_so_instead_of_a_policy_that_trusts_nobody(opal, browse):
    answer = page(browse(opal), "account-setup", factories.account().pk)
    assert b"HUB_ROLE_ARN" in answer.content
    assert b"sts:ExternalId" not in answer.content


def test_both_roles_are_downloaded_as_one_template(opal, browse, settings):
    settings.HUB_ROLE_ARN = HUB
    account = factories.account()
    as_yaml = page(browse(opal), "account-template", account.pk)
    as_json = page(browse(opal), "account-template", account.pk, format="json")
    assert 'filename="patchwarden-211125483017.yaml"' in as_yaml["Content-Disposition"]
    assert 'filename="patchwarden-211125483017.json"' in as_json["Content-Disposition"]
    document = as_json.json()
    assert yaml.safe_load(as_yaml.content) == document
    assert [one["Properties"]["RoleName"] for one in document["Resources"].values()] == [
        "PatchwardenRole",
        "PatchwardenRestore",
    ]


def test_a_template_that_would_trust_nobody_is_not_there(opal, browse):
    account = factories.account()
    assert page(browse(opal), "account-template", account.pk).status_code == 404
    assert b"CloudFormation" not in page(browse(opal), "account-setup", account.pk).content


def test_the_connection_is_checked_from_the_set_up_page(opal, browse, simulated_aws):
    place = factories.account_region(factories.account(external_id=simulated_aws.external_id(RETAIL)))
    answer = post(browse(opal), "prove", place.pk, back="setup")
    assert answer.url == reverse("patching:account-setup", args=[place.account_id])
    text = browse(opal).get(answer.url).content.decode()
    assert "Proved" in text
    AwsAccount.objects.update(external_id="another-one")
    client = browse(opal)
    answer = post(client, "prove", place.pk)
    assert answer.url == reverse("patching:account-detail", args=[place.pk])
    assert "another external id" in client.get(answer.url).content.decode()


def test_what_is_wrong_with_an_account_is_said_by_field_and_kept(opal, browse):
    answer = post(browse(opal), "account-connect", account_id="12", name="Retail", regions="Frankfurt")
    assert answer.status_code == 400
    assert set(answer.context["form"].errors) == {"account_id", "regions"}
    assert 'value="Frankfurt"' in answer.content.decode()
    assert not AwsAccount.objects.exists()


@pytest.mark.parametrize("name", ["rita", "omar", "ines", "clara", "axel", "adam", "noor"])
def test_nobody_else_connects_accounts_or_sees_external_ids(cast, browse, name):
    client, account = browse(cast[name]), factories.account()
    assert page(client, "account-connect").status_code == 403
    assert page(client, "account-setup", account.pk).status_code == 403
    answer = post(client, "account-connect", account_id="334455667788", name="X", regions="eu-central-1")
    assert (answer.status_code, AwsAccount.objects.count()) == (403, 1)


# Applications


def test_an_application_comes_with_its_team_and_then_its_selector(ines, browse):
    client, team, place = browse(ines), people.team("payments"), factories.account_region()
    factories.environment("prod")
    answer = post(client, "application-add", name="Payments", slug="payments", team=team.pk)
    made = Application.objects.get()
    assert answer.url == reverse("patching:selector-add", args=[made.pk])
    answer = post(
        client,
        "selector-add",
        made.pk,
        environment=Environment.objects.get().pk,
        place=place.pk,
        tags="App=payments\n Environment = prod ",
    )
    assert answer.url == reverse("patching:application-detail", args=[made.pk])
    assert Selector.objects.get().tags == {"App": "payments", "Environment": "prod"}
    assert audit.verify().holds


def test_what_a_selector_matches_is_shown_before_it_counts(ines, browse):
    payments, other = factories.application(), factories.application("claims-web", "claims")
    factories.instance(payments, tags={"App": "payments"})
    factories.instance(other, tags={"App": "other"})
    answer = post(
        browse(ines),
        "selector-add",
        payments.pk,
        environment=factories.environment().pk,
        place=factories.account_region().pk,
        tags="App=payments",
        look="1",
    )
    assert (answer.status_code, answer.context["matches"]) == (200, 1)
    assert b"App=payments</textarea>" in answer.content
    assert not Selector.objects.exists()


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ("App", "no KEY=VALUE"),
        ("App=", "no KEY=VALUE"),
        ("App=a\nApp=b", "twice"),
        ("App=payments", "differ"),
    ],
)
def test_tags_that_say_nothing_or_could_match_anothers_are_refused(ines, browse, tags, words):
    factories.payments()
    claims = factories.application("claims-web", "claims")
    answer = post(
        browse(ines),
        "selector-add",
        claims.pk,
        environment=factories.environment().pk,
        place=factories.account_region().pk,
        tags=tags,
    )
    assert answer.status_code == 400
    assert words in answer.context["form"].errors["tags"][0]
    assert not claims.selectors.exists()


def test_a_selector_is_taken_back_and_its_place_read_again(ines, browse):
    payments = factories.payments()
    AccountRegion.objects.update(next_pull_at=None)
    selector = payments.selectors.first()
    post(browse(ines), "selector-remove", payments.pk, selector.pk)
    assert payments.selectors.count() == 2
    assert AccountRegion.objects.get().next_pull_at is not None


def test_a_selector_of_another_application_is_not_there(ines, browse):
    payments, claims = factories.payments(), factories.application("claims-web", "claims")
    assert post(browse(ines), "selector-remove", claims.pk, payments.selectors.first().pk).status_code == 404


def test_an_environment_comes_last_in_the_order(ines, browse):
    factories.environment("dev")
    post(browse(ines), "environment-add", name="Production", slug="prod", is_production="on")
    prod = Environment.objects.get(slug="prod")
    assert (prod.rank, prod.is_production) == (2, True)
    again = post(browse(ines), "environment-add", name="Production", slug="prod")
    assert "slug" in again.context["form"].errors


@pytest.mark.parametrize("name", ["rita", "omar", "clara", "axel", "opal", "adam"])
def test_nobody_else_gives_instances_to_applications(cast, browse, name):
    client, payments = browse(cast[name]), factories.payments()
    assert page(client, "application-add").status_code == 403
    assert page(client, "environment-add").status_code == 403
    assert post(client, "application-add", name="X", slug="xx", team=1).status_code == 403
    assert post(client, "selector-add", payments.pk, tags="A=b").status_code == 403
    assert post(client, "selector-remove", payments.pk, payments.selectors.first().pk).status_code == 403
    assert payments.selectors.count() == 3


def test_selectors_say_how_many_instances_each_matches(rita, browse):
    payments = factories.payments()
    factories.instance(payments)
    factories.instance(payments)
    shown = page(browse(rita), "application-detail", payments.pk).context["selectors"]
    assert {one["row"].environment.slug: one["matches"] for one in shown} == {"dev": 0, "test": 0, "prod": 2}


def test_what_belongs_to_nobody_is_listed_with_the_reason(ines, browse):
    factories.payments()
    lost = factories.instance(application=None, environment=None, name="lost", tags={"Owner": "?"})
    fresh = factories.instance(
        application=None, environment=None, name="fresh", tags={"App": "payments", "Environment": "prod"}
    )
    factories.instance(name="owned")
    why = {str(one): one.why for one in page(browse(ines), "application-list").context["unowned"]}
    assert set(why) == {str(lost), str(fresh)}
    assert why["lost"] == "No selector matches its tags"
    assert "payments matches" in why["fresh"]


def test_a_team_sees_its_applications_and_nobodys_instances_stay_hidden(rita, noor, browse):
    payments = factories.payments()
    factories.instance(application=None, environment=None, name="lost")
    mine, hers = page(browse(rita), "application-list"), page(browse(noor), "application-list")
    assert [str(one) for one in mine.context["page"]] == ["payments"]
    assert list(hers.context["page"]) == []
    assert "unowned" not in mine.context
    assert page(browse(noor), "application-detail", payments.pk).status_code == 404


def test_the_list_exports_what_it_shows(ines, browse):
    factories.payments()
    lines = b"".join(page(browse(ines), "application-list", format="csv").streaming_content).decode()
    assert re.search(r"^Payments,payments,Payments Platform,.*3,0", lines, re.M)
