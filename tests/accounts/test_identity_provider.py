"""Signing in by the identity provider of the house: a provider made here, and what a false one tries."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import pytest
from api.own_server import free_port, served_here
from fastapi import FastAPI, Form
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from people import BY, GOOD_PASSWORD

from geosvc.application import create_app
from geosvc.errors import InvalidParameter
from geosvc.settings import Settings
from geosvc.workflows import people

HTML = {"accept": "text/html"}


class House:
    """An identity provider: what it says next can be bent."""

    def __init__(self) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
        self.signing, self.algorithm, self.claims, self.asked = self.key, "RS256", {}, {}
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def metadata():
            return {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys"}

        @app.get("/keys")
        def keys():
            return {"keys": [self.key.as_dict(private=False)]}

        @app.post("/token")
        def token(code: Annotated[str, Form()], code_verifier: Annotated[str, Form()]):
            proof = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).decode().rstrip("=")
            if code != "good" or proof != self.asked["code_challenge"]:
                return {"error": "invalid_grant"}
            claims = {"iss": self.issuer, "aud": "geosvc", "sub": "u1", "exp": int(time.time()) + 300, "nonce": self.asked["nonce"],
                      "preferred_username": "李编辑", **self.claims}
            id_token = jwt.encode({"alg": self.algorithm, "kid": "1"}, {k: v for k, v in claims.items() if v is not None}, self.signing, algorithms=[self.algorithm])
            return {"access_token": "x", "token_type": "Bearer", "id_token": id_token}

        self.app = app

    def asked_by(self, address: str) -> None:
        """Remember what the browser brought."""
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.fixture(scope="module")
def house():
    made = House()
    with served_here(made.app, made.port):
        yield made


@pytest.fixture
def client(settings, store, house):
    house.signing, house.algorithm, house.claims = house.key, "RS256", {}
    people.use_link(store, people.first_link(store), GOOD_PASSWORD, name="王", hours=1)
    people.create_account(store, "李编辑", role="editor", areas=None, **BY)
    mine = Settings(workspace=settings.workspace, oidc_issuer=house.issuer, oidc_client_id="geosvc", oidc_client_secret="s")
    with TestClient(create_app(mine), raise_server_exceptions=False, follow_redirects=False, base_url="http://geosvc.test") as made:
        yield made


def _go(client, house, **back):
    sent = client.get("/sign-in/provider?next=/facilities")
    assert sent.status_code == 303 and sent.headers["location"].startswith(house.issuer)
    house.asked_by(sent.headers["location"])
    return client.get("/sign-in/provider/back", params={"state": house.asked["state"], "code": "good", **back}, headers=HTML)


def test_whoever_the_provider_knows_signs_in_as_their_account(client, house, store):
    """The first time by name, from then on by what the provider calls them, also under another name there."""
    assert "统一身份认证" in client.get("/sign-in").text
    answer = _go(client, house)
    assert (answer.status_code, answer.headers["location"]) == (303, "/facilities")
    assert "李编辑" in client.get("/account").text
    house.claims = {"preferred_username": "李改名"}
    client.cookies.clear()
    assert _go(client, house).status_code == 303
    assert people.account_named(store, "李编辑").oidc_subject == f"{house.issuer}|u1"


@pytest.mark.parametrize("claims", [
    {"nonce": "other"}, {"nonce": None}, {"aud": "other"}, {"aud": None}, {"iss": "http://evil"}, {"exp": 1}, {"exp": None}, {"sub": None},
    {"preferred_username": "王二"}, {"preferred_username": None}, {"preferred_username": ["李编辑"]},
])
def test_what_the_provider_does_not_say_for_us_signs_nobody_in(client, house, claims):
    house.claims = claims
    assert _go(client, house).status_code == 401
    assert client.get("/account", headers=HTML).status_code == 303


def test_a_token_that_somebody_else_signed_is_refused(client, house):
    """Neither another key, nor a shared secret, nor none at all."""
    house.signing = RSAKey.generate_key(2048)
    assert _go(client, house).status_code == 401
    house.signing, house.algorithm = OctKey.import_key("s" * 32), "HS256"
    assert _go(client, house).status_code == 401


@pytest.mark.parametrize("back", [{"state": "other"}, {"code": "bad"}, {"code": ""}, {"state": ""}])
def test_an_answer_to_another_attempt_is_refused(client, house, back):
    """Nobody can be signed in as somebody else by a link."""
    assert _go(client, house, **back).status_code == 401


def test_an_answer_without_a_question_is_refused(client):
    assert client.get("/sign-in/provider/back?state=a&code=good", headers=HTML).status_code == 401


def test_a_second_person_of_the_same_name_does_not_get_the_account(client, house):
    _go(client, house)
    client.cookies.clear()
    house.claims = {"sub": "u2"}
    assert _go(client, house).status_code == 401


def test_a_locked_account_does_not_sign_in(client, house, store):
    people.change_account(store, people.account_named(store, "李编辑").id, locked=True, **BY)
    assert _go(client, house).status_code == 401


def test_a_provider_that_is_silent_is_named(settings, store):
    mine = Settings(workspace=settings.workspace, oidc_issuer=f"http://127.0.0.1:{free_port()}", oidc_client_id="geosvc")
    with TestClient(create_app(mine), raise_server_exceptions=False, follow_redirects=False) as client:
        answer = client.get("/sign-in/provider")
    assert answer.status_code == 503 and "identity provider" in answer.json()["detail"]


def test_without_a_provider_there_is_no_such_page(settings, store):
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        assert client.get("/sign-in/provider").status_code == 404
        assert "统一身份认证" not in client.get("/sign-in").text
    with pytest.raises(InvalidParameter):
        Settings(oidc_issuer="http://x")
