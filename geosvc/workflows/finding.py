"""Which facilities are asked for, in which order, from where on: the same words in pages, API, exports and scripts."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidParameter
from geosvc.registry import facilities
from geosvc.registry.moments import begin_of, day_of, known_at
from geosvc.store.facilities import FacilityQuery
from geosvc.store.facility_lists import SORTS, Order

if TYPE_CHECKING:
    from collections.abc import Callable

    from geosvc.geo.crs import BBox
    from geosvc.store.facility_lists import Place

_MOST_DIGITS = 18
_MOST_WORDS = 8
_MOST_LETTERS = 200
# What a cursor of an order follows, where another word than that of `sort` tells it from older cursors (names by code points).
_FOLLOWED = {"name": "pinyin"}
# What `sort` can say: a minus turns the order round.
SORT_WORDS = tuple(f"{sign}{name}" for name in SORTS for sign in ("", "-"))


def query_of(
    *, text: str | None = None, class_prefix: str | None = None, area: str | None = None, state: str | None = None,
    located: bool | None = None, illustrative: bool | None = None, source: str | None = None,
    updated_since: str | None = None, bbox: BBox | None = None, date: str | None = None, recorded: str | None = None,
) -> FacilityQuery:
    """Return which facilities are asked for; what is None or empty does not restrict.

    Parameters
    ----------
    text : str, optional
        Words that must all stand in the name, the short name, an alias or an identifier, be the id, or be how the name is read.
    class_prefix, area : str, optional
        Class and area code, or the beginning of it.
    state : str, optional
    located, illustrative : bool, optional
    source : str, optional
        Part of the source.
    updated_since : str, optional
        A day (its beginning in China) or an instant.
    bbox : (west, south, east, north), optional
        Degrees.
    date, recorded : str, optional
        As it was true on that day; as it was known then.

    Raises
    ------
    InvalidParameter
    """
    if state and state not in set(facilities.State):
        raise InvalidParameter(f"state must be one of {', '.join(facilities.State)}; got {state!r}")
    if text and (len(text.split()) > _MOST_WORDS or len(text) > _MOST_LETTERS):
        raise InvalidParameter(f"a search has at most {_MOST_WORDS} words and {_MOST_LETTERS} letters, got {len(text)} letters")
    if source and len(source) > _MOST_LETTERS:
        raise InvalidParameter(f"source has at most {_MOST_LETTERS} letters, got {len(source)}")
    return FacilityQuery(
        text=text or None, class_prefixes=[class_prefix.upper()] if class_prefix else None, area_prefix=area or None,
        states=[state] if state else None, located=located, illustrative=illustrative, source_contains=source or None,
        updated_since=_time(updated_since, begin_of, "updated_since"), bbox=bbox,
        valid_at=_time(date, day_of, "datetime"), recorded_at=_time(recorded, known_at, "recorded"),
    )


def _time(text: str | None, read: Callable[[str], str], what: str) -> str | None:
    if not text or text in ("..", "../.."):
        return None
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        raise InvalidParameter(f"{what}: {error}") from None


def order_of(sort: str | None) -> Order:
    """Return the order that a word such as ``name`` or ``-updated`` means; by id without one.

    Raises
    ------
    InvalidParameter
    """
    if not sort:
        return Order()
    if sort not in SORT_WORDS:
        raise InvalidParameter(f"sort must be one of {', '.join(SORT_WORDS)}; got {sort!r}")
    return Order(by=sort.removeprefix("-"), descending=sort.startswith("-"))


def is_whole(text: str) -> bool:
    """Return whether text is a whole number that a database holds; "²" is a digit only to Unicode."""
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def whole(cursor: str | None) -> int:
    """Return the number in a cursor; 0 without one.

    Raises
    ------
    InvalidParameter
    """
    if cursor is None:
        return 0
    if not is_whole(cursor):
        raise not_given_out(cursor)
    return int(cursor)


def cursor_of(order: Order, place: Place) -> str:
    """Return a place in an order as text for a link."""
    if order.by == "id":
        return str(place[1])
    told = json.dumps([_FOLLOWED.get(order.by, order.by), *place], ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="surrogatepass")
    return base64.urlsafe_b64encode(told).decode("ascii").rstrip("=")


def place_of(order: Order, cursor: str | None) -> Place | None:
    """Return the place that a cursor names; None without one.

    Raises
    ------
    InvalidParameter
        If this order did not give it out.
    """
    if cursor is None:
        return None
    if order.by == "id":
        return (whole(cursor), whole(cursor))
    try:
        told: Any = json.loads(base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", altchars=b"-_", validate=True))
        by, key, number = told
    except (ValueError, TypeError, binascii.Error):
        raise not_given_out(cursor) from None
    ordinary = by == _FOLLOWED.get(order.by, order.by) and isinstance(key, str) and isinstance(number, int) and not isinstance(number, bool)
    if not ordinary or not is_whole(str(number)) or not _storable(key):
        raise not_given_out(cursor)
    return (key, number)


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def not_given_out(cursor: str) -> InvalidParameter:
    """Return the refusal of a cursor that does not come from a link."""
    return InvalidParameter(f"cursor {cursor!r} is not one that this collection gave out for this order; follow the next link")
