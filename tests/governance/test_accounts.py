"""Single sign-on, with a provider on this machine: who was let in is known by a verified address, nobody else."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.template.loader import render_to_string
from django.urls import reverse

from portal.governance import granting
from tests import people


class Provider:
    """An OpenID Connect provider that says what a test puts into ``says``."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(provider.document() if ".well-known" in self.path else provider.says)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._answer({"access_token": "given", "token_type": "Bearer"})

            def _answer(self, body: dict[str, Any]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
        }


@pytest.fixture
def provider(settings) -> Iterator[Provider]:
    one = Provider()
    app = {
        "provider_id": "sso",
        "name": "Single sign-on",
        "client_id": "patchwarden",
        "secret": "shared",
        "settings": {"server_url": one.url},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def rita_let_in(db):
    return granting.hire("rita", "Rita Braun", "rita@example.com", by=None)


def sign_in(client, provider: Provider, **says: Any) -> Any:
    """What a browser does: to the provider with the sign-in form, and back with its code."""
    provider.says = {"sub": "248289761001", **says}
    sent = client.post(reverse("openid_connect_login", args=["sso"]))
    assert sent.status_code == 302
    assert sent["Location"].startswith(f"{provider.url}/authorize")
    (state,) = parse_qs(urlsplit(sent["Location"]).query)["state"]
    return client.get(reverse("openid_connect_callback", args=["sso"]), {"code": "1", "state": state})


def signed_in(client) -> str:
    return client.session.get("_auth_user_id", "")


@pytest.mark.parametrize("verified", [True, "true"])
def test_the_first_sign_in_finds_who_was_let_in_by_their_verified_address(
    client, provider, rita_let_in, verified
):
    answer = sign_in(client, provider, email="Rita@Example.com", email_verified=verified)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert signed_in(client) == str(rita_let_in.pk)
    assert SocialAccount.objects.get().user == rita_let_in


def test_later_she_is_known_by_the_providers_id_whatever_her_address(client, provider, rita_let_in):
    sign_in(client, provider, email="rita@example.com", email_verified=True)
    client.logout()
    sign_in(client, provider, email="rita.meier@example.com", email_verified=False)
    assert signed_in(client) == str(rita_let_in.pk)


@pytest.mark.parametrize("verified", [False, "false", None, ""])
def test_an_address_that_nobody_verified_opens_nothing(client, provider, rita_let_in, verified):
    answer = sign_in(client, provider, email="rita@example.com", email_verified=verified)
    assert "Nobody has let you in yet" in answer.content.decode()
    assert signed_in(client) == ""
    assert not SocialAccount.objects.exists()


def test_a_stranger_is_told_whom_to_ask_and_makes_no_account(client, provider, rita_let_in):
    answer = sign_in(client, provider, email="mallory@example.com", email_verified=True)
    assert "Ask an administrator" in answer.content.decode()
    assert signed_in(client) == ""
    assert people.User.objects.count() == 1


@pytest.mark.parametrize("known", [False, True])
def test_whoever_was_shut_out_stays_out(client, provider, rita_let_in, known):
    if known:
        sign_in(client, provider, email="rita@example.com", email_verified=True)
        client.logout()
    granting.deactivate(rita_let_in, by=None)
    sign_in(client, provider, email="rita@example.com", email_verified=True)
    assert signed_in(client) == ""


def test_the_sign_in_page_leads_there_by_a_form(provider, rf, db):
    door = render_to_string("socialaccount/snippets/login.html", request=rf.get("/"))
    assert f'action="{reverse("openid_connect_login", args=["sso"])}?process=login"' in door
    assert 'method="post"' in door
    assert "Single sign-on" in door
