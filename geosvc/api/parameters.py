"""Query parameters that several routes share, and the refusal of those that none declares."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.routing import APIRoute

from geosvc.errors import InvalidParameter
from geosvc.geo.crs import BBox, check_position
from geosvc.registry.areas import LEVELS
from geosvc.workflows.finding import SORT_WORDS

MOST_ITEMS = 10_000
DEFAULT_ITEMS = 100

BBoxParameter = Annotated[
    str | None,
    Query(description="west,south,east,north in degrees (CRS84). A facility to be located has no place and matches no bbox.",
          examples=["126.5,42.1,127.3,42.8"]),
]
LimitParameter = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="How many features to return at most.")]
CursorParameter = Annotated[str | None, Query(description="Where the next page begins; taken from a next link, not made up.")]
DatetimeParameter = Annotated[
    str | None, Query(alias="datetime", description="A day or an instant (RFC 3339; its day in China): the state that was true then. '..' is now."),
]
CrsParameter = Annotated[str | None, Query(description="CRS of the answer; only CRS84.")]
BBoxCrsParameter = Annotated[str | None, Query(alias="bbox-crs", description="CRS of bbox; only CRS84.")]
RecordedParameter = Annotated[str | None, Query(description="An instant (RFC 3339) or a day (its end in China): as the registry knew it then.")]
# -- which facilities: the same for a list and for an export ----------------------------------
TextParameter = Annotated[
    str | None,
    Query(max_length=200, description="Words that must all stand in the name, the short name, an alias or an identifier, be the id, or be how the name "
          "is read: its pinyin (jingyu) from any syllable on, or its initials (rmyy); two letters only from its beginning. "
          "A word of Latin letters alone is not looked for in identifiers.",
          examples=["靖宇 卫生院"]),
]
ClassParameter = Annotated[str | None, Query(max_length=8, description="Class code, or the beginning of it: A is every hospital.")]
AreaParameter = Annotated[str | None, Query(max_length=20, description="Area code, or the beginning of it.")]
LocatedParameter = Annotated[bool | None, Query(description="false: only those to be located.")]
IllustrativeParameter = Annotated[bool | None, Query(description="true: only sample data; false: only real ones.")]
SourceParameter = Annotated[str | None, Query(max_length=200, description="Part of the source.")]
UpdatedSinceParameter = Annotated[
    str | None, Query(max_length=40, description="A day (its beginning in China) or an instant (RFC 3339): registered or changed since."),
]
SortParameter = Annotated[
    str | None,
    Query(max_length=20, description=f"One of {', '.join(SORT_WORDS)}; a minus turns it round. Names are in the order of their pinyin; signs, digits and Latin letters first."),
]


CRS84_URI = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def check_crs84(*named: str | None) -> None:
    """Refuse a CRS other than CRS84, the only one that is served (clients may name it).

    Raises
    ------
    InvalidParameter
    """
    for crs in named:
        if crs is not None and crs != CRS84_URI:
            raise InvalidParameter(f"only {CRS84_URI} is served, got {crs!r}")


def check_level(level: str | None, *also: str) -> None:
    """Refuse a level that no area can have.

    Raises
    ------
    InvalidParameter
    """
    if level is not None and level not in (*LEVELS, *also):
        raise InvalidParameter(f"level must be one of {', '.join((*LEVELS, *also))}; got {level!r}")


class StrictRoute(APIRoute):
    """A route that refuses query parameters which it does not know (OGC API - Features, 7.6).

    A misspelt filter that is silently ignored would answer another question than was asked.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler with the check."""
        handle = super().get_route_handler()
        known = {field.alias for field in self.dependant.query_params}

        async def strict(request: Request) -> Response:
            unknown = sorted(set(request.query_params) - known)
            if unknown:
                raise InvalidParameter(
                    f"unknown parameter {', '.join(unknown)}; this address knows {', '.join(sorted(known)) or 'none'}"
                )
            return await handle(request)

        return strict


def bbox_of(text: str | None) -> BBox | None:
    """Return a box from ``west,south,east,north`` (or six numbers with heights, which are ignored).

    Raises
    ------
    InvalidParameter
        If it is not numbers, not on Earth, or south lies north of north. West may lie east of
        east: the box then crosses the antimeridian.
    """
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4:
        raise InvalidParameter(f"bbox must be west,south,east,north in degrees, got {text!r}")
    west, south, east, north = numbers
    try:
        check_position(west, south)
        check_position(east, north)
    except ValueError as error:
        raise InvalidParameter(f"bbox {text!r}: {error}") from None
    if south > north:
        raise InvalidParameter(f"bbox {text!r}: south {south} lies north of north {north}")
    return (west, south, east, north)
