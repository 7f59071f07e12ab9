"""Facilities and their revisions.

A revision is one whole state of a facility. Two times belong to it: *valid* (from when it is
true; in days) and *recorded* (when the registry learned it; in moments). Nothing is overwritten:
a revision that is no longer believed keeps its row and gets ``superseded_at``. The believed
revisions of a facility never overlap in valid time: ``valid_from`` is in, ``valid_to`` is not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, cast

from sqlalchemy import (
    JSON,
    ForeignKey,
    Index,
    String,
    and_,
    bindparam,
    event,
    false,
    func,
    insert,
    not_,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NULLTYPE

from geosvc.store.base import Audited, Base
from geosvc.store.boxes import containing
from geosvc.store.search_texts import has_letters, is_in_sounds, plain, search_columns, sound_pattern
from geosvc.store.two_times import true_and_believed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Table

    from geosvc.geo.crs import BBox

_ASKED_AT_ONCE = 500
_MOST_DIGITS = 18
_READ_AT_ONCE = 2000
# Columns that follow from others, for searches and lists: no content, and nobody writes them but this module.
DERIVED = frozenset({"search_text", "search_sounds", "name_order"})
_ASKED_OF_ALL = ("facility_id", "valid_from", "valid_to", "deleted", "area_code", "state", "class_code", "illustrative", "lon")


def _answering(name: str, *order: str, more: tuple[str, ...] = ()) -> Index:
    """Make an index in an order that answers what is asked of all facilities at once by itself: rows are wide."""
    rest = (column for column in (*_ASKED_OF_ALL, *more) if column not in order)
    return Index(f"ix_facility_revision_{name}", "superseded_at", *order, *rest)


class FacilityRow(Base):
    """The identity of a facility; it carries no meaning and is never used again."""

    __tablename__ = "facility"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  SQLAlchemy reads it

    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[str]


class FacilityRevisionRow(Audited, Base):
    """One state of a facility; moments are ISO 8601 text, UTC, days are ISO 8601 days.

    ``replaces`` is the revision in whose place it stands, ``same_as`` the first one with the
    same content (None: it is the first itself), which runs name.
    """

    __tablename__ = "facility_revision"
    subject_kind = "facility"
    subject_key: ClassVar = ("facility_id",)
    # Contacts are personal data: not even their checksum is in the log.
    outside_content: ClassVar = frozenset({"id", "author", "reason", "origin", "superseded_at", "contact"}) | DERIVED
    only_added = True
    numbered = True
    __table_args__ = (
        _answering("current", "facility_id", more=("recorded_at", "lat")),
        _answering("class", "class_code", "facility_id", more=("same_as",)),
        _answering("area", "area_code", "facility_id"),
        _answering("updated", "recorded_at", "facility_id"),
        _answering("position", "lon", "lat", "facility_id"),
        _answering("names", "name_order", "facility_id", more=("recorded_at", "lat", "source")),
        # A search walks over all texts: the less stands beside them, the sooner it is through.
        _answering("texts", "facility_id", "search_text", "search_sounds", "source", more=("recorded_at", "lat")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facility.id"), index=True)
    valid_from: Mapped[str | None]
    valid_to: Mapped[str | None]
    recorded_at: Mapped[str]
    superseded_at: Mapped[str | None]
    deleted: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[str]
    author: Mapped[str]
    reason: Mapped[str | None]
    origin: Mapped[str] = mapped_column(index=True)
    replaces: Mapped[int | None]
    same_as: Mapped[int | None]
    # what
    name: Mapped[str]
    short_name: Mapped[str | None]
    class_code: Mapped[str]
    level: Mapped[str | None]
    grade: Mapped[str | None]
    ownership: Mapped[str | None]
    service_mode: Mapped[str | None]
    # state
    state: Mapped[str]
    opened_on: Mapped[str | None]
    closed_on: Mapped[str | None]
    # where
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    raw_x: Mapped[str | None]
    raw_y: Mapped[str | None]
    raw_datum: Mapped[str | None]
    position_method: Mapped[str]
    position_source: Mapped[str | None]
    position_date: Mapped[str | None]
    address: Mapped[str | None]
    area_code: Mapped[str | None]
    areas_served: Mapped[list[Any]]
    # capacity, capabilities, relations, contact: groups that vary from facility to facility
    identifiers: Mapped[list[Any]]
    aliases: Mapped[list[Any]]
    beds: Mapped[list[Any]]
    staff: Mapped[list[Any]]
    vehicles: Mapped[list[Any]]
    capabilities: Mapped[list[Any]]
    relations: Mapped[list[Any]]
    contact: Mapped[dict[str, Any]]
    illustrative: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str | None]
    note: Mapped[str | None]
    # what follows from them: see geosvc.store.search_texts
    search_text: Mapped[str] = mapped_column(server_default="")
    search_sounds: Mapped[str] = mapped_column(server_default="")
    name_order: Mapped[str] = mapped_column(server_default="")

    def action(self, *, new: bool) -> str:
        """Return what was done: the kind of the revision."""
        return self.kind if new else "change"


@event.listens_for(FacilityRevisionRow, "before_insert")
def _derive(_mapper: Any, _connection: Any, row: FacilityRevisionRow) -> None:
    """Fill the columns that follow from others, whoever adds a revision; a revision is never changed afterwards."""
    for column, value in search_columns(row.name, row.short_name, row.aliases, row.identifiers).items():
        setattr(row, column, value)


@dataclass(frozen=True, kw_only=True)
class Within:
    """Facilities of an area: by the beginnings of their area codes, but for some, and single ones by their id."""

    prefixes: tuple[str, ...]
    but_not: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FacilityQuery:
    """Which facilities; every part that is None does not restrict.

    ``class_prefixes`` match from the left ("A" is every hospital); ``valid_at`` (a day, today
    unless given) and ``recorded_at`` (a moment) mean "as it was true then" and "as it was known then".
    Every word of ``text`` must stand in the name, the short name, an alias or an identifier, be the id, or be how the name
    is read; ``updated_since`` and ``updated_before`` are the moments from which on, and before which, the revision was recorded.
    """

    ids: Sequence[int] | None = None
    name_contains: str | None = None
    text: str | None = None
    class_prefixes: Sequence[str] | None = None
    states: Sequence[str] | None = None
    area_prefix: str | None = None
    # Exactly these area codes; None among them: facilities without one.
    area_in: Sequence[str | None] | None = None
    # What the area means on that day, where that is more than the beginning of a code; see registry.places.
    within: Within | None = None
    bbox: BBox | None = None
    located: bool | None = None
    illustrative: bool | None = None
    source_contains: str | None = None
    updated_since: str | None = None
    updated_before: str | None = None
    valid_at: str | None = None
    recorded_at: str | None = None


def like_text(text: str) -> str:
    """Return text with the wildcards of LIKE escaped by a backslash."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def holds(column: Any, text: str) -> Any:
    """Match a part of a text; A and a are the same letter."""
    return _Stands(column, text) if text.upper() == text.lower() else column.like(f"%{like_text(text)}%", escape="\\")


