"""Intrinsic functions are worked out as far as the template allows; what is not known says what would supply it."""

import pytest

from patching.exchange.cloudformation.intrinsics import Scope
from patching.exchange.unresolved import Reference, Unresolved

TEMPLATE = {
    "Parameters": {
        "Stage": {"Type": "String", "Default": "dev"},
        "Zones": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Days": {"Type": "Number", "Default": 7},
        "Open": {"Type": "String"},
        "Level": {"Type": "String", "Default": "LOUD", "AllowedValues": ["HIGH", "LOW"]},
    },
    "Mappings": {"Delay": {"dev": {"days": 0}, "prod": {"days": 14}}},
    "Conditions": {
        "IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
        "IsProd": {"Fn::Not": [{"Condition": "IsDev"}]},
        "Either": {"Fn::Or": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
        "Both": {"Fn::And": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
        "Unknown": {"Fn::Equals": [{"Ref": "Open"}, "x"]},
        "Round": {"Condition": "Round"},
    },
    "Resources": {
        "Window": {"Type": "AWS::SSM::MaintenanceWindow"},
        "Role": {"Type": "AWS::IAM::Role"},
        "Hook": {"Type": "AWS::SSM::Document", "Properties": {"Name": {"Fn::Sub": "hook-${Stage}"}}},
    },
}


def value(node, **given):
    return Scope(TEMPLATE, given, "211125483017", "eu-central-1").value(node)


@pytest.mark.parametrize(
    ("node", "worked"),
    [
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "Days"}, 7),
        ({"Ref": "Zones"}, ["a", "b"]),
        ({"Ref": "AWS::AccountId"}, "211125483017"),
        ({"Ref": "Window"}, Reference("Window")),
        ({"Ref": "Hook"}, "hook-dev"),
        ({"Fn::Sub": "${Stage}-${AWS::Region}-${!Literal}"}, "dev-eu-central-1-${Literal}"),
        ({"Fn::Sub": ["${Stage}/${Own}", {"Own": {"Ref": "Days"}}]}, "dev/7"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]}, "a-dev"),
        ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
        ({"Fn::Select": [1, {"Ref": "Zones"}]}, "b"),
        ({"Fn::FindInMap": ["Delay", {"Ref": "Stage"}, "days"]}, 0),
        ({"Fn::If": ["IsDev", "yes", "no"]}, "yes"),
        ({"Fn::If": ["IsProd", "yes", "no"]}, "no"),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
    ],
)
def test_what_can_be_known_is_worked_out(node, worked):
    assert value(node) == worked


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"Ref": "Open"}, "the parameter Open, which has no value"),
        ({"Ref": "Level"}, "the template allows HIGH, LOW"),
        ({"Ref": "Nobody"}, "neither a parameter nor a resource"),
        ({"Ref": "Role"}, "exists only after the template was deployed"),
        ({"Ref": "AWS::StackName"}, "known only when a stack is made"),
        ({"Fn::GetAtt": ["Role", "Arn"]}, "It needs Role.Arn"),
        ({"Fn::ImportValue": "shared-role"}, "from another stack"),
        ({"Fn::Sub": "a-${Open}"}, "the parameter Open"),
        ({"Fn::Join": ["-", [{"Ref": "Open"}]]}, "the parameter Open"),
        ({"Fn::If": ["Unknown", 1, 2]}, "the parameter Open"),
        ({"Fn::If": ["Round", 1, 2]}, "depends on itself"),
        ({"Fn::If": ["Nobody", 1, 2]}, "is not in the template"),
        ({"Fn::FindInMap": ["Delay", "test", "days"]}, "finds nothing"),
        ({"Fn::Select": [9, ["a"]]}, "a list that is long enough"),
        ({"Fn::Cidr": ["10.0.0.0/8", 1]}, "worked out by AWS"),
        ({"Fn::Join": ["", ["x" * 9000] * 9]}, "more than 20000 characters"),
        ({"Fn::Sub": "${Stage}" * 9000}, "more than 20000 characters"),
    ],
)
def test_what_cannot_be_known_says_what_would_supply_it(node, words):
    found = value(node)
    assert isinstance(found, Unresolved)
    assert words in found.why


def test_a_given_value_comes_before_the_default_and_a_stack_s_own_can_be_given_too():
    given = {"Stage": "prod", "AWS::StackName": "patching"}
    node = {"Fn::Sub": "${Stage}-${AWS::StackName}"}
    assert Scope(TEMPLATE, given).value(node) == "prod-patching"
