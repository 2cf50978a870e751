"""A demo stays on this machine and on simulated AWS."""

import pytest

from portal.demo.checks import demo_stays_at_home


def ids() -> list[str]:
    return [message.id for message in demo_stays_at_home(None)]


@pytest.fixture(autouse=True)
def at_home(settings, monkeypatch):
    settings.DEPLOYMENT = "demo"
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:8001")


def test_at_home_all_is_well():
    assert ids() == []


def test_production_is_refused(settings):
    settings.DEPLOYMENT = "production"
    assert ids() == ["demo.E001"]


@pytest.mark.parametrize("host", ["*", "0.0.0.0", "patchwarden.example.org", ".localhost.example.org"])
def test_answering_to_the_world_is_refused(settings, host):
    settings.ALLOWED_HOSTS = ["127.0.0.1", host]
    assert ids() == ["demo.E002"]


@pytest.mark.parametrize(
    "endpoint", ["", "https://ssm.eu-central-1.amazonaws.com", "http://127.0.0.1.example.org"]
)
def test_real_aws_is_refused(monkeypatch, endpoint):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert ids() == ["demo.E003"]


def test_real_aws_for_one_service_is_refused(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "https://ssm.eu-central-1.amazonaws.com")
    assert ids() == ["demo.E004"]