class _Stands(FunctionElement[Any]):
    """A text without letters of two cases stands in a column: plainly compared, a third quicker than LIKE."""

    type = NULLTYPE  # as a Boolean it would be compared with 1 once more, for every row
    inherit_cache = True


@compiles(_Stands)
def _position_of(element: _Stands, compiler: Any, **told: Any) -> str:
    return f"(strpos({compiler.process(element.clauses, **told)}) > 0)"


@compiles(_Stands, "sqlite")
def _position_of_in_sqlite(element: _Stands, compiler: Any, **told: Any) -> str:
    return f"(instr({compiler.process(element.clauses, **told)}) > 0)"


class _FirstLine(FunctionElement[Any]):
    """The first line of a text, of which every line is ended."""

    type = NULLTYPE
    inherit_cache = True


@compiles(_FirstLine)
def _first_line_of(element: _FirstLine, compiler: Any, **told: Any) -> str:
    return f"split_part({compiler.process(element.clauses, **told)}, chr(10), 1)"


@compiles(_FirstLine, "sqlite")
def _first_line_of_in_sqlite(element: _FirstLine, compiler: Any, **told: Any) -> str:
    text = compiler.process(element.clauses, **told)
    return f"substr({text}, 1, instr({text}, char(10)) - 1)"


def _begins(column: Any, prefix: str) -> Any:
    """Match a prefix as a range, which an index serves; LIKE with an escape would read every row."""
    return and_(column >= prefix, column < prefix + "\U0010ffff")


