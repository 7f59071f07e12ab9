"""The page of coverage: services by areas, on one day or two, with how evenly one of them reaches people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from geosvc.coverage.measure import TOTAL_CODE
from geosvc.gate.people import store_of
from geosvc.registry.areas import LEVELS
from geosvc.web import facility_views, job_pages, views
from geosvc.web.render import language_of, render
from geosvc.web.scenario_views import Signs
from geosvc.workflows import as_of, cross_table, reading, uncertainty
from geosvc.workflows.job_kinds import BAND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geosvc.settings import Settings
    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
_AREAS_NAMED = 4

LanguageParameter = Annotated[str | None, Query(alias="lang")]
DatetimeParameter = Annotated[str | None, Query(alias="datetime")]


@router.get("/coverage", response_class=HTMLResponse)
def coverage_page(
    request: Request, level: str | None = None, service: str | None = None, threshold: str | None = None, sort: str | None = None,
    at: DatetimeParameter = None, recorded: str | None = None, compared_with: str | None = None, lang: LanguageParameter = None,
) -> HTMLResponse:
    """Show which share of each area's people every service covers, as it is or as it was on a day."""
    del lang
    page = coverage_view(
        store_of(request), request.app.state.settings, language_of(request), level=level or None, service_id=service or None,
        threshold_id=threshold or None, sort=sort or "", at=at, recorded=recorded, second=compared_with or None)
    for entries, day in (("missing", page["times"]), ("missing_then", {**page["times"], "then": True, "datetime": compared_with})):
        for each in page[entries]:  # what cannot be computed is not offered
            each["measuring"] = job_pages.measuring_of(request, {"id": each["service"]}, day) if each["why"] == "not_measured" else None
    band = page["band"]
    if band is not None and not band["known"]:
        band["measuring"] = job_pages.measuring_what(request, band["asked"], kind=BAND)
    return render(request, "coverage.html", active="coverage", **page)


def coverage_view(
    store: Store, settings: Settings, language: str, *, level: str | None, service_id: str | None, threshold_id: str | None,
    sort: str, at: str | None, recorded: str | None, second: str | None,
) -> dict[str, Any]:
    """Return what the page of coverage shows."""
    times = facility_views.times_of(at, recorded)
    frame = {**views.study_frame(store), "times": times}
    if service_id is not None:
        reading.service_entry(store, service_id)  # refuses an unknown one with the list of those there are
    day = as_of.times_asked(at or None, recorded or None)  # a form sends an empty field
    before = None if second is None else as_of.times_asked(second, recorded or None, name="compared_with")
    wanted = level or cross_table.DEFAULT_LEVEL
    table = cross_table.cross_table(store, settings, day, level=wanted, before=before)
    if level is None and not table["rows"] and table["levels"]:
        # A study without townships is shown by the lowest level that it has.
        wanted = table["levels"][-1]
        table = cross_table.cross_table(store, settings, day, level=wanted, before=before)
    keep = {"level": wanted, "datetime": times["datetime"], "recorded": times["recorded"], "compared_with": second or ""}
    chosen = _chosen(table["columns"], frame["services"], service_id, threshold_id)
    signs = Signs(language)
    order = _order_of_columns(table)
    rows = [{**row, "cells": [row["cells"][i] for i in order]} for row in _sorted(table, sort)]
    columns = [_column(table["columns"][i], language, keep, sort, chosen) for i in order]
    return {
        **frame, "level": wanted, "levels": [each for each in LEVELS if each in {*table["levels"], wanted}], "second": second or "",
        "before_day": None if before is None else before.day, "sort": sort, "columns": columns, "rows": rows,
        "total": [table["total"]["cells"][i] for i in order], "signs": signs,
        "chosen": None if chosen is None else {"service": chosen["service"], "threshold": chosen["threshold"]["id"]},
        "keep": {name: value for name, value in keep.items() if value},
        "missing": _missing(table["columns"], "state", "cure"), "missing_then": _missing(table["columns"], "state_before", "cure_before"),
        "schematic": table["schematic"], "notes": table["notes"], "parts": _parts(table["notes"]),
        "equity": None if chosen is None else _equity(store, chosen, wanted, language),
        "band": None if chosen is None or chosen["run"] is None else _band(store, chosen, wanted),
        "exports": [(name, f"/api/coverage?{urlencode({'f': name, **{key: value for key, value in keep.items() if value}, 'language': language})}")
                    for name in (*cross_table.FORMATS[::-1], "json")],
    }


