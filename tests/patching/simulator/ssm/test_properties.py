import pytest
from moto.core.utils import get_service_model

from patching.simulator import catalogue
from patching.simulator.ssm.properties import PROPERTIES

SYSTEMS = get_service_model("ssm").shape_for("OperatingSystem").enum


def values(ssm, system, name):
    pages = ssm.get_paginator("describe_patch_properties").paginate(OperatingSystem=system, Property=name)
    return [one["Name"] for page in pages for one in page["Properties"]]


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_that_ssm_knows_has_its_words(simulated_aws, system):
    ssm = simulated_aws.client("ssm")
    by_priority = system in ("UBUNTU", "DEBIAN", "RASPBIAN")

    assert values(ssm, system, "PRODUCT")
    assert bool(values(ssm, system, "PRIORITY")) == by_priority
    assert bool(values(ssm, system, "CLASSIFICATION")) != by_priority


def test_the_words_of_the_catalogue_are_among_them():
    for release in catalogue.load().releases:
        words = PROPERTIES[release.os]
        assert release.products <= set(words["PRODUCT"])
        if release.os != "UBUNTU":
            assert release.classification in words["CLASSIFICATION"]
            severities = words["MSRC_SEVERITY" if release.os == "WINDOWS" else "SEVERITY"]
            assert release.severity in ("", *severities)