def _lies_within(area: Within) -> Any:
    row = FacilityRevisionRow
    found = or_(false(), *(_begins(row.area_code, prefix) for prefix in area.prefixes))
    if area.but_not:
        found = and_(found, *(not_(_begins(row.area_code, prefix)) for prefix in area.but_not))
    if area.ids:  # written out: a database takes fewer parameters than a zone may hold facilities
        found = or_(found, row.facility_id.in_(bindparam("within", area.ids, expanding=True, literal_execute=True)))
    return found


def _word_found(text: str) -> Any:
    """Match a word of a search where a facility can be called by it; only what can match is asked.

    A word of Latin letters without a digit is not looked for in identifiers: "jg" would find all whose numbers begin with it.
    """
    row, word = FacilityRevisionRow, plain(text)
    places: list[Any] = []
    if has_letters(word) and any(letter.isdigit() for letter in word):
        # LIKE finds small letters (names) and large ones (identifiers) in one walk, a plain comparison the small ones only.
        places.append(row.search_text.like(f"%{like_text(word)}%", escape="\\"))
    elif not is_in_sounds(word):
        places.append(_Stands(row.search_text, word))
    pattern = sound_pattern(word)
    if pattern is not None:
        places.append(row.search_sounds.op("GLOB", is_comparison=True)(pattern))
    if word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS:
        places.append(row.facility_id == int(word))
    return or_(*places)


def facility_clauses(query: FacilityQuery) -> list[Any]:
    """Return the clauses of a query; a session may add its own (see :mod:`geosvc.store.scope`)."""
    row = FacilityRevisionRow
    clauses = [*true_and_believed(row, query.valid_at, query.recorded_at), row.deleted.is_(False)]
    if query.ids is not None:
        clauses.append(row.facility_id.in_(query.ids))
    if query.class_prefixes is not None:
        clauses.append(or_(*(_begins(row.class_code, p) for p in query.class_prefixes)))
    if query.states is not None:
        clauses.append(row.state.in_(query.states))
    if query.within is not None:
        clauses.append(_lies_within(query.within))
    elif query.area_prefix:
        clauses.append(_begins(row.area_code, query.area_prefix))
    if query.area_in is not None:
        clauses.append(or_(row.area_code.in_([each for each in query.area_in if each is not None]), row.area_code.is_(None) if None in query.area_in else false()))
    if query.located is not None:
        clauses.append(row.lon.is_not(None) if query.located else row.lon.is_(None))
    if query.illustrative is not None:
        clauses.append(row.illustrative.is_(query.illustrative))
    if query.bbox is not None:
        clauses += containing(row.lon, row.lat, query.bbox)
    return [*_texts(query), *clauses, *_recorded(query)]  # few rows hold a word: nothing else need be looked up of the others


def _recorded(query: FacilityQuery) -> list[Any]:
    row = FacilityRevisionRow
    since = [] if query.updated_since is None else [row.recorded_at >= query.updated_since]
    return since if query.updated_before is None else [*since, row.recorded_at < query.updated_before]


def _texts(query: FacilityQuery) -> list[Any]:
    row = FacilityRevisionRow
    found = [_word_found(word) for word in (query.text or "").split()]
    if query.source_contains:
        found.append(holds(row.source, query.source_contains))
    if query.name_contains:
        name = plain(query.name_contains)
        # Few texts hold it anywhere: only these are cut to their first line, the name.
        found += [_Stands(row.search_text, name), _Stands(_FirstLine(row.search_text), name)]
    return found


