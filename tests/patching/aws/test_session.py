"""Clients are made under the account's own role, and only there."""

from types import SimpleNamespace

import pytest

from patching.aws import session
from patching.aws.errors import AwsBusy, AwsDenied, AwsError
from tests.simulated_aws import REGION, RETAIL, SHARED


@pytest.fixture
def place(simulated_aws):
    session.forget()
    account = SimpleNamespace(
        account_id=RETAIL, role_name="PatchwardenRole", external_id=simulated_aws.external_id(RETAIL)
    )
    return SimpleNamespace(region=REGION, account=account)


def test_a_client_works_in_the_declared_account_under_our_name(place):
    clients = session.clients(place)
    agents = []
    clients.ssm.meta.events.register(
        "before-send", lambda request, **_: agents.append(request.headers["User-Agent"])
    )
    clients.ssm.describe_maintenance_windows()
    assert (clients.account_id, clients.partition) == (RETAIL, "aws")
    assert b"patchwarden" in agents[0]
    assert clients.role_arn("PatchwardenRestore") == f"arn:aws:iam::{RETAIL}:role/PatchwardenRestore"


def test_a_session_is_kept_while_it_is_fresh(place):
    assert session.clients(place) is session.clients(place)
    first = session.clients(place)
    session.forget()
    assert session.clients(place) is not first


@pytest.mark.parametrize("external_id", ["wrong-external-id", ""])
def test_without_the_right_external_id_there_is_no_way_in(place, external_id):
    place.account.external_id = external_id
    with pytest.raises(AwsError, match=r"Assuming PatchwardenRole in 211125483017"):
        session.clients(place)


def test_an_unknown_role_is_denied(place):
    place.account.role_name = "SomebodyElses"
    with pytest.raises(AwsDenied) as denied:
        session.clients(place)
    assert denied.value.code == "AccessDenied"


def test_a_role_that_leads_into_another_account_is_refused(place, simulated_aws, monkeypatch):
    """A mistaken trust policy must not make us write in the wrong account."""
    other = simulated_aws.client("sts", SHARED)
    credentials = {
        "AccessKeyId": other._request_signer._credentials.access_key,
        "SecretAccessKey": other._request_signer._credentials.secret_key,
        "SessionToken": other._request_signer._credentials.token,
    }
    place.account.role_name = "Misled"
    core = session._session()
    real = core.create_client

    def create_client(service, **given):
        made = real(service, **given)
        made.assume_role = lambda **_: {"Credentials": credentials}
        return made

    core.create_client = create_client
    monkeypatch.setattr(session, "_session", lambda: core)
    with pytest.raises(AwsDenied, match="led into account 334455667788, not into 211125483017"):
        session.clients(place)


def test_silence_is_busy(place, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(AwsBusy, match="AWS did not answer"):
        session.clients(place)
