"""A coverage figure with a band: the run drawn again and again with what is not known exactly.

``docs/uncertainty.md`` says what is drawn, by which formulas, and how to read the answer.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage import services, uncertainty
from geosvc.coverage.changes import changes_from
from geosvc.coverage.states import CoverageState, states_of
from geosvc.coverage.uncertainty import PERCENTILES, shipped_assumptions
from geosvc.errors import InvalidParameter, NotAllowed, RunNotFound, StoreError, Unsolvable
from geosvc.geo.raster import write_geotiff
from geosvc.registry.facilities import PositionMethod
from geosvc.registry.moments import AsOf
from geosvc.store.runs import select_coverage
from geosvc.store.scope import inside
from geosvc.travel.profiles import travel_profiles
from geosvc.workflows.draws import Positions, Rows
from geosvc.workflows.notes import Note
from geosvc.workflows.part_of_run import told_of
from geosvc.workflows.reading import changed_since, coverage_row, is_schematic, run_of, threshold_entry
from geosvc.workflows.sources_of_people import SourcesOfPeople, sources_of_people
from geosvc.workflows.study import Study
from geosvc.workflows.surfaces import Variation, counted_under, onward_changes, surface_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geosvc.coverage.services import Service, Threshold
    from geosvc.coverage.uncertainty import Assumptions
    from geosvc.settings import Settings
    from geosvc.store.engine import Store
    from geosvc.store.runs import CoverageRow, RunRow

Progress = Callable[[float, str], None]
DEFAULT_DRAWS = 100
# Of fewer than twenty draws none is the lowest 5 %.
FEWEST_DRAWS, MOST_DRAWS = 20, 2000
DEFAULT_SEED = 1
LARGEST_SEED = 2**32 - 1
# What a server computes while somebody waits, in draws times cells: about 20 seconds of two cores.
LARGEST_WHILE_WAITING = 100_000_000
# Raise it with every change that changes a number of a band.
BAND_METHOD = 1
_BANDS_KEPT = 20
_KEY_LENGTH = 12
_WORKERS = min(2, os.cpu_count() or 1)
# A band is computed by one request at a time; who waited finds it stored.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What is asked, and the run that it is asked of."""

    run: RunRow
    rows: list[CoverageRow]
    service: Service
    threshold: Threshold
    draws: int
    seed: int
    assumptions: Assumptions
    changed: list[str]

    @property
    def key(self) -> str:
        """Name of the answer among the files of the run: the same question has the same."""
        asked = [BAND_METHOD, self.threshold.id, self.draws, self.seed, self.assumptions.sha256]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:_KEY_LENGTH]

    @property
    def limit(self) -> float:
        return self.service.limit_of(self.threshold)


