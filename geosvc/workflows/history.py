"""Histories of facilities, the audit log, and what changed since, for pages, API and scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from geosvc.errors import FacilityNotFound, InvalidParameter
from geosvc.registry import audit, facilities, history, merging
from geosvc.registry.moments import day_of, known_at
from geosvc.registry.proposals import ORIGIN as PROPOSAL
from geosvc.registry.revisions import END
from geosvc.store.proposals import select_publishers
from geosvc.store.scope import inside
from geosvc.workflows.finding import is_whole, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from geosvc.registry.audit import Verdict
    from geosvc.registry.history import Version
    from geosvc.store.engine import Session, Store

_MOST_SHOWN = 200
_INSIDE_BUSINESS = ("account", "api_key", "proposal", "rule", "scenario", "webhook")


def facility_number(text: str) -> int:
    """Return the id of a facility from an address.

    Raises
    ------
    FacilityNotFound
    """
    if not is_whole(text):
        raise FacilityNotFound(f"no facility has the id {text!r}")
    return int(text)


def day_asked(text: str | None, *, name: str = "datetime") -> str | None:
    """Return the day of a parameter (``datetime`` unless named), in China; None for now.

    Raises
    ------
    InvalidParameter
        If it is neither a day, an instant nor ``..``; intervals are not served.
    """
    return _time(text, day_of, name)


def known_asked(text: str | None) -> str | None:
    """Return the moment of ``recorded``; None for now.

    Raises
    ------
    InvalidParameter
        If it is neither a day, an instant nor ``..``.
    """
    return _time(text, known_at, "recorded")


def _time(text: str | None, read: Callable[[str], str], name: str) -> str | None:
    if text is None or text in ("..", "../.."):
        return None
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        raise InvalidParameter(f"{name}: {error}") from None


def versions_page(
    store: Store, facility_id: str, *, cursor: str | None, limit: int, with_authors: bool = True
) -> tuple[list[dict[str, Any]], str | None]:
    """Return (revisions newest first, cursor of the next page or None); without authors nothing says who and why.

    Raises
    ------
    FacilityNotFound, InvalidParameter
    """
    number = facility_number(facility_id)
    with store.reading() as session:
        found = _told_within(store, session, history.versions(session, number, before=_before(cursor), limit=limit + 1))
        publishers = _publishers(session, found) if with_authors else {}
    following = str(found[limit - 1].revision) if len(found) > limit else None
    return [version_as_dict(each, with_author=with_authors, publishers=publishers) for each in found[:limit]], following


def _told_within(store: Store, session: Session, found: Sequence[Version]) -> list[Version]:
    """Return revisions without the words of a merge that concerns a facility outside of the areas of a store."""
    if store.areas is None:
        return list(found)
    elsewhere = {origin for origin in {each.origin for each in found} if merging.concerns_unseen(session, origin)}
    return [replace(each, reason=None) if each.origin in elsewhere else each for each in found]


def _publishers(session: Session, found: Sequence[Version]) -> dict[str, str]:
    """Return who published what was proposed, by the origin of its revisions."""
    origins = {each.origin for each in found if each.origin.startswith(PROPOSAL) and is_whole(each.origin.removeprefix(PROPOSAL))}
    return {f"{PROPOSAL}{number}": name for number, name in select_publishers(session, [int(each.removeprefix(PROPOSAL)) for each in origins]).items()}


def version_as_dict(version: Version, *, with_author: bool = True, publishers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a revision for a reader; contacts are personal data and are not in it.

    ``published_by`` is the administrator who published what the author proposed.
    """
    return {
        "revision": version.revision, "kind": version.kind, "deleted": version.deleted,
        "name": version.facility.name, "state": version.facility.state,
        "valid_from": version.valid_from, "valid_to": version.valid_to, "recorded_at": version.recorded_at,
        "superseded_at": version.superseded_at,
        "author": version.author if with_author else None, "reason": version.reason if with_author else None,
        "published_by": (publishers or {}).get(version.origin) if with_author else None,
        "origin": version.origin, "replaces": version.replaces,
        "changed": {name: {"from": old, "to": new} for name, (old, new) in version.changed.items() if name != "contact"},
        "contact_changed": "contact" in version.changed,
    }