def select_revisions(
    session: Session, query: FacilityQuery, *, after_id: int = 0, limit: int | None = None
) -> list[FacilityRevisionRow]:
    """Return revisions in the order of facility id, those after ``after_id`` only."""
    row = FacilityRevisionRow
    statement = select(row).where(*facility_clauses(query)).order_by(row.facility_id)
    if after_id:  # beside one id it would have SQLite walk over all that follow
        statement = statement.where(row.facility_id > after_id)
    if limit is not None:
        statement = statement.limit(limit)
    return list(session.scalars(statement))


def select_texts(session: Session, query: FacilityQuery, names: Sequence[str]) -> Iterator[Sequence[Any]]:
    """Yield named columns of revisions in the order of facility id, groups as their JSON, some at a time."""
    columns = [getattr(FacilityRevisionRow, name) for name in names]
    texts = [type_coerce(column, String) if isinstance(column.type, JSON) else column for column in columns]
    statement = select(*texts).where(*facility_clauses(query)).order_by(FacilityRevisionRow.facility_id)
    yield from session.execute(statement.execution_options(yield_per=_READ_AT_ONCE))


def select_values(session: Session, query: FacilityQuery, names: Sequence[str]) -> Iterator[list[Any]]:
    """Yield named columns of revisions in the order of facility id, without making rows of them.

    Most groups are empty, and an empty one needs no parser of JSON.
    """
    places = [place for place, name in enumerate(names) if name in GROUPS]
    rows = select_texts(session, query, names)
    while found := [list(row) for row in islice(rows, _READ_AT_ONCE)]:
        for place in places:
            # The JSON of many rows is read in one call: a call for each takes several times as long.
            groups = iter(json.loads(f"[{','.join(values[place] for values in found if values[place] != '[]')}]"))
            for values in found:
                values[place] = [] if values[place] == "[]" else next(groups)
        yield from found


# The columns that hold JSON.
GROUPS = frozenset(each.key for each in FacilityRevisionRow.__table__.columns if isinstance(each.type, JSON))


def select_shares(session: Session, query: FacilityQuery) -> list[tuple[str, bool, bool, int]]:
    """Return how many facilities there are by (method of position, illustrative, to be located)."""
    row = FacilityRevisionRow
    parts = (row.position_method, row.illustrative, row.lon.is_(None))
    counted = session.execute(select(*parts, func.count()).where(*facility_clauses(query)).group_by(*parts))
    return [(str(method), bool(illustrative), bool(missing), int(number)) for method, illustrative, missing, number in counted]


def select_distinct(session: Session, query: FacilityQuery, name: str) -> list[str]:
    """Return the texts that stand in a column, each once, without the empty ones."""
    column = getattr(FacilityRevisionRow, name)
    return [str(each) for each in session.scalars(select(column).where(*facility_clauses(query)).distinct()) if each]


def select_by_revision(session: Session, revisions: Sequence[int]) -> list[FacilityRevisionRow]:
    """Return named revisions, believed still or not, in the order of facility id."""
    row = FacilityRevisionRow
    return list(session.scalars(select(row).where(row.id.in_(revisions)).order_by(row.facility_id)))


def count_revisions(session: Session, query: FacilityQuery) -> int:
    """Return how many facilities the query matches."""
    statement = through_index(select(func.count()).select_from(FacilityRevisionRow), query).where(*facility_clauses(query))
    return int(session.scalar(statement) or 0)


def select_marks(session: Session, query: FacilityQuery) -> list[tuple[int, int]]:
    """Return (facility id, first revision of its content) in the order of facility id: enough to compare, quick for many."""
    row = FacilityRevisionRow
    statement = through_index(select(row.facility_id, func.coalesce(row.same_as, row.id)), query, "same_as")
    found = session.execute(statement.where(*facility_clauses(query)).order_by(row.facility_id))
    return [(int(one), int(revision)) for one, revision in found]


