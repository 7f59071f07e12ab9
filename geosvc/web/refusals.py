"""From an error to words for a person: what kind it is, with which status, and how to go on."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from geosvc.errors import (
    Conflict,
    ForgedRequest,
    GeosvcError,
    InvalidInput,
    LinkNotFound,
    NeedsApproval,
    NotAllowed,
    NotFound,
    NotSignedIn,
    RunNotFound,
    SchemaMismatch,
    ServiceNotFound,
    StoreError,
    TooLarge,
    TooManyAttempts,
    Unsolvable,
    UploadNotFound,
    WorkspaceNotFound,
)

# (class, kind, status); the first that fits. Each kind has a heading and a sentence in the
# languages: error_<kind> and error_<kind>_text.
_KINDS: tuple[tuple[type[Exception], str, int], ...] = (
    (WorkspaceNotFound, "workspace", 503),
    (SchemaMismatch, "schema", 503),
    (StoreError, "store", 503),
    (ServiceNotFound, "service", 404),
    (RunNotFound, "run", 404),
    (UploadNotFound, "upload", 404),
    (LinkNotFound, "link", 404),
    (NotFound, "record", 404),
    (TooLarge, "too_large", 413),
    (InvalidInput, "parameter", 400),
    (RequestValidationError, "parameter", 400),
    (NotSignedIn, "not_signed_in", 401),
    (TooManyAttempts, "too_many", 429),
    (NeedsApproval, "needs_approval", 403),
    (ForgedRequest, "forged", 403),
    (NotAllowed, "not_allowed", 403),
    (Unsolvable, "unsolvable", 409),
    (Conflict, "conflict", 412),
)
_METHOD_NOT_ALLOWED = 405


def kind_of(error: Exception) -> tuple[str, int]:
    """Return (kind, HTTP status) of an error."""
    if isinstance(error, HTTPException):
        return "method" if error.status_code == _METHOD_NOT_ALLOWED else "page", error.status_code
    return next(((kind, status) for family, kind, status in _KINDS if isinstance(error, family)), ("unexpected", 500))


def detail_of(error: Exception) -> str:
    """Return what the program says of an error, in English; nothing of the inside of an unexpected one."""
    if isinstance(error, RequestValidationError):
        return "; ".join(f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}" for fault in error.errors())
    if isinstance(error, HTTPException):
        return f"HTTP {error.status_code} {error.detail}"
    return str(error) if isinstance(error, GeosvcError) else ""