def _parts(notes: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the notes that say of whom the figures are, to who sees some areas."""
    return [note for note in notes if note["code"] in ("part_of_study", "no_part_of_study", "areas_without_people", "zones_beside")]


# -- columns and rows ------------------------------------------------------------------------


def _key(column: Mapping[str, Any]) -> str:
    return f"{column['service']}.{column['threshold']['id']}"


def _chosen(
    columns: list[dict[str, Any]], services: list[dict[str, Any]], service_id: str | None, threshold_id: str | None
) -> dict[str, Any] | None:
    """Return the column of the service that is asked for, else of the default one, else the first that was measured."""
    default = next((each["id"] for each in services if each["is_default"]), None)
    measured = [column for column in columns if column["run"] is not None]
    if service_id is not None:
        own = [column for column in columns if column["service"] == service_id]
        return next((column for column in own if column["threshold"]["id"] == threshold_id), own[0] if own else None)
    return next((column for column in measured if column["service"] == default), measured[0] if measured else None)


def _order_of_columns(table: dict[str, Any]) -> list[int]:
    """Return the places of the columns: those with an answer first, the others behind."""
    return sorted(range(len(table["columns"])), key=lambda i: table["columns"][i]["run"] is None)


def _sorted(table: dict[str, Any], sort: str) -> list[dict[str, Any]]:
    """Return the rows by the share in a column; by code unless a column is named. What is not known comes last."""
    keys = [_key(column) for column in table["columns"]]
    wanted = sort.removeprefix("-")
    if wanted not in keys:
        return list(table["rows"])
    place, turn = keys.index(wanted), -1 if sort.startswith("-") else 1

    def by_share(row: dict[str, Any]) -> tuple[bool, float, str]:
        share = row["cells"][place]["share"]
        return share is None, 0.0 if share is None else turn * share, row["area_code"]

    return sorted(table["rows"], key=by_share)


def _column(
    column: dict[str, Any], language: str, keep: dict[str, str], sort: str, chosen: Mapping[str, Any] | None
) -> dict[str, Any]:
    key = _key(column)
    now = {key: "ascending", f"-{key}": "descending"}.get(sort, "")
    query = {**{name: value for name, value in keep.items() if value}, "sort": f"-{key}" if now == "ascending" else key}
    if chosen is not None:
        query |= {"service": chosen["service"], "threshold": chosen["threshold"]["id"]}
    shown = {"service": column["service"], "threshold": column["threshold"]["id"],
             **{name: keep[name] for name in ("datetime", "recorded") if keep[name]}}
    return {
        **column, "label": cross_table.label_of(column, language), "name": column[language], "key": key, "sorted": now,
        "sort_address": f"/coverage?{urlencode(query)}", "map_address": f"/?{urlencode(shown)}",
    }


def _missing(columns: list[dict[str, Any]], state: str, cure: str) -> list[dict[str, Any]]:
    """Return the services without an answer, each once, with why and the command that makes one."""
    found = {column["service"]: column for column in columns if column.get(state, "measured") != "measured"}
    return [{**column, "why": column[state], "command": column.get(cure)} for column in found.values()]


# -- one service -----------------------------------------------------------------------------


def _equity(store: Store, column: dict[str, Any], level: str, language: str) -> dict[str, Any]:
    """Return the equity figures of a column with the words beside them."""
    if column["run"] is None:
        return {"label": cross_table.label_of(column, language), "state": column["state"], "cure": column["cure"], "level": None, "travel": None}
    table = reading.coverage_table(store, column["service"], run_id=column["run"], threshold_id=column["threshold"]["id"])
    summary = reading.run_record(store, column["run"])["summary"]["thresholds"][column["threshold"]["id"]]
    found = table["equity"]["levels"].get(level)
    names = {row["area_code"]: row["name"] for row in table["rows"]}
    by_age = next((row["people_by_age"] for row in table["rows"] if row["area_code"] == TOTAL_CODE), None) or []
    areas_by_age = [row for row in table["rows"] if row["level"] == level and row["people_by_age"]]
    return {
        "label": cross_table.label_of(column, language), "state": "measured", "cure": None, "unit": table["unit"], "level": found,
        "travel": table["equity"]["travel"], "whole": None if summary["share"] is None else summary["share"]["of_all_people"],
        "worst_areas": [] if found is None else [names[code] or code for code in found["worst_fifth"]["areas"]], "most_named": _AREAS_NAMED,
        "by_age": by_age, "areas_by_age": areas_by_age, "age_figures": _figures_of_ages(by_age, areas_by_age),
    }


def _figures_of_ages(by_age: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the figures that tell the ages, each once."""
    parts = [*by_age, *(part for row in rows for part in row["people_by_age"])]
    return list({(each["year"], each["source"]): each for part in parts for each in part["figures"]}.values())


def _band(store: Store, column: dict[str, Any], level: str) -> dict[str, Any]:
    """Return the band of a column that was computed before, and else the command that computes it."""
    known = uncertainty.known_band(
        store, column["service"], column["threshold"]["id"], draws=uncertainty.DEFAULT_DRAWS, seed=uncertainty.DEFAULT_SEED,
        run_id=column["run"])
    command = f"geosvc band {column['service']} --threshold {column['threshold']['id']} --run {column['run']}"
    if known is None:
        asked = {"service": column["service"], "threshold": column["threshold"]["id"], "run": column["run"]}
        return {"known": False, "command": command, "asked": asked, "total": None, "rows": [], "draws": 0}
    whole = next((row for row in known["rows"] if row["area_code"] == TOTAL_CODE), None)
    total = None if whole is None or whole["people_covered"]["p5"] is None else whole["people_covered"]
    rows = [row for row in known["rows"] if row["level"] == level and row["share_covered"]["p5"] is not None]
    return {"known": True, "command": command, "total": total, "rows": rows, "draws": known["draws"]}
