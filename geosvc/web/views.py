"""What each page shows, gathered from the workflows; templates only lay it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geosvc.coverage.measure import TOTAL_CODE
from geosvc.coverage.services import service_from
from geosvc.errors import InvalidParameter, RunNotFound, Unsolvable
from geosvc.geo.crs import name_of
from geosvc.language import words
from geosvc.maps import numbers
from geosvc.registry.moments import AsOf
from geosvc.web import facility_views
from geosvc.workflows import as_of, features, publishing, reading, scenarios, workspace

if TYPE_CHECKING:
    from geosvc.accounts.people import Person
    from geosvc.settings import Settings
    from geosvc.store.engine import Store

_LEVELS_IN_PANEL = ("county", "township")
_SMALLEST_KM2 = 0.1


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

    def ages(self, part: dict[str, Any]) -> str:
        """Return "65 and older", "0 to 14" of a part of a population."""
        return self.fill("ages_and_older" if part["last"] is None else "ages_between", first=part["first"], last=part["last"])

    def km2(self, value: float | None) -> str:
        """Return square kilometres with one decimal; what is smaller is not 0."""
        if value is None:
            return words(self.language)["unknown"]
        return f"{value:,.1f}" if value >= _SMALLEST_KM2 or value == 0 else f"< {_SMALLEST_KM2}"

    def percent(self, value: float | None) -> str:
        """Return a share, cut to one decimal."""
        return numbers.percent(value, self.language)

    def lang_of(self, text: str | None) -> str | None:
        """Return the language of a text of the data where it is not the page's."""
        return numbers.foreign_language(text, self.language)

    def sum_of(self, states: dict[str, float]) -> float:
        """Return the total over all states."""
        return sum(states.values())

    def share_of(self, states: dict[str, float]) -> float | None:
        """Return the covered share of all states together; None of nothing."""
        total = sum(states.values())
        return states["covered"] / total if total > 0 else None

    def amount(self, value: float | None, unit: str) -> str:
        """Return minutes (whole, rounded up) or kilometres (one decimal, rounded up) with their unit."""
        return words(self.language)["unknown"] if value is None else numbers.amount(value, unit, self.language)

    def plain(self, value: float) -> str:
        """Return a number with as many of two decimals as it needs."""
        return numbers.plain(value)

    def limit(self, threshold: dict[str, Any], unit: str | None = None) -> str:
        """Return a threshold with its unit and whom it is for."""
        return numbers.limit_label(threshold["value"], unit or threshold["unit"], threshold["applies_to"], self.language)

    def states_not_covered(self, people: dict[str, float]) -> list[tuple[str, float]]:
        """Return (state, people) of those not covered, each state by itself."""
        return numbers.states_not_covered(people)

    def settlements(self, gap: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """Return the settlements of a gap to list, and the word for the others."""
        return numbers.settlements_shown(gap, self.language)

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


def study_frame(store: Store) -> dict[str, Any]:
    """Return what every page of a study shows."""
    held = workspace.overview(store)
    return {"study": held["title"], "held": held, "services": reading.list_services(store)}


def service_chosen(services: list[dict[str, Any]], service_id: str | None, store: Store) -> dict[str, Any]:
    """Return the service that is asked for; the default one unless one is."""
    if service_id is not None:
        reading.service_entry(store, service_id)  # refuses an unknown one with the list of those there are
    wanted = service_id or next((each["id"] for each in services if each["is_default"]), services[0]["id"])
    return next(each for each in services if each["id"] == wanted)


def scenario_tried(store: Store, person: Person, scenario: str | None, *beside: str | None) -> dict[str, Any] | None:
    """Return the scenario that a page is asked for; None for the baseline.

    Raises
    ------
    InvalidParameter
        If a run, a day or a moment is asked for beside it.
    ScenarioNotFound
    """
    if not scenario or scenario == scenarios.BASELINE:
        return None
    if any(beside):
        raise InvalidParameter("scenario is of today: send it without run, datetime and recorded")
    return scenarios.get_scenario(store, person, scenarios.scenario_number(scenario))


def run_of_scenario(scenario: dict[str, Any], service_id: str) -> str | None:
    """Return the run of a scenario, as it is now, for a service."""
    return next((each["run"] for each in scenario["measured"] if each["service"] == service_id), None)


def run_shown(store: Store, settings: Settings, service: dict[str, Any], times: dict[str, Any]) -> dict[str, Any]:
    """Return the run that a page shows (None: there is none), why not, and the command that makes one."""
    if not times["then"]:
        return {"run": service["run"], "missing": None, "cure": None}
    day = AsOf(valid_at=times["valid_at"], recorded_at=times["recorded_at"])
    try:
        found = as_of.run_as_of(store, settings, service["id"], day)
    except RunNotFound:
        return {"run": None, "missing": "not_measured", "cure": as_of.command_for(service["id"], day)}
    except Unsolvable:
        return {"run": None, "missing": "not_computable", "cure": None}
    return {"run": found, "missing": None, "cure": None}


def map_view(
    store: Store, service_id: str | None, threshold_id: str | None, language: str, *, settings: Settings,
    at: str | None = None, recorded: str | None = None,
) -> dict[str, Any]:
    """Return what the map page shows; ``threshold`` None where no limit speaks for everybody."""
    times = facility_views.times_of(at, recorded)
    frame = {**study_frame(store), "times": times}
    service = service_chosen(frame["services"], service_id, store)
    shown_run = run_shown(store, settings, service, times)
    if shown_run["run"] is None:
        return {**frame, **shown_run, "service": service, "threshold": None, "part": None}
    run = reading.run_record(store, shown_run["run"])
    measured = service_from(run["parameters"]["service"])
    shown = publishing.chosen_threshold(run, measured, threshold_id)
    apart = numbers.stands_apart(run)
    tables = {each.id: reading.coverage_table(store, service["id"], run_id=run["id"], threshold_id=each.id)
              for each in (measured.thresholds if apart else [shown or measured.thresholds[0]])}
    table = tables[(shown or measured.thresholds[0]).id]
    rows = [row for row in table["rows"] if row["level"] in (*_LEVELS_IN_PANEL, "outside")]
    return {
        **frame, "service": service, "run": run, "threshold": None if shown is None else table["threshold"], "part": run.get("part"),
        "total": _total(run["summary"]["thresholds"][table["threshold"]["id"]]), "rows": rows, "states": _states_of(rows),
        "tiles": numbers.side_by_side(run, measured, language) if apart else [],
        "verdict": numbers.verdict_sentence(run, language) if apart else "",
        "by_limit": _covered_by_limit(tables) if apart else {},
        "kpis": numbers.kpis(run, measured, shown, language),
        "by_age": next((row["people_by_age"] for row in table["rows"] if row["area_code"] == TOTAL_CODE), None) or [],
        "travel": numbers.travel_text(run, measured, language),
        "figures": None if shown is None else run["summary"]["thresholds"][shown.id],
        "thresholds": _all_thresholds(service, run),
        # Of another day the answers of other services would be asked for one by one.
        "beside": [] if times["then"] else _beside(store, frame["services"], service, language),
        "changed_since": table["changed_since"],
        "crs": name_of(run["inputs"]["grid"]["crs"]),
        "schematic": table["schematic"], "notes": run["notes"],
        "denominator": numbers.denominator(run, publishing.people_source(store, run), language),
        "population_source": publishing.people_source(store, run)["source"],
    }


def _total(found: dict[str, Any]) -> dict[str, Any]:
    """Return the people and square kilometres of all that a run tells for a limit."""
    people = found["people"]
    return {"people": people, "people_total": None if people is None else sum(people.values()), "share": found["share"], "km2": found["km2"]}


def _states_of(rows: list[dict[str, Any]]) -> list[str]:
    """Return the states of people not covered that a table needs a column for."""
    counted = [row["people"] for row in rows if row["people"] is not None]
    return [state for state in numbers.NOT_COVERED if state == "beyond" or any(people[state] > 0 for people in counted)]


def _covered_by_limit(tables: dict[str, dict[str, Any]]) -> dict[str, list[float | None]]:
    """Return, for each area, the people within each limit; None where nobody is known of."""
    found: dict[str, list[float | None]] = {}
    for table in tables.values():
        for row in table["rows"]:
            within = None if row["people"] is None or not row["people_total"] else row["people"]["covered"]
            found.setdefault(row["area_code"], []).append(within)
    return found


def _all_thresholds(service: dict[str, Any], run: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {**each, "unit": service["unit"], "figures": run["summary"]["thresholds"][each["id"]]}
        for each in run["parameters"]["service"]["thresholds"]
    ]


def _beside(
    store: Store, services: list[dict[str, Any]], service: dict[str, Any], language: str
) -> list[dict[str, Any]]:
    """Return the answers of the other measured services of the same group, each limit with its people."""
    others = [
        each for each in services
        if each["group"] == service["group"] and each["id"] != service["id"] and each["run"] is not None
    ]
    return [row for each in others for row in _answers(each, reading.run_record(store, each["run"]), language)]


def _answers(service: dict[str, Any], run: dict[str, Any], language: str) -> list[dict[str, Any]]:
    """Return one row for a service whose first limit is everybody's, else one for each limit."""
    measured = service_from(run["parameters"]["service"])
    if numbers.stands_apart(run):
        return [{"service": service, "limit": tile["label"], "text": tile["people"]}
                for tile in numbers.side_by_side(run, measured, language)]
    first = measured.thresholds[0]
    share = run["summary"]["thresholds"][first.id]["share"]
    return [{"service": service, "limit": numbers.label_of(first, measured, language),
             "text": numbers.percent(None if share is None else share["of_all_people"], language)}]


def about_view(store: Store) -> dict[str, Any]:
    """Return what the page about the data shows."""
    frame = study_frame(store)
    records = [
        {"service": service, "run": reading.run_record(store, service["run"])}
        for service in frame["services"] if service["run"] is not None
    ]
    return {**frame, "records": records, "populations": features.populations_of(store),
            "outlines": features.outlines(store)}


