"""The page of an exemption says where else it shows, since when, or in AWS's words why not."""

import pytest
from django.urls import reverse

from exemptions.models import Exemption, Mirrored
from exemptions.web import shown_elsewhere
from portal.governance import clock
from tests.exemptions import asks


@pytest.fixture
def exemption(cast):
    return asks.approved(cast["rita"], asks.servers(1))


def mirrored(exemption, kind, **fields):
    (one,) = exemption.instances.all()
    given = {"exemptions": [exemption.number], "digest": "d", "changed_at": clock.now(), **fields}
    return Mirrored.objects.create(kind=kind, account_region=one.account_region, key=one.instance_id, **given)


def shown(exemption):
    return shown_elsewhere.of(exemption, list(exemption.instances.all()))


def test_with_all_mirrors_off_it_shows_nowhere_else(exemption):
    assert shown(exemption) == []


def test_each_mirror_says_how_much_and_since_when(exemption):
    row = mirrored(exemption, "security_hub", findings=2)
    mirrored(exemption, "compliance_items")
    hub, items = shown(exemption)
    assert (hub.text, hub.since, hub.word) == ("2 findings on 1 instance", row.changed_at, "Written")
    assert items.text == "On 1 instance"


@pytest.mark.parametrize("other", [{"exemptions": ["EX-999"]}, {"exemptions": []}])
def test_what_shows_for_another_exemption_is_not_its_own(exemption, other):
    mirrored(exemption, "compliance_items", **other)
    assert shown(exemption) == []


def test_what_was_begun_and_not_ended_is_not_called_written(exemption):
    mirrored(exemption, "compliance_items", digest="")
    (one,) = shown(exemption)
    assert (one.word, one.since) == ("Not written yet", None)


@pytest.mark.parametrize(
    "kind", [{"kind": "node_deferral"}, {"kind": "patch_exclusion", "patches": ["KB5039227"]}], ids=str
)
def test_the_page_of_either_kind_gives_the_words_of_what_failed(exemption, browse, cast, kind):
    Exemption.objects.filter(pk=exemption.pk).update(**kind)
    mirrored(exemption, "security_hub", digest="", error="AWS does not allow it.")
    page = browse(cast["rita"]).get(reverse("exemptions:exemption-detail", args=[exemption.pk]))
    text = page.content.decode()
    assert "Findings suppressed in Security Hub" in text
    assert "AWS does not allow it. It is tried again every five minutes." in text
