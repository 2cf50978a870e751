"""The mark that says whose something is, and how it is read back."""

import pytest

from patching.aws import marks
from patching.aws.marks import Ids, Mark, Names
from patching.specs import Key

MARK = Mark("patchwarden", "6a3f6c5e-5a0f-4a5e-9d3c-6f0f6d3a2b11", 12)


def test_a_mark_reads_back_from_wherever_it_was_written():
    assert marks.from_tags(MARK.tags(), "patchwarden") == MARK
    assert marks.from_owner_information(MARK.owner_information(), "patchwarden") == MARK
    assert marks.from_name(MARK.name(), "patchwarden") == MARK
    assert len(MARK.name()) <= 64  # EventBridge Scheduler's limit, the tightest


@pytest.mark.parametrize(
    "tags",
    [
        [],
        [{"Key": marks.RESOURCE, "Value": "uid"}],
        [{"Key": marks.INSTALLATION, "Value": "elsewhere"}, {"Key": marks.RESOURCE, "Value": "uid"}],
        [{"Key": marks.INSTALLATION, "Value": "patchwarden"}, {"Key": marks.RESOURCE, "Value": ""}],
    ],
)
def test_without_both_tags_it_is_not_ours(tags):
    assert marks.from_tags(tags, "patchwarden") is None


@pytest.mark.parametrize("text", ["", "nightly", "pw", "pw.uid", "pw.uid.x", "xpw.uid.1", "pw.uid.1\n"])
def test_another_name_is_not_a_mark(text):
    assert marks.from_name(text, "patchwarden") is None


def test_a_spoilt_incarnation_is_the_zeroth():
    tags = [*MARK.tags()[:2], {"Key": marks.INCARNATION, "Value": "²"}]
    assert marks.from_tags(tags, "patchwarden") == Mark("patchwarden", MARK.uid, 0)


def test_a_uid_of_another_kind_is_nobody_we_know():
    names = Names({"uid": Key("window", "w")}, {})
    assert names.key("window", "uid") == Key("window", "w")
    assert names.key("baseline", "uid") == Key("baseline", "unknown uid")


def test_an_id_without_an_owner_stands_for_itself():
    names = Names({}, {})
    names.learn("mw-1", Key("window", "w"))
    assert (names.of_id("mw-1"), names.of_id("mw-2"), names.ids("window")) == ("w", "mw-2", ["mw-1"])


def test_an_unknown_parent_is_not_in_the_ids():
    ids = Ids({Key("window", "w"): ""})
    assert Key("window", "w") not in ids
    ids.learn(Key("window", "w"), "mw-1")
    assert Key("window", "w") in ids
