"""From exception to answer: one table, one shape (RFC 9457, ``application/problem+json``)."""

from __future__ import annotations

import logging
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from geosvc.errors import (
    Busy,
    Conflict,
    GeosvcError,
    InvalidInput,
    InvalidParameter,
    MissingPrecondition,
    NotAllowed,
    NotFound,
    NotSignedIn,
    NotUndoable,
    PlanRefused,
    RefusedRows,
    StoreError,
    TooLarge,
    TooManyAttempts,
    Unsolvable,
    WaitingRows,
)

if TYPE_CHECKING:
    from fastapi import Request

PROBLEM_TYPE = "application/problem+json"
_LONGEST_ECHO = 100  # of what came, letters
# The nearest ancestor decides: InvalidParameter is listed before InvalidInput for that.
STATUS: dict[type[GeosvcError], int] = {
    InvalidParameter: 400,
    MissingPrecondition: 428,
    TooLarge: 413,
    NotSignedIn: 401,
    TooManyAttempts: 429,
    NotAllowed: 403,
    InvalidInput: 422,
    NotFound: 404,
    Busy: 503,
    Unsolvable: 409,
    Conflict: 412,
    StoreError: 503,
}
_log = logging.getLogger("geosvc")


def status_of(error: type[GeosvcError]) -> int:
    """Return the HTTP status of a class of errors."""
    return next(status for family, status in STATUS.items() if issubclass(error, family))


def problem(status: int, title: str, detail: str, **more: Any) -> JSONResponse:
    """Return an answer that says what went wrong."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status_code=status, media_type=PROBLEM_TYPE)


async def answer_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer an error of ours with its sentence, any other with an id and nothing of its inside."""
    if isinstance(error, GeosvcError):
        answer = problem(status_of(type(error)), type(error).__name__, str(error), **_more(error))
        answer.headers.update(_headers_of(error))
        return answer
    if isinstance(error, RequestValidationError):
        return problem(400, "InvalidParameter", _faults(error))
    if isinstance(error, HTTPException):
        answer = problem(error.status_code, "HTTP error", str(error.detail))
        answer.headers.update(error.headers or {})
        return answer
    number = uuid.uuid4().hex[:12]
    _log.error("unexpected error %s", number, exc_info=error)
    return problem(
        500, "Internal error", f"this is our fault; the server's log knows more under {number}", instance=f"urn:geosvc:{number}"
    )


def _more(error: GeosvcError) -> dict[str, Any]:
    """Return what an error carries beside its sentence."""
    if isinstance(error, Conflict):
        return {"changed": error.changed}
    if isinstance(error, NotUndoable):
        return {"later": error.later}
    if isinstance(error, RefusedRows):
        return {"refused": [asdict(each) for each in error.refusals]}
    if isinstance(error, PlanRefused):
        return {"problems": [asdict(each) for each in error.problems]}
    return {"waiting": error.waiting} if isinstance(error, WaitingRows) else {}


def _headers_of(error: GeosvcError) -> dict[str, str]:
    if isinstance(error, NotSignedIn):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, TooManyAttempts | Busy):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {}


def _faults(error: RequestValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'][1:]) or 'body'}: {fault['msg']} (got {_short(repr(fault.get('input')))})"
        for fault in error.errors()
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_ECHO else f"{text[:_LONGEST_ECHO]}…"


# Every error that a route can raise is answered here.
handled = (GeosvcError, RequestValidationError, HTTPException, Exception)