def coverage_band(
    study: Study, service_id: str | None, threshold_id: str | None = None, *, run_id: str | None = None,
    draws: int = DEFAULT_DRAWS, seed: int = DEFAULT_SEED, assumptions: Assumptions | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the coverage of a run with its 5-50-95 % band; computed once, then read.

    Parameters
    ----------
    study : Study
    service_id : str or None
        None = the default service.
    threshold_id : str, optional
        The first threshold unless named.
    run_id : str, optional
        A run by its id, trials included; the newest of the service unless named.
    draws : int
        How often to draw; 20 to 2000.
    seed : int
        The same question with the same seed has the same answer, to the bit.
    assumptions : Assumptions, optional
        The shipped ones unless given.
    progress : callable, optional
        Called with the done share (0 to 1) and what is being done.

    Raises
    ------
    ServiceNotFound
    RunNotFound
        If the service has not been measured, or the files of its run are gone.
    InvalidParameter
        If draws or seed are out of range.
    Unsolvable
        If the registry or the layers changed after the run.
    """
    asked = _question(study.store, service_id, threshold_id, run_id, draws, seed, assumptions)
    as_of = AsOf(valid_at=asked.run.valid_at, recorded_at=asked.run.known_at)
    if study.as_of != as_of:  # the band of a run of another day is of that day
        study = Study(study.store, study.settings, as_of)
    known = _stored(study.store, asked)
    if known is not None:
        return known
    _refuse_another_state(study.store, asked)
    drawing = _Drawing(study, asked, progress or (lambda _share, _text: None))
    drawing.draw_all()
    _store(study.store, asked, drawing)
    return {**drawing.answer, "changed_since": []}


def _refuse_another_state(store: Store, asked: _Question) -> None:
    if asked.changed:
        raise Unsolvable(
            f"{', '.join(asked.changed)} changed after run {asked.run.id} of {asked.service.id}, so a band would not be "
            f"that of the run; run: geosvc measure {asked.service.id}"
        )
    if not (store.runs / asked.run.id).is_dir():
        raise RunNotFound(f"the files of run {asked.run.id} are gone; run: geosvc measure {asked.service.id}")


def band_asked(
    store: Store, service_id: str | None, threshold_id: str | None, *, run_id: str | None, draws: int, seed: int
) -> tuple[dict[str, Any], bool]:
    """Return (what names a band: service, threshold, run, draws, seed; whether it is stored), computing nothing.

    Raises
    ------
    ServiceNotFound, RunNotFound, InvalidParameter, Unsolvable
        What :func:`coverage_band` would refuse at its beginning.
    """
    asked = _question(store, service_id, threshold_id, run_id, draws, seed, None)
    known = _stored(store, asked) is not None
    if not known:
        _refuse_another_state(store, asked)
    return {"service": asked.service.id, "threshold": asked.threshold.id, "run": asked.run.id, "draws": draws, "seed": seed}, known


def band_while_waiting(
    store: Store, settings: Settings, service_id: str | None, threshold_id: str | None, *, draws: int, seed: int,
    run_id: str | None = None,
) -> dict[str, Any]:
    """Return a stored band, or compute it where that takes seconds.

    Raises
    ------
    Unsolvable
        If it has not been computed and takes too long to wait for.
    NotAllowed
        If the store is limited to some areas: a band answers for all.
    """
    if store.areas is not None:
        raise NotAllowed(f"a band is computed for every area; this account is limited to {', '.join(store.areas)}")
    asked = _question(store, service_id, threshold_id, run_id, draws, seed, None)
    known = _stored(store, asked)
    if known is not None:
        return known
    cells = asked.run.inputs["grid"]["rows"] * asked.run.inputs["grid"]["cols"]
    if draws * cells > LARGEST_WHILE_WAITING:
        raise Unsolvable(
            f"this band has not been computed, and {draws} draws of {cells:,} cells take too long to wait for (at most "
            f"{LARGEST_WHILE_WAITING // cells:,} draws here); ask for a job of kind band (POST /api/jobs), or run: geosvc band {asked.service.id} --threshold "
            f"{asked.threshold.id} --draws {draws} --seed {seed}" + (f" --run {run_id}" if run_id else "")
        )
    with _one_at_a_time:
        return coverage_band(Study(store, settings), service_id, threshold_id, run_id=run_id, draws=draws, seed=seed)


def known_band(
    store: Store, service_id: str | None, threshold_id: str | None, *, draws: int, seed: int, run_id: str | None = None
) -> dict[str, Any] | None:
    """Return a band that was computed before; None if it was not.

    A store of some areas is told their rows only, and not how many people and facilities there are elsewhere.

    Raises
    ------
    ServiceNotFound, RunNotFound, InvalidParameter
    """
    asked = _question(store, service_id, threshold_id, run_id, draws, seed, None)
    known = _stored(store, asked)
    if known is None or store.areas is None:
        return known
    with store.reading() as session:
        notes = told_of(store, session, asked.run)["notes"]
    of_run = {note["code"] for note in asked.run.notes}
    return {
        **known, "rows": [row for row in known["rows"] if inside(row["area_code"], store.areas)], "people_sources_left_out": [],
        "people_sources": [{name: value for name, value in each.items() if name != "people"} for each in known["people_sources"]],
        "positions": [{**each, "facilities": None} for each in known["positions"]],
        "notes": [*notes, *(note for note in known["notes"] if note["code"] not in of_run)],
    }


def _question(
    store: Store, service_id: str | None, threshold_id: str | None, run_id: str | None, draws: int, seed: int,
    assumptions: Assumptions | None,
) -> _Question:
    if not FEWEST_DRAWS <= draws <= MOST_DRAWS:
        raise InvalidParameter(f"draws must lie between {FEWEST_DRAWS} and {MOST_DRAWS}, got {draws}")
    if not 0 <= seed <= LARGEST_SEED:
        raise InvalidParameter(f"seed must lie between 0 and {LARGEST_SEED}, got {seed}")
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
        service = services.service_from(run.parameters["service"])
        threshold = service.threshold(threshold_id)
        return _Question(
            run=run, rows=select_coverage(session, run.id, threshold.id), service=service, threshold=threshold,
            draws=draws, seed=seed, assumptions=assumptions or shipped_assumptions(),
            changed=changed_since(store, session, run),
        )


# -- drawing ---------------------------------------------------------------------------------


class _Drawing:
    """All draws of one question, and what they add up to."""

    def __init__(self, study: Study, asked: _Question, tell: Progress) -> None:
        """Gather what every draw needs, and check that without errors it gives the figure of the run."""
        self.study, self.asked, self.tell = study, asked, tell
        tell(0.0, "ground")
        with study.store.reading() as session:
            changes = changes_from(asked.run.parameters.get("changes", {}))
            self.located, _missing = counted_under(session, asked.service, changes, study.as_of)
        self.sources: SourcesOfPeople = sources_of_people(study, asked.assumptions)
        self.rows = Rows(study, asked.rows, [each.people for each in self.sources.used])
        surface, placed = surface_of(study, asked.service, self.located, Variation(limit=asked.limit, changes=onward_changes(asked.run.inputs)))
        states = states_of(surface, asked.limit)
        self.has_data = states != CoverageState.NO_DATA
        self._check_it_is_the_run(states == CoverageState.COVERED)
        self.positions = Positions(
            study, asked.service, self.located, used={each.id for each in placed.placed}, sd_m=asked.assumptions.sd_m,
            seed=asked.seed,
        )
        self.classes = set().union(*(uncertainty.speed_classes(each) for each in travel_profiles().values()))
        self.times_covered = np.zeros(study.grid.shape, dtype=np.int32)
        self.people = np.zeros((asked.draws, len(asked.rows)))
        self.cells = np.zeros((asked.draws, len(study.tree.areas) + 1 + len(study.zones)))
        self.source_of_draw = np.array([
            uncertainty.chosen_source([each.weight for each in self.sources.used], seed=asked.seed, number=number)
            for number in range(asked.draws)
        ] if self.sources.used else [], dtype=np.intp)
        self.done, self.kept = 0, 0
        self.lock = threading.Lock()

    def _check_it_is_the_run(self, covered: NDArray[np.bool_]) -> None:
        people, km2 = self.rows.people_in(covered, 0), self.rows.km2_of(self.rows.cells_in(covered)[None])[0]
        for i, row in enumerate(self.asked.rows):
            for unit, told, found in (("people", row.people, people[i]), ("km2", row.km2, km2[i])):
                had = _covered(told) if told else None
                if had is not None and not math.isclose(found, had, rel_tol=1e-9, abs_tol=1e-6):
                    raise Unsolvable(
                        f"run {self.asked.run.id} has {had:,.1f} {unit} covered in {row.area_code}, what the workspace holds "
                        f"now gives {found:,.1f}: it was measured on other data or by another version; run: "
                        f"geosvc measure {self.asked.service.id}"
                    )

    def draw_all(self) -> None:
        """Make every draw; each is the same whichever thread makes it, and sums of whole numbers have no order."""
        with ThreadPoolExecutor(_WORKERS) as pool:
            # Taken one by one, so that an error in a draw is raised here.
            for _ in pool.map(self._draw, range(self.asked.draws)):
                pass

    def _draw(self, number: int) -> None:
        asked = self.asked
        factors = uncertainty.speed_factors(self.classes, asked.assumptions, seed=asked.seed, number=number)
        lon, lat, kept = self.positions.drawn(number)
        varied = Variation(
            profiles={name: uncertainty.at_factors(each, factors) for name, each in travel_profiles().items()},
            lon=lon, lat=lat, limit=asked.limit, changes=onward_changes(asked.run.inputs),
        )
        surface, _ = surface_of(self.study, asked.service, self.located, varied)
        covered = states_of(surface, asked.limit) == CoverageState.COVERED
        source = int(self.source_of_draw[number]) if self.sources.used else 0
        self.people[number] = self.rows.people_in(covered, source)
        self.cells[number] = self.rows.cells_in(covered)
        with self.lock:
            self.times_covered += covered
            self.done += 1
            self.kept += kept
            self.tell(0.05 + 0.9 * self.done / asked.draws, f"draw {self.done} of {asked.draws}")

    @property
    def share_of_draws(self) -> NDArray[np.float64]:
        """In which share of the draws each cell is covered; NaN = no data."""
        return np.where(self.has_data, self.times_covered / self.asked.draws, np.nan)

    @property
    def answer(self) -> dict[str, Any]:
        """The band, as it is stored; the same question gives the same bytes."""
        asked, run = self.asked, self.asked.run
        notes = [*run.notes, *_notes(asked, self.sources, self.positions.methods, self.kept)]
        return {
            "service": asked.service.id, "run": run.id, "created_at": run.created_at, "unit": asked.service.shown_unit,
            "threshold": threshold_entry(asked.service, asked.threshold.id), "draws": asked.draws, "seed": asked.seed,
            "percentiles": list(PERCENTILES), "certain_share": uncertainty.CERTAIN_SHARE,
            "share_denominator": "of_all_people",
            "assumptions": asked.assumptions.as_dict(),
            "people_sources": [
                {**each.told, "weight": each.weight, "draws": int((self.source_of_draw == i).sum())}
                for i, each in enumerate(self.sources.used)
            ],
            "people_sources_left_out": self.sources.left_out,
            "positions": self.positions.methods, "schematic": is_schematic(notes), "notes": notes,
            "rows": self._answer_rows(),
        }

    def _answer_rows(self) -> list[dict[str, Any]]:
        rows, share = self.rows, self.share_of_draws
        not_certain, certainly = uncertainty.not_certain(share), uncertainty.certainly_covered(share)
        groups = {"not_certain": not_certain, "certainly_covered": certainly}
        people = {name: rows.people_in(cells, 0) for name, cells in groups.items()}
        km2 = {name: rows.km2_of(rows.cells_in(cells)[None])[0] for name, cells in groups.items()}
        drawn_km2 = rows.km2_of(self.cells)
        found = []
        for i, row in enumerate(self.asked.rows):
            central = coverage_row(row)
            known = central["people"] is not None
            totals = rows.totals(i, central["people_total"])[self.source_of_draw] if known else np.zeros(0)
            lives = known and bool((totals > 0).all())
            found.append({
                "area_code": row.area_code, "name": row.name, "level": row.level,
                "people_total": _figure(central["people_total"], totals if known else None),
                "people_covered": _figure(_covered(central["people"]), self.people[:, i] if known else None),
                "share_covered": _figure(central["share"]["of_all_people"], self.people[:, i] / totals if lives else None),
                "km2_covered": _figure(_covered(central["km2"]), drawn_km2[:, i] if central["km2"] else None),
                **{name: {"people": float(people[name][i]) if known else None,
                          "km2": float(km2[name][i]) if central["km2"] else None} for name in groups},
            })
        return found


def _covered(amounts: dict[str, float] | None) -> float | None:
    return None if amounts is None else amounts[CoverageState.COVERED.word]


def _figure(central: float | None, drawn: NDArray[np.float64] | None) -> dict[str, float | None]:
    """Return the figure of the run and the band around it; unknown is null, never 0."""
    names = [f"p{each}" for each in PERCENTILES]
    if drawn is None or central is None:
        return dict.fromkeys(["run", *names])
    return {"run": central, **dict(zip(names, map(float, uncertainty.band(drawn)), strict=True))}


def _notes(asked: _Question, sources: SourcesOfPeople, positions: list[dict[str, Any]], kept: int) -> list[Note]:
    notes = [Note(
        code="band_of_assumptions",
        zh=f"区间由 {asked.draws} 次抽样得出，反映所列假设（车速、位置误差、人口来源），不含未列出的不确定性",
        en=f"The band is of {asked.draws} draws from the stated assumptions (speeds, positions, sources of people); "
           "what is not among them is not in it",
    )]
    if len(sources.used) == 1:
        notes.append(Note(code="one_source_of_people", zh="只有一种人口来源：区间不含人口数本身的不确定性",
                          en="There is one source of people: the band says nothing of how many people there are"))
    if sources.left_out:
        count = len(sources.left_out)
        notes.append(Note(code="sources_of_people_left_out", zh=f"{count} 组人口数据未参与抽样（原因见结果）",
                          en=f"{count} sets of population figures were not drawn from (the answer says why)"))
    if any(each["method"] == PositionMethod.UNKNOWN for each in positions):
        notes.append(Note(code="position_method_unknown", zh="部分机构未说明定位方式，位置误差按居民点处理",
                          en="Some facilities do not tell how their position was found; it is taken for that of a settlement"))
    if any(each["method"] == PositionMethod.ILLUSTRATIVE for each in positions):
        notes.append(Note(code="illustrative_positions_kept", zh="示例位置不移动", en="Made-up positions are not moved"))
    if kept:
        notes.append(Note(code="positions_not_possible", zh=f"{kept} 次抽到的位置落在研究范围外或不可通行处，改用登记位置",
                          en=f"{kept} drawn positions lay off the grid or far from ground that can be crossed; the registered one was used"))
    return notes


# -- keeping ---------------------------------------------------------------------------------


def _files(store: Store, asked: _Question) -> tuple[Path, Path]:
    folder = store.runs / asked.run.id
    return folder / f"band-{asked.key}.json", folder / f"band-{asked.key}.tif"


def _stored(store: Store, asked: _Question) -> dict[str, Any] | None:
    """Return the answer to a question that was asked before, with what changed since its run."""
    path, _ = _files(store, asked)
    if not path.is_file():
        return None
    return {**json.loads(path.read_text("utf-8")), "changed_since": asked.changed}


def _store(store: Store, asked: _Question, drawing: _Drawing) -> None:
    """Keep an answer beside its run: the table, and in which share of the draws each cell is covered."""
    answer, raster = _files(store, asked)
    share = drawing.share_of_draws
    doubtful = np.where(drawing.has_data, uncertainty.not_certain(share), np.nan)
    tags = {"run": asked.run.id, "service": asked.service.id, "threshold": asked.threshold.id, "draws": str(asked.draws),
            "seed": str(asked.seed), "assumptions": asked.assumptions.sha256}
    try:
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=answer.parent) as made:
            partial = Path(made)
            write_geotiff(
                partial / raster.name,
                [("share of draws covered", share.astype(np.float32)), ("not certain", doubtful.astype(np.float32))],
                drawing.study.grid, nodata=float("nan"), tags=tags,
            )
            (partial / answer.name).write_text(json.dumps(drawing.answer, ensure_ascii=False, indent=1), "utf-8")
            # The table last: who finds it finds the raster too.
            (partial / raster.name).replace(raster)
            (partial / answer.name).replace(answer)
        _forget_oldest(answer.parent)
    except OSError as error:
        raise StoreError(f"the band cannot be stored in the workspace: {error}") from error


def _forget_oldest(folder: Path) -> None:
    """Keep the newest bands of a run only: whoever asks with another seed each time must not fill the disk."""
    newest_first = sorted(folder.glob("band-*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest_first[_BANDS_KEPT:]:
        path.unlink(missing_ok=True)
        path.with_suffix(".tif").unlink(missing_ok=True)
