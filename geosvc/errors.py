"""Everything geosvc refuses, as one tree.

::

    GeosvcError
    ├── InvalidInput (ValueError)      what came in cannot be used; exit code 3, HTTP 422
    │   ├── InvalidParameter           a query parameter or option; HTTP 400
    │   ├── InvalidCoordinate          a position that is not degrees, or not on Earth
    │   ├── InvalidGeometry            a ring that crosses itself, an empty shape
    │   ├── MissingCRS                 a file that does not say where it lies
    │   ├── UnreadableFile             empty, a folder, damaged, too large, of an unknown type
    │   ├── GroundError                pace, elevation or grid that no one can travel on
    │   ├── DefinitionError            a service or travel profile that does not hold together
    │   └── RefusedRows                rows of a table that cannot be taken, all of them listed
    ├── NotFound (LookupError)         exit code 4, HTTP 404
    │   ├── FacilityNotFound
    │   ├── AreaNotFound
    │   ├── ServiceNotFound
    │   ├── RunNotFound
    │   ├── GapNotFound
    │   └── CollectionNotFound
    ├── Unsolvable (RuntimeError)      the question is well put and has no answer; exit code 5, HTTP 409
    │   ├── NoFacility                 no facility of the service has a usable position
    │   ├── NoStudyArea                nothing says where to look
    │   └── UnreachableSource          a source on ground that cannot be crossed
    ├── Conflict (RuntimeError)        somebody else changed it meanwhile; exit code 7, HTTP 412
    └── StoreError (OSError)           the workspace cannot be read or written; exit code 6, HTTP 503
        ├── WorkspaceNotFound
        └── SchemaMismatch             the workspace was written by another version

A message says what was expected, what came, where, and the likely cure.
"""

from __future__ import annotations

from dataclasses import dataclass


class GeosvcError(Exception):
    """Base of everything that geosvc raises on purpose."""


class InvalidInput(GeosvcError, ValueError):
    """What came in cannot be used."""


class InvalidParameter(InvalidInput):
    """A query parameter or option is unknown or out of range."""


class InvalidCoordinate(InvalidInput):
    """A position is not in degrees, or not on Earth."""


class InvalidGeometry(InvalidInput):
    """A shape is empty or crosses itself."""


class MissingCRS(InvalidInput):
    """A file does not say in which coordinate reference system it lies."""


class UnreadableFile(InvalidInput):
    """A file is empty, a folder, damaged, too large, or of an unknown type."""


class GroundError(InvalidInput):
    """Pace, elevation or grid cannot be travelled on."""


class DefinitionError(InvalidInput):
    """A service or travel profile does not hold together."""


@dataclass(frozen=True)
class Refusal:
    """One row that was refused: where it stands and why."""

    row: int
    column: str | None
    value: str | None
    reason: str

    def __str__(self) -> str:
        """Say it in one line, as a person would."""
        place = f"row {self.row}" + (f", {self.column}" if self.column else "")
        came = f" is {self.value!r}" if self.value is not None else ""
        return f"{place}{came}: {self.reason}"


class RefusedRows(InvalidInput):
    """Rows of a table cannot be taken; all of them are listed, nothing was stored."""

    def __init__(self, source: str, refusals: list[Refusal]) -> None:
        """Keep every refusal; show the first few in the message."""
        self.source = source
        self.refusals = refusals
        shown = "; ".join(str(refusal) for refusal in refusals[:3])
        more = f"; and {len(refusals) - 3} more" if len(refusals) > 3 else ""
        count = "1 row is" if len(refusals) == 1 else f"{len(refusals)} rows are"
        super().__init__(f"{source}: {count} refused and nothing was stored: {shown}{more}")

    def __reduce__(self) -> tuple[type[RefusedRows], tuple[str, list[Refusal]]]:
        """Survive pickling, although the message is built from the parts."""
        return (type(self), (self.source, self.refusals))


class NotFound(GeosvcError, LookupError):
    """Nothing has that name."""


class FacilityNotFound(NotFound):
    """No facility has that id."""


class AreaNotFound(NotFound):
    """No area has that code."""


class ServiceNotFound(NotFound):
    """No service has that id."""


class RunNotFound(NotFound):
    """No run has that id, or the service has not been measured yet."""


class GapNotFound(NotFound):
    """No gap has that id."""


class CollectionNotFound(NotFound):
    """The API has no such collection."""


class Unsolvable(GeosvcError, RuntimeError):
    """The question is well put and has no answer with what the workspace holds."""


class NoFacility(Unsolvable):
    """No facility of the service has a usable position."""


class NoStudyArea(Unsolvable):
    """Neither areas nor population say where to look."""


class UnreachableSource(Unsolvable):
    """A source stands on ground that cannot be crossed."""


class Conflict(GeosvcError, RuntimeError):
    """Somebody else changed it meanwhile; ``changed`` says what: field, then (as it was, as it is)."""

    def __init__(self, message: str, changed: dict[str, tuple[object, object]] | None = None) -> None:
        """Keep what the other one changed."""
        self.changed = changed or {}
        super().__init__(message)

    def __reduce__(self) -> tuple[type[Conflict], tuple[str, dict[str, tuple[object, object]]]]:
        """Survive pickling with what was changed."""
        return (type(self), (str(self), self.changed))


class StoreError(GeosvcError, OSError):
    """The workspace cannot be read or written."""


class WorkspaceNotFound(StoreError):
    """The folder is not a workspace."""


class SchemaMismatch(StoreError):
    """The workspace was written by another version of geosvc."""
