"""What can be done in the background: which parameters each kind takes, when two are the same, and the doing."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from geosvc.accounts.people import Person, Right
from geosvc.coverage import services
from geosvc.errors import InvalidParameter, Unsolvable
from geosvc.store.audit import newest_seal
from geosvc.workflows import reading, scenario_runs, scenarios, uncertainty
from geosvc.workflows.as_of import times_asked
from geosvc.workflows.finding import is_whole
from geosvc.workflows.measuring import is_stored, measure_service, part_of, question_of
from geosvc.workflows.study import Study

if TYPE_CHECKING:
    from geosvc.settings import Settings
    from geosvc.store.engine import Store

MEASURE, MEASURE_ALL, BAND = "measure", "measure_all", "band"
_TAKES = {
    MEASURE: ("service", "datetime", "recorded", "conditions", "speed_kmh", "scenario"),
    MEASURE_ALL: ("datetime", "recorded"),
    BAND: ("service", "threshold", "run", "draws", "seed"),
}
KINDS = tuple(_TAKES)
_LONGEST_WORD, _MOST_CONDITIONS = 200, 20
Progress = Callable[[float, str], None]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What somebody wants done; what is None was not said."""

    kind: str
    service: str | None = None
    datetime: str | None = None
    recorded: str | None = None
    conditions: tuple[str, ...] = ()
    speed_kmh: float | None = None
    scenario: int | None = None
    threshold: str | None = None
    run: str | None = None
    draws: int | None = None
    seed: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What was said, as it is stored and told."""
        told = {name: value for name, value in asdict(self).items() if name != "kind" and value not in (None, ())}
        return {**told, "conditions": list(self.conditions)} if self.conditions else told


def wanted_from(kind: str, parameters: Any) -> Wanted:
    """Return what a kind and its parameters ask for; empty values count as not said.

    Raises
    ------
    InvalidParameter
        If the kind is unknown, a parameter is unknown or of the wrong type, or two do not go together.
    """
    if kind not in KINDS:
        raise InvalidParameter(f"kind must be one of {', '.join(KINDS)}; got {str(kind)[:40]!r}")
    if not isinstance(parameters, dict):
        raise InvalidParameter(f"parameters must be an object with any of {', '.join(_TAKES[kind])}; got {type(parameters).__name__}")
    unknown = sorted(str(name) for name in parameters if name not in _TAKES[kind])
    if unknown:
        raise InvalidParameter(f"{kind} takes {', '.join(_TAKES[kind])}; nobody knows {', '.join(each[:40] for each in unknown[:5])}")
    wanted = Wanted(
        kind=kind, **{name: _word(parameters, name) for name in ("service", "datetime", "recorded", "threshold", "run")},
        conditions=_conditions(parameters), speed_kmh=_speed(parameters), scenario=_scenario(parameters),
        draws=_whole(parameters, "draws"), seed=_whole(parameters, "seed"))
    times_asked(wanted.datetime, wanted.recorded)  # refuses what is no time
    if kind == MEASURE and wanted.service is None and wanted.scenario is None:
        raise InvalidParameter("measure needs a service (such as hospital-drive), or a scenario; measure_all measures all services")
    if kind == BAND and wanted.service is None:
        raise InvalidParameter("band needs a service, such as hospital-drive")
    others = [name for name in ("datetime", "recorded", "conditions", "speed_kmh") if name in wanted.parameters]
    if wanted.scenario is not None and others:
        raise InvalidParameter(f"a scenario is measured as it is, today: leave out {', '.join(others)}")
    return wanted


def _word(parameters: dict[str, Any], name: str) -> str | None:
    value = parameters.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_WORD:
        raise InvalidParameter(f"{name} must be a text of at most {_LONGEST_WORD} letters, got {str(value)[:40]!r}")
    return value


def _conditions(parameters: dict[str, Any]) -> tuple[str, ...]:
    told = parameters.get("conditions") or []
    if not isinstance(told, list) or len(told) > _MOST_CONDITIONS or not all(isinstance(each, str) and len(each) <= _LONGEST_WORD for each in told):
        raise InvalidParameter(f'conditions must be a list of at most {_MOST_CONDITIONS} texts such as ["winter"], got {str(told)[:60]}')
    return tuple(sorted(set(told)))


def _speed(parameters: dict[str, Any]) -> float | None:
    told = parameters.get("speed_kmh")
    if told is None:
        return None
    if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told):
        raise InvalidParameter(f"speed_kmh must be a number, got {str(told)[:40]!r}")
    return float(told)


def _whole(parameters: dict[str, Any], name: str) -> int | None:
    told = parameters.get(name)
    if told is None or told == "":
        return None
    if isinstance(told, bool) or not isinstance(told, int):
        raise InvalidParameter(f"{name} must be a whole number, got {str(told)[:40]!r}")
    return told


def _scenario(parameters: dict[str, Any]) -> int | None:
    told = parameters.get("scenario")
    if told is None or told == "":
        return None
    text = str(told)
    if isinstance(told, bool) or not is_whole(text):
        raise InvalidParameter(f"scenario must be the number of a scenario, got {text[:40]!r}")
    return int(text)


# -- when two are the same ---------------------------------------------------------------------


def question_asked(store: Store, settings: Settings, person: Person, wanted: Wanted) -> tuple[str, dict[str, Any] | None]:
    """Return (checksum of all that goes in, what comes out where that is stored already).

    What cannot be answered is refused here, so that nobody waits for a refusal.

    Raises
    ------
    ServiceNotFound, ScenarioNotFound, InvalidParameter, AreaNotFound, NoFacility, NoStudyArea, Unsolvable
    """
    if wanted.kind == BAND:
        band, known_band = _band_of(store, wanted)
        return _checksum(wanted, band["run"]), {**_nothing_yet(), "band": band} if known_band else None
    if wanted.kind == MEASURE and wanted.scenario is None:
        assert wanted.service is not None  # wanted_from saw to it
        study = Study(store, settings, times_asked(wanted.datetime, wanted.recorded))
        how: dict[str, Any] = {"speed_kmh": wanted.speed_kmh, "conditions": wanted.conditions}
        run_id = question_of(study, wanted.service, **how).run_id
        # Read by the one who measures: a run of earlier becomes the newest answer again.
        known = measure_service(study, wanted.service, **how).id if is_stored(store, run_id) else None
        return _checksum(wanted, run_id), None if known is None else {"measured": [{"service": wanted.service, "run": known}], "not_computable": {}}
    if wanted.scenario is not None:
        scenarios.get_scenario(store, person, wanted.scenario)
        if wanted.service is not None:
            with store.reading() as session:
                services.get(session, wanted.service)
    with store.reading() as session:
        return _checksum(wanted, newest_seal(session)), None


def _band_of(store: Store, wanted: Wanted) -> tuple[dict[str, Any], bool]:
    """Return (what names the band that is wanted, whether it is stored)."""
    draws = uncertainty.DEFAULT_DRAWS if wanted.draws is None else wanted.draws
    seed = uncertainty.DEFAULT_SEED if wanted.seed is None else wanted.seed
    return uncertainty.band_asked(store, wanted.service, wanted.threshold, run_id=wanted.run, draws=draws, seed=seed)


def _nothing_yet() -> dict[str, Any]:
    return {"measured": [], "not_computable": {}}


def _checksum(wanted: Wanted, inputs: str) -> str:
    """``inputs`` stands for what the workspace holds: the checksum of a run, or the seal of the last change of the registry."""
    return hashlib.sha256(json.dumps([wanted.kind, wanted.parameters, inputs], sort_keys=True, ensure_ascii=False).encode()).hexdigest()


# -- doing it ----------------------------------------------------------------------------------


def do(store: Store, settings: Settings, wanted: Wanted, author: str, tell: Progress, outcome: dict[str, Any]) -> None:
    """Do what is wanted and write down in ``outcome`` what came out, piece by piece: what was stored before an end stays.

    Raises
    ------
    GeosvcError
        Whatever the measuring refuses.
    """
    outcome.update(_nothing_yet())
    if wanted.scenario is not None:
        # It was looked at when it was asked for; whoever may ask for a job sees every scenario.
        person = Person(name=author, rights=frozenset({Right.READ, Right.MEASURE}))
        named = () if wanted.service is None else (wanted.service,)
        outcome.update(scenario_runs.measure(store, settings, person, wanted.scenario, service_ids=named, progress=tell))
        return
    if wanted.kind == BAND:
        band, _known = _band_of(store, wanted)
        uncertainty.coverage_band(
            Study(store, settings), band["service"], band["threshold"], run_id=band["run"], draws=band["draws"], seed=band["seed"],
            progress=lambda share, step: tell(share, f"{band['service']}: {step if step == 'ground' else 'band'}"))
        outcome["band"] = band
        return
    study = Study(store, settings, times_asked(wanted.datetime, wanted.recorded))
    if wanted.service is not None:
        tell(0.0, wanted.service)
        run = measure_service(study, wanted.service, speed_kmh=wanted.speed_kmh, conditions=wanted.conditions,
                              progress=part_of(tell, 0, 1, wanted.service))
        outcome["measured"].append({"service": wanted.service, "run": run.id})
        return
    _measure_all(study, tell, outcome)


def _measure_all(study: Study, tell: Progress, outcome: dict[str, Any]) -> None:
    names = [each["id"] for each in reading.list_services(study.store)]
    for place, name in enumerate(names):
        tell(place / len(names), name)
        try:
            run = measure_service(study, name, progress=part_of(tell, place, len(names), name))
        except Unsolvable as error:
            outcome["not_computable"][name] = str(error)
        else:
            outcome["measured"].append({"service": name, "run": run.id})
    if not outcome["measured"]:
        reasons = "; ".join(dict.fromkeys(outcome["not_computable"].values()))
        raise Unsolvable(f"no service could be measured: {reasons}" if reasons else "no service is declared, so there is nothing to measure")
