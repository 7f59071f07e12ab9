"""Forged requests: a page elsewhere must not act with the cookie of somebody who is signed in."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from geosvc.errors import ForgedRequest
from geosvc.gate.people import person_of

CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


async def refuse_forged(request: Request) -> None:
    """Refuse a request that changes something and does not come from our own page.

    The browser says where it comes from; and whoever acts with a cookie also sends the token that
    only our own page knows, as field ``csrf_token`` of a form or as header ``X-CSRF-Token``. Scripts
    with a key need neither.

    Raises
    ------
    ForgedRequest
    """
    if request.method in _SAFE:
        return
    _check_origin(request)
    person = await run_in_threadpool(person_of, request)
    if person.csrf_token is None:
        return
    told = request.headers.get(CSRF_HEADER)
    if told is None and request.headers.get("content-type", "").startswith(_FORMS):
        field = (await request.form()).get(CSRF_FIELD)
        told = field if isinstance(field, str) else None
    if told is None or not hmac.compare_digest(told.encode(), person.csrf_token.encode()):
        await request.close()  # a file that came with it
        raise ForgedRequest(f"the token {CSRF_FIELD} is missing or old; load the page again and send it once more")


def _check_origin(request: Request) -> None:
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    elsewhere = site in ("cross-site", "same-site") if site is not None else (
        origin is not None and urlsplit(origin).netloc != request.headers.get("host"))
    if elsewhere:
        raise ForgedRequest(f"this request comes from another site ({origin or site}); only our own pages may change something")