def changes_of(store: Store, facility_id: int, *, with_authors: bool = True) -> tuple[list[dict[str, Any]], bool]:
    """Return (what a person reads of a history, newest first; whether there is more).

    Rows that only follow from another change (valid time that ended) are left out.
    """
    with store.reading() as session:
        found = _told_within(store, session, history.versions(session, facility_id, limit=_MOST_SHOWN + 1))
        publishers = _publishers(session, found) if with_authors else {}
    standing = {each.content_revision for each in found if each.superseded_at is None and not each.deleted}
    shown, seen = [], set()
    for each in found[:_MOST_SHOWN]:
        # Ending a valid time or confirming it writes the content again: the change that brought it stands.
        stands = each.superseded_at is None or each.content_revision in standing
        one = {**version_as_dict(each, with_author=with_authors, publishers=publishers), "stands": stands}
        # Deleting or restoring writes every valid time again: it is one change to a reader.
        key = (each.kind, each.recorded_at) if not each.changed and each.kind in ("delete", "restore", "merged") else each.revision
        if each.kind != END and key not in seen:
            shown.append(one)
        seen.add(key)
    return shown, len(found) > _MOST_SHOWN


def audit_page(
    store: Store, *, subject: str | None = None, action: str | None = None, author: str | None = None,
    cursor: str | None = None, limit: int,
) -> tuple[list[dict[str, Any]], int, str | None]:
    """Return (lines newest first, number matched, cursor of the next page or None).

    Raises
    ------
    InvalidParameter
    """
    with store.reading() as session:
        matched = audit.count(session, subject=subject, action=action, author=author)
        found = audit.lines(
            session, before=_before(cursor), subject=subject, action=action, author=author, limit=limit + 1)
    following = str(found[limit - 1]["line"]) if len(found) > limit else None
    return found[:limit], matched, following


def audit_lines(store: Store) -> Iterator[dict[str, Any]]:
    """Yield the whole log in order, for export."""
    with store.reading() as session:
        yield from audit.every_line(session)


def verify(store: Store, *, seal: str | None = None) -> Verdict:
    """Check the audit log."""
    with store.reading() as session:
        return audit.verify(session, seal=seal)


def changes_since(
    store: Store, cursor: str | None, *, limit: int, with_authors: bool = True
) -> tuple[list[dict[str, Any]], str, bool]:
    """Return (changes after a cursor in their order, the cursor after them, whether there are more).

    Changes of accounts, keys, rules, proposals and scenarios are not among them: they are nobody's business but the log's. A store
    limited to some areas tells of their facilities and areas only; the cursor goes on past the others.

    Raises
    ------
    InvalidParameter
    """
    after = whole(cursor)
    with store.reading() as session:
        found = audit.lines(session, after=after, limit=limit + 1)
        seen = _told_to(store, session, found[:limit])
    following = str(found[:limit][-1]["line"] if found else after)
    told = ("line", "at", "action", "subject", "revision", *(("author", "reason", "origin") if with_authors else ()))
    return [{name: each[name] for name in told} for each in seen], following, len(found) > limit


def _told_to(store: Store, session: Session, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what is nobody's business, and what lies outside the areas of the store."""
    lines = [each for each in lines if each["subject"].partition(":")[0] not in _INSIDE_BUSINESS]
    if store.areas is None:
        return lines
    revisions = [each["revision"] for each in lines if each["subject"].startswith("facility:")]
    seen = {each.revision for each in facilities.at_revisions(session, revisions)}
    return [
        each for each in lines
        if (each["subject"].startswith("facility:") and each["revision"] in seen)
        or (each["subject"].startswith("area:") and inside(each["subject"].removeprefix("area:"), store.areas))
    ]


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    before = whole(cursor)
    if before == 0:
        raise InvalidParameter("cursor '0' is not one that was given out; follow the next link")
    return before
