"""An identity provider of the house (OpenID Connect, code flow with PKCE), where one is configured.

The provider says who somebody is; what they may do says their account here, which an administrator
makes beforehand. Authlib speaks the protocol, joserfc checks the signature of the ID token.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from geosvc.accounts.tokens import new_token
from geosvc.errors import NotSignedIn, StoreError

if TYPE_CHECKING:
    from geosvc.settings import Settings

_SECONDS = 10
_LEEWAY_SECONDS = 60
_KEEP_SECONDS = 3600
# Signed by the provider alone: a secret that both know (HS256) or none at all is refused.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What a browser keeps while its owner is at the provider, to be compared on the way back."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Attempt:
        """Return an attempt that nobody can guess."""
        return cls(state=new_token(), nonce=new_token(), verifier=new_token())


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the provider says it is: ``subject`` never changes, ``name`` is what an account here is called."""

    subject: str
    name: str | None


class Provider:
    """The provider that is configured; its addresses and keys are asked for once an hour."""

    def __init__(self, settings: Settings) -> None:
        """Keep what is configured."""
        self._settings = settings
        self._lock = threading.Lock()
        self._kept: tuple[float, dict[str, Any], KeySet] | None = None

    def address(self, attempt: Attempt, redirect_uri: str) -> str:
        """Return where a browser is sent to sign in.

        Raises
        ------
        StoreError
            If the provider cannot be reached.
        """
        metadata, _keys = self._told()
        url, _state = self._session(redirect_uri).create_authorization_url(
            metadata["authorization_endpoint"], state=attempt.state, code_verifier=attempt.verifier, nonce=attempt.nonce)
        return str(url)

    def identity(self, attempt: Attempt, *, state: str | None, code: str | None, redirect_uri: str) -> Identity:
        """Return who came back from the provider.

        Raises
        ------
        NotSignedIn
            If the answer is not to this attempt, or is not signed by the provider for us.
        StoreError
            If the provider cannot be reached.
        """
        if not code or state != attempt.state:
            raise NotSignedIn("the answer of the identity provider does not belong to this browser's attempt; sign in again")
        metadata, keys = self._told()
        try:
            token = self._session(redirect_uri).fetch_token(
                metadata["token_endpoint"], code=code, grant_type="authorization_code", code_verifier=attempt.verifier, timeout=_SECONDS)
            decoded = jwt.decode(str(token.get("id_token", "")), keys, algorithms=_ALGORITHMS)
            self._check(decoded.claims, attempt)
        except (AuthlibBaseError, JoseError, ValueError) as error:
            raise NotSignedIn(f"the identity provider's answer is not good ({type(error).__name__}); sign in again") from error
        except requests.RequestException as error:
            raise self._silent(error) from error
        name = decoded.claims.get(self._settings.oidc_claim)
        return Identity(subject=f"{self._settings.oidc_issuer}|{decoded.claims['sub']}", name=name if isinstance(name, str) else None)

    def _check(self, claims: dict[str, Any], attempt: Attempt) -> None:
        jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS, iss={"essential": True, "value": self._told()[0]["issuer"]},
            aud={"essential": True, "value": self._settings.oidc_client_id}, sub={"essential": True}, exp={"essential": True},
            nonce={"essential": True, "value": attempt.nonce},
        ).validate(claims)

    def _session(self, redirect_uri: str) -> OAuth2Session:
        return OAuth2Session(
            self._settings.oidc_client_id, self._settings.oidc_client_secret, scope="openid profile email", redirect_uri=redirect_uri,
            code_challenge_method="S256")

    def _told(self) -> tuple[dict[str, Any], KeySet]:
        with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] > _KEEP_SECONDS:
                issuer = self._settings.oidc_issuer.rstrip("/")
                try:
                    metadata = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=_SECONDS)
                    metadata.raise_for_status()
                    told = metadata.json()
                    keys = requests.get(told["jwks_uri"], timeout=_SECONDS)
                    keys.raise_for_status()
                    if str(told["issuer"]).rstrip("/") != issuer:
                        raise NotSignedIn(f"the identity provider at {issuer} calls itself {told['issuer']}; correct GEOSVC_OIDC_ISSUER")
                    self._kept = (time.monotonic(), told, KeySet.import_key_set(keys.json()))
                except (requests.RequestException, ValueError, KeyError) as error:
                    raise self._silent(error) from error
            return self._kept[1], self._kept[2]

    def _silent(self, error: Exception) -> StoreError:
        return StoreError(
            f"the identity provider {self._settings.oidc_issuer} does not answer as one ({type(error).__name__}); "
            "sign in with a password, or try again later")
