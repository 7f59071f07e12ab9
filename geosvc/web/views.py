"""What each page shows, gathered from the workflows; templates only lay it out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidParameter
from geosvc.geo.crs import name_of
from geosvc.language import words
from geosvc.maps.document import percent
from geosvc.measures import minutes_to_show
from geosvc.registry.classes import facility_classes
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import features, reading, workspace

if TYPE_CHECKING:
    from geosvc.store.engine import Store

_LEVELS_IN_PANEL = ("county", "township")


@dataclass(frozen=True)
class Wording:
    """Numbers and terms as a reader of one language sees them."""

    language: str

    def word(self, prefix: str, key: str | None) -> str:
        """Return the word for a code; the code itself where there is none."""
        return words(self.language).get(f"{prefix}_{key}", key or "")

    def name(self, entry: dict[str, Any]) -> str:
        """Return the name of a service in the reader's language."""
        return str(entry[self.language])

    def note(self, note: dict[str, str]) -> str:
        """Return a note of a run."""
        return note[self.language]

    def people(self, value: float | None) -> str:
        """Return a whole number of people; unknown is never 0."""
        return words(self.language)["unknown"] if value is None else f"{value:,.0f}"

    def km2(self, value: float | None) -> str:
        """Return square kilometres with one decimal."""
        return words(self.language)["unknown"] if value is None else f"{value:,.1f}"

    def percent(self, value: float | None) -> str:
        """Return a share, cut to one decimal."""
        return percent(value, self.language)

    def sum_of(self, states: dict[str, float]) -> float:
        """Return the total over all states."""
        return sum(states.values())

    def share_of(self, states: dict[str, float]) -> float | None:
        """Return the covered share of all states together; None of nothing."""
        total = sum(states.values())
        return states["covered"] / total if total > 0 else None

    def amount(self, value: float | None, unit: str) -> str:
        """Return minutes (whole, rounded up) or kilometres (one decimal, rounded up) with their unit."""
        text = words(self.language)
        if value is None:
            return text["unknown"]
        number = f"{minutes_to_show(value - 1e-9):,}" if unit == "min" else f"{math.ceil(value * 10 - 1e-9) / 10:,.1f}"
        return f"{number} {text[unit]}"

    def limit(self, threshold: dict[str, Any]) -> str:
        """Return a threshold with its unit and whom it is for."""
        text = words(self.language)
        whom = "" if threshold["applies_to"] == "any" else f" · {text['applies_' + threshold['applies_to']]}"
        return f"{threshold['value']:g} {text[threshold['unit']]}{whom}"

    def fill(self, key: str, **values: object) -> str:
        """Return a sentence with its gaps filled."""
        return words(self.language)[key].format(**values)


def number_or_none(text: str | None) -> float | None:
    """Return the number in a form field; None for an empty one.

    Raises
    ------
    InvalidParameter
    """
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise InvalidParameter(f"expected a number, got {text!r}") from None
    if not value >= 0:
        raise InvalidParameter(f"expected 0 or more, got {text!r}")
    return value


def _frame(store: Store) -> dict[str, Any]:
    """Return what every page of a study shows."""
    held = workspace.overview(store)
    return {"study": held["title"], "held": held, "services": reading.list_services(store)}


def _chosen(services: list[dict[str, Any]], service_id: str | None, store: Store) -> dict[str, Any]:
    if service_id is not None:
        reading.service_entry(store, service_id)  # refuses an unknown one with the list of those there are
    wanted = service_id or next((each["id"] for each in services if each["is_default"]), services[0]["id"])
    return next(each for each in services if each["id"] == wanted)


def map_view(store: Store, service_id: str | None, threshold_id: str | None) -> dict[str, Any]:
    """Return what the map page shows."""
    frame = _frame(store)
    service = _chosen(frame["services"], service_id, store)
    if service["run"] is None:
        return {**frame, "service": service, "run": None, "threshold": None}
    table = reading.coverage_table(store, service["id"], threshold_id=threshold_id)
    run = reading.run_record(store, table["run"])
    rows = [row for row in table["rows"] if row["level"] in _LEVELS_IN_PANEL]
    return {
        **frame, "service": service, "run": run, "threshold": table["threshold"], "total": table["rows"][0],
        "rows": rows, "outside": next((r for r in table["rows"] if r["level"] == "outside"), None),
        "figures": run["summary"]["thresholds"][table["threshold"]["id"]],
        "thresholds": _all_thresholds(service, run), "beside": _beside(store, frame["services"], service),
        "crs": name_of(run["inputs"]["grid"]["crs"]),
        "schematic": table["schematic"], "notes": run["notes"],
        "population_source": (frame["held"]["layers"].get("population") or {}).get("source"),
    }


def _all_thresholds(service: dict[str, Any], run: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {**each, "unit": service["unit"], "figures": run["summary"]["thresholds"][each["id"]]}
        for each in run["parameters"]["service"]["thresholds"]
    ]


def _beside(store: Store, services: list[dict[str, Any]], service: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the answers of the other measured services of the same group."""
    others = [
        each for each in services
        if each["group"] == service["group"] and each["id"] != service["id"] and each["run"] is not None
    ]
    return [reading.default_answer(store, each["id"]) for each in others]


def gaps_view(
    store: Store, service_id: str | None, threshold_id: str | None, *, area: str | None, min_people: float | None,
    cursor: str | None, limit: int,
) -> dict[str, Any]:
    """Return what the list of gaps shows."""
    frame = _frame(store)
    service = _chosen(frame["services"], service_id, store)
    empty = {**frame, "service": service, "gaps": [], "matched": 0, "following": None, "threshold": None, "run": None,
             "area": area or "", "min_people": min_people, "nearest": {}, "schematic": False, "notes": [],
             "areas": []}
    if service["run"] is None:
        return empty
    table = reading.coverage_table(store, service["id"], threshold_id=threshold_id)
    gaps, matched, following = features.gaps_page(
        store, service_id=service["id"], threshold_id=table["threshold"]["id"], area_code=area,
        min_people=min_people, cursor=cursor, limit=limit,
    )
    ids = sorted({gap["properties"]["nearest_facility"] for gap in gaps} - {None})
    found, _count, _next = features.facilities_page(store, FacilityQuery(ids=ids), cursor=None, limit=max(len(ids), 1))
    return {
        **empty, "gaps": gaps, "matched": matched, "following": following, "threshold": table["threshold"],
        "run": table["run"], "schematic": table["schematic"], "notes": table["notes"],
        "nearest": {each["id"]: each["properties"]["name"] for each in found},
        "areas": [row for row in table["rows"] if row["km2"] is not None and row["level"] != "total"],
    }


def facilities_view(
    store: Store, *, q: str | None, class_code: str | None, located: bool | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """Return what the list of facilities shows."""
    prefixes = None if class_code is None else [class_code]
    query = FacilityQuery(name_contains=q, class_prefixes=prefixes, located=located)
    found, matched, following = features.facilities_page(store, query, cursor=cursor, limit=limit)
    return {
        **_frame(store), "facilities": found, "matched": matched, "following": following, "q": q or "",
        "class_code": class_code or "", "located": "" if located is None else str(located).lower(),
        "classes": [facility_classes()[code] for code in features.classes_in_use(store)], "cursor": cursor,
    }


def about_view(store: Store) -> dict[str, Any]:
    """Return what the page about the data shows."""
    frame = _frame(store)
    records = [
        {"service": service, "run": reading.run_record(store, service["run"])}
        for service in frame["services"] if service["run"] is not None
    ]
    return {**frame, "records": records, "populations": features.populations_of(store),
            "outlines": features.outlines(store)}


