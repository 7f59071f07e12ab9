"""How much a request may bring; more is refused before it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MB = 1024 * 1024
_USUAL_MB = 4
# Addresses that take files.
_UPLOADS = ("/imports", "/api/imports")
_SLACK_MB = 1  # what stands around a file in a form


class LimitBody:
    """Answers 413 to a request that is larger than its address takes."""

    def __init__(self, app: ASGIApp, *, upload_mb: int) -> None:
        """Wrap an application."""
        self._app = app
        self._upload_mb = upload_mb

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        upload = any(path == each or path.startswith(each + "/") for each in _UPLOADS)
        most_mb = self._upload_mb + _SLACK_MB if upload else _USUAL_MB
        told = Headers(scope=scope).get("content-length", "")
        if told.isdigit() and int(told) > most_mb * _MB:
            await _refuse(most_mb)(scope, receive, send)
            return
        read, started, refused = 0, False, False

        async def counted() -> Message:
            nonlocal read, refused
            message = await receive()
            read += len(message.get("body", b""))
            if read > most_mb * _MB:
                refused = True
                return {"type": "http.disconnect"}
            return message

        async def sent(message: Message) -> None:
            nonlocal started
            if refused and not started:
                return
            started = True
            await send(message)

        try:
            await self._app(scope, counted, sent)
        except Exception:
            if not refused or started:
                raise
        if refused and not started:
            await _refuse(most_mb)(scope, receive, send)


def _refuse(most_mb: int) -> JSONResponse:
    detail = f"a request here brings at most {most_mb} MB; split the file, or ask for GEOSVC_MAX_FILE_MB to be raised"
    return JSONResponse(
        {"type": "about:blank", "title": "TooLarge", "status": 413, "detail": detail}, status_code=413,
        media_type="application/problem+json", headers={"Connection": "close"})
