"""Everything geosvc refuses, as one tree.

::

    GeosvcError
    ├── InvalidInput (ValueError)      what came in cannot be used; exit code 3, HTTP 422
    │   ├── InvalidParameter           a query parameter or option; HTTP 400
    │   ├── MissingPrecondition        a change that does not say which revision it saw; HTTP 428
    │   ├── TooLarge                   more than a request may bring; HTTP 413
    │   ├── WeakPassword               a new password that would soon be guessed
    │   ├── AccountRefused             an account that cannot be as it was asked for
    │   ├── InvalidCoordinate          a position that is not degrees, or not on Earth
    │   ├── InvalidGeometry            a ring that crosses itself, an empty shape
    │   ├── MissingCRS                 a file that does not say where it lies
    │   ├── UnreadableFile             empty, a folder, damaged, too large, of an unknown type
    │   ├── GroundError                pace, elevation or grid that no one can travel on
    │   ├── DefinitionError            a service, travel profile or plan that does not hold together
    │   │   └── PlanRefused            a plan file or a table of reported figures, everything that is wrong with it listed
    │   ├── RefusedRows                rows of a table that cannot be taken, all of them listed
    │   └── WaitingRows                rows of which only a person can say which facility they mean
    ├── NotFound (LookupError)         exit code 4, HTTP 404
    │   ├── FacilityNotFound
    │   ├── AreaNotFound
    │   ├── ServiceNotFound
    │   ├── RunNotFound
    │   ├── GapNotFound
    │   ├── ImportNotFound
    │   ├── ProposalNotFound
    │   ├── ScenarioNotFound
    │   ├── JobNotFound
    │   ├── UploadNotFound             a staged file that is not there (any more), or is another person's
    │   └── CollectionNotFound
    ├── Unsolvable (RuntimeError)      the question is well put and has no answer; exit code 5, HTTP 409
    │   ├── NoFacility                 no facility of the service has a usable position
    │   ├── NoStudyArea                nothing says where to look
    │   ├── NoOutline                  gaps of an area that has no outline to cut them by
    │   ├── NotUndoable                an import or a merge on which later changes depend, or that was undone already
    │   ├── ProposalClosed             a proposal that was decided already
    │   ├── ScenarioClosed             a scenario that was applied already, or waits to be
    │   ├── UnreachableSource          a source on ground that cannot be crossed
    │   ├── FontMissing                a sheet of paper, and no font that has its characters
    │   └── Busy                       more is asked at once than can be answered in time; HTTP 503
    ├── Conflict (RuntimeError)        somebody else changed it meanwhile; exit code 7, HTTP 412
    ├── NotAllowed (PermissionError)   the account may not do that; exit code 8, HTTP 403
    │   ├── NotSignedIn                nobody has signed in; HTTP 401
    │   ├── ForgedRequest              a page that is old, or another site asks in somebody's name
    │   ├── NeedsApproval              a change that only an administrator can make, since it cannot be proposed
    │   └── TooManyAttempts            too many wrong passwords; HTTP 429
    └── StoreError (OSError)           the workspace cannot be read or written; exit code 6, HTTP 503
        ├── WorkspaceNotFound
        └── SchemaMismatch             the workspace was written by another version

A message says what was expected, what came, where, and the likely cure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class GeosvcError(Exception):
    """Base of everything that geosvc raises on purpose."""


class InvalidInput(GeosvcError, ValueError):
    """What came in cannot be used."""


class InvalidParameter(InvalidInput):
    """A query parameter or option is unknown or out of range."""


class MissingPrecondition(InvalidInput):
    """A change does not say which revision its writer has seen."""


class TooLarge(InvalidInput):
    """A request brings more than it may."""


class WeakPassword(InvalidInput):
    """A new password would soon be guessed."""


class AccountRefused(InvalidInput):
    """An account cannot be as it was asked for; ``kind`` says why in a word."""

    def __init__(self, message: str, kind: str = "bad_name") -> None:
        """Keep the word."""
        self.kind = kind
        super().__init__(message)

    def __reduce__(self) -> tuple[type[AccountRefused], tuple[str, str]]:
        """Survive pickling with the word."""
        return (type(self), (str(self), self.kind))


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
    """A service, travel profile or plan does not hold together."""


class PlanRefused(DefinitionError):
    """A plan file or a table of reported figures is refused whole; ``problems`` is everything that is wrong with it."""

    def __init__(self, said: str, problems: Sequence[Any] = ()) -> None:
        """Say each problem on a line of its own."""
        super().__init__("\n".join([f"{said}:", *map(str, problems)]) if problems else said)
        self.problems = tuple(problems)


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


class WaitingRows(InvalidInput):
    """Rows may be one of several facilities, or none; a person must say. Nothing was stored."""

    def __init__(self, source: str, waiting: list[dict[str, object]]) -> None:
        """Keep every row with its candidates; name the first few in the message."""
        self.source = source
        self.waiting = waiting
        numbers = ", ".join(str(each["row"]) for each in waiting[:5]) + (" …" if len(waiting) > 5 else "")
        count = "1 row may be a facility that is" if len(waiting) == 1 else f"{len(waiting)} rows may be facilities that are"
        super().__init__(
            f"{source}: {count} registered already, and nothing was stored: row {numbers}; a dry run shows the candidates with "
            "their scores; answer for each row which facility it is, or that it is new (--answer ROW=ID or --answer ROW=new), "
            "or leave these rows out (--skip-bad)"
        )

    def __reduce__(self) -> tuple[type[WaitingRows], tuple[str, list[dict[str, object]]]]:
        """Survive pickling, although the message is built from the parts."""
        return (type(self), (self.source, self.waiting))


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


class ImportNotFound(NotFound):
    """No import has that number."""


class ProposalNotFound(NotFound):
    """No proposal has that number, or it is another person's."""


