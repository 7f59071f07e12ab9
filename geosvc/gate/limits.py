"""How much a request may bring; more is refused before it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from geosvc.errors import TooLarge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MB = 1024 * 1024
_USUAL_MB = 4
# Addresses that take files.
_UPLOADS = ("/imports", "/api/imports")
_SLACK_MB = 1  # what stands around a file in a form
# A browser reads no answer before it has sent everything: so much, in times of the limit, is received and
# thrown away for it. Whoever sends still more sees the connection end.
_THROWN_AWAY = 8


class LimitBody:
    """Answers 413 to a request that is larger than its address takes."""

    def __init__(self, app: ASGIApp, *, upload_mb: int, refuse: Callable[[Scope, TooLarge], Awaitable[Response]]) -> None:
        """Wrap an application; ``refuse`` makes the answer that the sender can read."""
        self._app = app
        self._upload_mb = upload_mb
        self._refuse = refuse

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
            await self._answer(scope, receive, send, most_mb=most_mb, upload=upload)
            return
        body = _Counted(receive, send, most_mb * _MB)
        try:
            await self._app(scope, body.receive, body.send)
        except Exception:
            if not body.refused or body.started:
                raise
        if body.refused and not body.started:
            await self._answer(scope, receive, send, most_mb=most_mb, upload=upload, more=body.more)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, *, most_mb: int, upload: bool, more: bool = True) -> None:
        if more and "text/html" in Headers(scope=scope).get("accept", ""):
            await _throw_away(receive, most_mb * _MB * _THROWN_AWAY)
        cure = "split the file, or ask for GEOSVC_MAX_FILE_MB to be raised" if upload else "send less at once"
        answer = await self._refuse(scope, TooLarge(f"a request here brings at most {most_mb} MB; {cure}"))
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)


class _Counted:
    """What one request brings, counted as it comes: whoever reads on after the limit finds the sender gone."""

    def __init__(self, receive: Receive, send: Send, most: int) -> None:
        self._receive, self._send, self._most = receive, send, most
        self._read = 0
        self.started, self.refused, self.more = False, False, True

    async def receive(self) -> Message:
        """Give the next part of the body."""
        if self.refused:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._read += len(message.get("body", b""))
        self.more = message.get("more_body", False)
        self.refused = self._read > self._most
        return {"type": "http.disconnect"} if self.refused else message

    async def send(self, message: Message) -> None:
        """Send a part of the answer, unless the request is refused before any of it."""
        if self.refused and not self.started:
            return
        self.started = True
        await self._send(message)


async def _throw_away(receive: Receive, most: int) -> None:
    """Receive what is still sent, at most so many bytes, and keep nothing of it."""
    read = 0
    while read <= most:
        message = await receive()
        read += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
