"""The command for every format: what it cannot read it says, and what it cannot take it leaves out by name."""

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from patching.exchange import formats
from patching.models import ChangeRequest, Operation
from tests import asks, factories
from tests.patching.bad_baselines import MISTAKES
from tests.patching.bad_files import BAD_FILES, GOOD_NAME, PARTLY, WHERE, file_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(tmp_path, rita, silent_aws):
    """What the command answers as JSON, and the status with which it ends."""
    factories.payments()
    place = factories.account_region()
    into = ["--into", f"{place.account.account_id}/{place.region}", "--application", "payments"]
    who = ["--environment", "dev", "--as", "rita", "--title", asks.TITLE, "--reason", asks.REASON]

    def command(content, *arguments):
        file, out = tmp_path / "setup", io.StringIO()
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            call_command("import_resources", str(file), *into, *who, *arguments, "--json", stdout=out)
        except SystemExit as stop:
            return json.loads(out.getvalue()), stop.code
        return json.loads(out.getvalue()), 0

    return command


@pytest.mark.parametrize("file_format", formats.FORMATS)
def test_a_file_leaves_out_each_bad_baseline_and_says_why(file_format, run):
    content = file_of([one.definition for one in MISTAKES], file_format)
    told, status = run(content, "--format", file_format, "--draft")
    refused = dict(one.split(": ", 1) for one in told["refused"])
    missing = {
        one.what: message
        for number, one in enumerate(MISTAKES)
        if one.says not in (message := refused.get(WHERE[file_format].format(number), "taken"))
    }
    assert missing == {}
    assert (status, [one["spec"]["name"] for one in told["items"]]) == (1, [GOOD_NAME])
    assert told["request"] == ChangeRequest.objects.get().number
    assert not Operation.objects.exists()


@pytest.mark.parametrize("one", BAD_FILES, ids=lambda one: one.what)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(one, run):
    with pytest.raises(CommandError) as refused:
        run(one.content, "--draft")
    assert one.says in str(refused.value)
    assert refused.value.returncode == 2
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize("one", PARTLY, ids=lambda one: one.what)
def test_what_of_a_file_cannot_be_taken_is_named_and_the_rest_is_taken(one, run):
    told, status = run(one.content)
    assert any(one.says in each for each in told["notes" if one.is_note else "refused"])
    assert GOOD_NAME in {each["spec"]["name"] for each in told["items"]}
    assert status == (1 if told["refused"] else 0)