def select_class_codes(session: Session, query: FacilityQuery) -> list[str]:
    """Return the class codes of the facilities that the query matches, in order, each once."""
    code = FacilityRevisionRow.class_code
    found: list[str] = []
    # From code to code, each a look into the index: to read all for their few classes takes a hundred times as long.
    while True:
        after = [code > found[-1]] if found else []
        statement = through_index(select(code), query, order="class").where(*facility_clauses(query), *after).order_by(code).limit(1)
        following = session.scalar(statement)
        if following is None:
            return found
        found.append(following)


def through_index(statement: Any, query: FacilityQuery, *also: str, order: str = "", many: bool = False) -> Any:
    """Have SQLite answer from an index that knows all that is asked; left alone it reads whole rows.

    ``also`` are columns that are asked for beside those of the query, ``order`` the index in whose
    order the answer is wanted: taken where nothing else narrows it, or so many match that the first
    of them come soon.
    """
    if query.recorded_at is not None or query.ids is not None:
        return statement
    narrowing = _narrowing(query)
    candidates = (*((order, narrowing) if many else (narrowing, order)), "class", "names", "texts")
    return through(statement, next(name for name in candidates if name and knows_all(name, query, *also)))


def through(statement: Any, index: str) -> Any:
    """Have SQLite answer from an index, by the last part of its name."""
    return statement.with_hint(FacilityRevisionRow, f"INDEXED BY ix_facility_revision_{index}", "sqlite")


def knows_all(index: str, query: FacilityQuery, *also: str) -> bool:
    """Return whether an index knows all that a query asks of a facility, and some columns more."""
    needed = {*also, *(column for part, column in _NEEDS.items() if getattr(query, part) is not None)}
    if query.text:
        needed |= {"search_text", "search_sounds"}
    return needed <= _known_to(index)


# The parts of a query that only some indices know.
_NEEDS = {"bbox": "lat", "name_contains": "search_text", "source_contains": "source", "updated_since": "recorded_at", "updated_before": "recorded_at"}


def _narrowing(query: FacilityQuery) -> str:
    """Return the index in which the query asks for one stretch only; "" where there is none."""
    if query.bbox is not None:
        return "position"
    if query.area_prefix:
        return "area"
    if query.located is False and not query.class_prefixes:
        return "position"
    return "updated" if query.updated_since is not None or query.updated_before is not None else ""


@cache
def _known_to(name: str) -> frozenset[str]:
    table = cast("Table", FacilityRevisionRow.__table__)
    return frozenset(next(each.columns.keys() for each in table.indexes if each.name == f"ix_facility_revision_{name}"))


def select_believed(session: Session, facility_id: int | None = None) -> list[FacilityRevisionRow]:
    """Return the revisions that are believed now of one facility, or of all, in the order of valid time."""
    row = FacilityRevisionRow
    statement = select(row).where(row.superseded_at.is_(None)).order_by(row.facility_id, row.valid_from)
    if facility_id is not None:
        statement = statement.where(row.facility_id == facility_id)
    return list(session.scalars(statement))  # an unknown beginning (NULL) sorts first


def select_believed_of(session: Session, facility_ids: Sequence[int]) -> Iterator[FacilityRevisionRow]:
    """Yield the revisions that are believed now of some facilities."""
    row = FacilityRevisionRow
    for start in range(0, len(facility_ids), _ASKED_AT_ONCE):
        asked = facility_ids[start : start + _ASKED_AT_ONCE]
        yield from session.scalars(select(row).where(row.superseded_at.is_(None), row.facility_id.in_(asked)))


def select_history(
    session: Session, facility_id: int, *, before: int | None = None, limit: int | None = None
) -> list[FacilityRevisionRow]:
    """Return all revisions of a facility, believed still or not, newest first, those before one only."""
    row = FacilityRevisionRow
    statement = select(row).where(row.facility_id == facility_id).order_by(row.id.desc())
    if before is not None:
        statement = statement.where(row.id < before)
    return list(session.scalars(statement if limit is None else statement.limit(limit)))


