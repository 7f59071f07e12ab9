"""A file that somebody sends in a form: it is read only once it is known that they may send one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from geosvc.errors import InvalidInput, StoreError
from geosvc.gate.people import editor_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FILE_FIELD = "file"
# How a client is told of it: such a form is read here and not by the framework, which would read it before it asks who sends it.
FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {
    "type": "object", "required": [FILE_FIELD], "properties": {FILE_FIELD: {"type": "string", "format": "binary"}}}}}}}


async def _sent_file(request: Request) -> AsyncIterator[UploadFile]:
    """Give the one file of a form; a large one lies on the disk meanwhile, and is gone with the request.

    Raises
    ------
    NotSignedIn, NotAllowed
        If the sender may not import.
    InvalidInput
        If the form has no file.
    """
    await run_in_threadpool(editor_of, request)
    try:
        form = await request.form()
    except OSError as error:
        raise StoreError(f"the file cannot be received: {error}; is the disk full?") from error
    try:
        found = form.get(FILE_FIELD)
        if not isinstance(found, UploadFile) or not found.filename:
            raise InvalidInput(f"no file came; expected a form (multipart/form-data) with the file as {FILE_FIELD!r}")
        yield found
    finally:
        await form.close()


SentFile = Annotated[UploadFile, Depends(_sent_file)]
