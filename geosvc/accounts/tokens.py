"""Tokens: random text that only its owner has; the store keeps its SHA-256."""

from __future__ import annotations

import hashlib
import secrets

_BYTES = 32
KEY_PREFIX = "geosvc_"


def new_token() -> str:
    """Return a token that nobody can guess (256 bits)."""
    return secrets.token_urlsafe(_BYTES)


def new_key() -> str:
    """Return an API key; its beginning says what it is, so that it is found where it was left by mistake."""
    return KEY_PREFIX + new_token()


def sha256_of(token: str) -> str:
    """Return what the store keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", errors="surrogatepass")).hexdigest()
