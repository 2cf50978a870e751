"""Nothing of the caller's environment reaches a demo."""

import os

import pytest

from portal.demo import environment


@pytest.fixture
def surroundings(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "STATE", tmp_path)
    monkeypatch.setattr(
        os, "environ", {"AWS_PROFILE": "payments-prod", "AWS_SESSION_TOKEN": "real", "HOME": "/"}
    )
    return os.environ


def test_real_credentials_and_endpoints_are_gone(surroundings):
    surroundings["AWS_ENDPOINT_URL_SSM"] = "https://ssm.eu-central-1.amazonaws.com"

    environment.set_up()

    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SSM"} & set(surroundings)
    assert surroundings["AWS_ENDPOINT_URL"] == "http://127.0.0.1:8001"
    assert surroundings["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert surroundings["HOME"] == "/"


def test_a_production_database_of_the_caller_is_not_touched(surroundings, tmp_path):
    surroundings |= {"DATABASE_URL": "postgres://prod/patchwarden", "DEPLOYMENT": "production"}

    environment.set_up()

    assert surroundings["DATABASE_URL"] == f"sqlite:///{tmp_path}/patchwarden.sqlite3"
    assert surroundings["DEPLOYMENT"] == "demo"


def test_the_secret_key_is_made_once_and_kept_private(surroundings, tmp_path):
    environment.set_up()
    first = surroundings["SECRET_KEY"]
    environment.set_up()

    assert surroundings["SECRET_KEY"] == first
    assert len(first) > 60
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