def select_revisions_by_id(session: Session, ids: Sequence[int]) -> dict[int, FacilityRevisionRow]:
    """Return revisions by their id."""
    row = FacilityRevisionRow
    return {each.id: each for each in session.scalars(select(row).where(row.id.in_(ids)))}


def select_gone(session: Session, kind: str) -> list[tuple[int, str, str, str | None]]:
    """Return (facility id, name, class, area) of what was believed last of facilities that are gone in one way."""
    row = FacilityRevisionRow
    statement = select(row.facility_id, row.name, row.class_code, row.area_code).where(
        row.superseded_at.is_(None), row.deleted.is_(True), row.kind == kind)
    return [(int(number), str(name), str(code), area) for number, name, code, area in session.execute(statement)]


def select_by_origin(session: Session, origin: str) -> dict[int, tuple[int, int]]:
    """Return, of every facility that has revisions through one door, its first and its last of them."""
    row = FacilityRevisionRow
    found = session.execute(
        select(row.facility_id, func.min(row.id), func.max(row.id)).where(row.origin == origin).group_by(row.facility_id))
    return {int(number): (int(first), int(last)) for number, first, last in found}


def select_touched_since(session: Session, origin: str) -> list[int]:
    """Return the facilities that have revisions through one door and later ones through another, in order."""
    row, later = FacilityRevisionRow, aliased(FacilityRevisionRow)
    first = select(row.facility_id, func.min(row.id).label("first")).where(row.origin == origin).group_by(row.facility_id).subquery()
    statement = (
        select(later.facility_id).join(first, and_(later.facility_id == first.c.facility_id, later.id > first.c.first))
        .where(later.origin != origin).distinct().order_by(later.facility_id)
    )
    return list(session.scalars(statement))


def select_histories(session: Session, facility_ids: Sequence[int]) -> dict[int, list[FacilityRevisionRow]]:
    """Return all revisions of facilities, each in the order in which they were written."""
    row = FacilityRevisionRow
    found: dict[int, list[FacilityRevisionRow]] = {number: [] for number in facility_ids}
    for start in range(0, len(facility_ids), _ASKED_AT_ONCE):
        asked = facility_ids[start : start + _ASKED_AT_ONCE]
        for each in session.scalars(select(row).where(row.facility_id.in_(asked)).order_by(row.id)):
            found[each.facility_id].append(each)
    return found


def select_with_relations(session: Session) -> list[tuple[int, str, list[dict[str, Any]]]]:
    """Return (facility id, name, relations) of the believed revisions that have any."""
    row = FacilityRevisionRow
    statement = select(row.facility_id, row.name, row.relations).where(
        row.superseded_at.is_(None), row.deleted.is_(False), type_coerce(row.relations, String) != "[]")
    return [(int(number), str(name), relations) for number, name, relations in session.execute(statement)]


def add_facilities(session: Session, count: int, *, created_at: str) -> list[int]:
    """Give out new identities and return them, in order."""
    # Past the session's list of new rows: revisions of an import are then written together, not one by one.
    statement = insert(FacilityRow).returning(FacilityRow.id)
    connection = session.connection()
    return sorted(
        int(number) for start in range(0, count, _ASKED_AT_ONCE)
        for number in connection.execute(statement, [{"created_at": created_at}] * min(_ASKED_AT_ONCE, count - start)).scalars()
    )


def newest_facility(session: Session) -> int:
    """Return the largest id that a facility has; 0 before the first."""
    return int(session.scalar(select(func.max(FacilityRow.id))) or 0)


def first_registered_at(session: Session) -> str | None:
    """Return the moment at which the first facility got its identity; None in an empty registry."""
    return session.scalar(select(FacilityRow.created_at).order_by(FacilityRow.id).limit(1))