class ScenarioNotFound(NotFound):
    """No scenario has that number, or it concerns areas that the account does not see."""


class JobNotFound(NotFound):
    """No job has that number, or it is another person's."""


class LinkNotFound(NotFound):
    """No one-time link reads so: it was used, is older than a day, or was copied in part."""


class UploadNotFound(NotFound):
    """No staged file of this person has that id."""


class CollectionNotFound(NotFound):
    """The API has no such collection."""


class Unsolvable(GeosvcError, RuntimeError):
    """The question is well put and has no answer with what the workspace holds."""


class NoFacility(Unsolvable):
    """No facility of the service has a usable position."""


class NoStudyArea(Unsolvable):
    """Neither areas nor population say where to look."""


class NoOutline(Unsolvable):
    """Gaps lie in outlines, and the area that is asked for has none: an empty list would read as "no gap"."""


class NotUndoable(Unsolvable):
    """An import, a merge or a placing cannot be undone; ``later`` names the facilities that changed since, and by what."""

    def __init__(self, message: str, later: list[dict[str, object]] | None = None) -> None:
        """Keep what depends on it."""
        self.later = later or []
        super().__init__(message)

    def __reduce__(self) -> tuple[type[NotUndoable], tuple[str, list[dict[str, object]]]]:
        """Survive pickling with what depends on it."""
        return (type(self), (str(self), self.later))


class ProposalClosed(Unsolvable):
    """A proposal was published, refused or withdrawn already."""


class ScenarioClosed(Unsolvable):
    """A scenario was applied already, or its changes wait for approval."""


class UnreachableSource(Unsolvable):
    """A source stands on ground that cannot be crossed."""


class FontMissing(Unsolvable):
    """A sheet is to be drawn and no font of the machine has its characters."""


class Busy(Unsolvable):
    """More is asked at once than can be answered in time; ``retry_after_seconds`` says how long to wait."""

    def __init__(self, message: str, retry_after_seconds: int = 1) -> None:
        """Keep how long to wait."""
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)

    def __reduce__(self) -> tuple[type[Busy], tuple[str, int]]:
        """Survive pickling with the time."""
        return (type(self), (str(self), self.retry_after_seconds))


class Conflict(GeosvcError, RuntimeError):
    """Somebody else changed it meanwhile; ``changed`` says what: field, then (as it was, as it is)."""

    def __init__(self, message: str, changed: dict[str, tuple[object, object]] | None = None) -> None:
        """Keep what the other one changed."""
        self.changed = changed or {}
        super().__init__(message)

    def __reduce__(self) -> tuple[type[Conflict], tuple[str, dict[str, tuple[object, object]]]]:
        """Survive pickling with what was changed."""
        return (type(self), (str(self), self.changed))


class NotAllowed(GeosvcError, PermissionError):
    """The account may not do that."""


class ChangesElsewhere(NotAllowed):
    """An account of some areas asks what a change elsewhere would do."""


class NotSignedIn(NotAllowed):
    """Nobody has signed in, or what was shown to sign in is not (or no longer) good."""


class NeedsApproval(NotAllowed):
    """Editors propose here, and this change cannot be proposed: an administrator makes it."""


class ForgedRequest(NotAllowed):
    """A form without its token: the page is old, or another site asks in somebody's name."""


class TooManyAttempts(NotAllowed):
    """Too many wrong passwords; ``retry_after_seconds`` says how long to wait."""

    def __init__(self, message: str, retry_after_seconds: int = 0) -> None:
        """Keep how long to wait."""
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)

    def __reduce__(self) -> tuple[type[TooManyAttempts], tuple[str, int]]:
        """Survive pickling with the time."""
        return (type(self), (str(self), self.retry_after_seconds))


class StoreError(GeosvcError, OSError):
    """The workspace cannot be read or written."""


class WorkspaceNotFound(StoreError):
    """The folder is not a workspace."""


class SchemaMismatch(StoreError):
    """The workspace was written by another version of geosvc."""
