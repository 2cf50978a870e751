import pytest

from patching.simulator.errors import Fault
from patching.simulator.validation import check_request, shaped_reply

WINDOW = {
    "Name": "payments-prod-a",
    "Schedule": "rate(7 days)",
    "Duration": 4,
    "Cutoff": 1,
    "AllowUnassociatedTargets": False,
}


def refusal(operation, request):
    with pytest.raises(Fault) as refused:
        check_request("ssm", operation, request)
    assert refused.value.code == "ValidationException"
    return refused.value.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"Name": "two words"},
            r"at 'name' failed to satisfy constraint: Member must satisfy regular expression",
        ),
        (
            {"Duration": 25},
            "Value '25' at 'duration' failed to satisfy constraint: Member must have value less than",
        ),
        ({"Cutoff": -1}, "Member must have value greater than or equal to 0"),
        (
            {"Schedule": "x" * 257},
            "at 'schedule' failed to satisfy constraint: Member must have length less than",
        ),
        (
            {"Schedule": None},
            "Value null at 'schedule' failed to satisfy constraint: Member must not be null",
        ),
        ({"Tags": [{"Key": "a", "Value": "cron(0 2 ? * * *)"}]}, "at 'tags.1.member.value'"),
        ({"Duration": "4"}, "at 'duration' failed to satisfy constraint: Member must be a number"),
    ],
)
def test_a_request_is_held_to_the_whole_service_model(changes, words):
    assert words in refusal("CreateMaintenanceWindow", WINDOW | changes)


def test_every_mistake_is_named_at_once():
    message = refusal("CreateMaintenanceWindow", WINDOW | {"Name": "a b", "Duration": 99})

    assert message.startswith("2 validation errors detected: ")


def test_what_is_sensitive_is_not_repeated():
    message = refusal("CreateMaintenanceWindow", WINDOW | {"Description": "secret" * 50})

    assert "Value at 'description'" in message
    assert "secret" not in message


def test_five_filters_pass_although_the_model_says_four():
    rule = {
        "PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}] * 5},
        "ApproveAfterDays": 0,
    }

    check_request("ssm", "CreatePatchBaseline", {"Name": "five", "ApprovalRules": {"PatchRules": [rule]}})

    rule["PatchFilterGroup"]["PatchFilters"] *= 2
    assert "length less than or equal to 5" in refusal(
        "CreatePatchBaseline", {"Name": "ten", "ApprovalRules": {"PatchRules": [rule]}}
    )


def test_a_reply_that_aws_could_not_give_is_noticed():
    reply = {"WindowId": 7, "Colour": "red", "Enabled": True, "CreatedDate": "2026-06-01T06:00:00Z"}

    shaped, problems = shaped_reply("ssm", "GetMaintenanceWindow", reply)

    assert problems == [
        "GetMaintenanceWindow.Colour: AWS's reply has no such member",
        "GetMaintenanceWindow.WindowId: int where AWS has string",
    ]
    assert "Colour" not in shaped
    assert shaped["CreatedDate"].year == 2026


def test_patch_states_are_spelt_as_aws_spells_them_and_not_as_its_model_does():
    row = {"Title": "t", "KBId": "k", "Classification": "c", "Severity": "s", "State": "InstalledOther"}

    _, problems = shaped_reply(
        "ssm", "DescribeInstancePatches", {"Patches": [row | {"InstalledTime": "2026-06-01T06:00:00Z"}]}
    )

    assert problems == []
