"""Taking the facilities out, as files that come back through the importer unchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidParameter
from geosvc.geo.datums import WGS84, datum_named
from geosvc.registry import facilities
from geosvc.registry.exports.columns import About, mark_of
from geosvc.registry.exports.extract import extract
from geosvc.registry.exports.sheets import write_workbook
from geosvc.registry.exports.tables import write_csv, write_geojson, write_geopackage
from geosvc.registry.moments import day_of, known_at, today
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows.files import format_of, write_whole
from geosvc.workflows.finding import query_of
from geosvc.workflows.workspace import title_of

if TYPE_CHECKING:
    from geosvc.store.engine import Store

__all__ = ["FORMATS", "export_facilities", "query_of", "write_template"]

FORMATS = {"csv": write_csv, "xlsx": write_workbook, "geojson": write_geojson, "gpkg": write_geopackage}


def export_facilities(
    store: Store, path: Path, query: FacilityQuery | None = None, *, date: str | None = None, recorded: str | None = None,
    datum: str = WGS84, with_contacts: bool = False, most: int | None = None, as_format: str | None = None,
) -> dict[str, Any]:
    """Write the facilities that a query matches to a file, and return what was written.

    Parameters
    ----------
    store : Store
    path : Path
        Its suffix says the format: .csv, .xlsx, .geojson, .gpkg; there already, it is replaced as a whole.
    query : FacilityQuery, optional
        All facilities unless given.
    date, recorded : str, optional
        As it was true on that day; as the registry knew it then.
    datum : str
        WGS84, CGCS2000, GCJ02 or BD09.
    with_contacts : bool
        Whether telephones and officers, which are personal data, are in it.
    most : int, optional
        More facilities than this are refused.
    as_format : str, optional
        In place of the suffix.

    Raises
    ------
    InvalidParameter, StoreError
    """
    name = format_of(path, FORMATS, as_format)
    query = replace(
        query or FacilityQuery(), valid_at=_told(day_of, date, "date"), recorded_at=_told(known_at, recorded, "recorded")
    )
    with store.reading() as session:
        if most is not None and (matched := facilities.count(session, query)) > most:
            raise InvalidParameter(f"{matched:,} facilities are more than the {most:,} of one download; choose an area or a class")
        about = About(
            registry=title_of(session), mark=mark_of(session), as_of=query.valid_at or today(), recorded=query.recorded_at,
            datum=datum_named(datum), with_contacts=with_contacts,
        )
        found = extract(session, query)
        # In the same session: what is written is one state of the registry, though it is read while it is written.
        write_whole(path, lambda target: FORMATS[name](target, found, about), suffix=f".{name}")
    return {
        "file": str(path), "facilities": found.facilities, "illustrative": found.illustrative, "to_be_located": found.to_be_located, "registry": about.signature,
        "as_of": about.as_of, "recorded": about.recorded, "datum": about.datum, "contacts": with_contacts,
        "bytes": path.stat().st_size,
    }


def write_template(store: Store, path: Path, *, empty: bool = False, most: int | None = None) -> dict[str, Any]:
    """Write a workbook to fill in: text cells, drop-downs, and the current values unless ``empty``.

    Raises
    ------
    InvalidParameter, StoreError
    """
    if path.suffix.lower() != ".xlsx":
        raise InvalidParameter(f"{path.name}: a template is a workbook; give it the suffix .xlsx")
    return export_facilities(store, path, FacilityQuery(ids=[]) if empty else None, most=most)


def _told(read: Any, text: str | None, what: str) -> str | None:
    if text is None:
        return None
    try:
        return str(read(text))
    except ValueError as error:
        raise InvalidParameter(f"{what}: {error}") from None
