"""A workspace on its grid: areas, ground and people, read once and shared by all services."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage.people import People, at_home, off_uncrossable, people_from_counts, people_from_points
from geosvc.coverage.tree import AreaTree, study_bbox
from geosvc.errors import InvalidInput, NoStudyArea
from geosvc.geo.crs import grid_crs_for
from geosvc.geo.grid import Grid
from geosvc.geo.raster import burn, read_people, resample
from geosvc.geo.vector import in_metres, read_vector
from geosvc.measures import metres_from_km
from geosvc.registry import areas, facilities, layers, populations
from geosvc.registry.areas import ZONE
from geosvc.registry.imports.layers import POINTS_FILE, ROADS_FILE, WORLDCOVER, landcover_class_of
from geosvc.registry.layers import BARRIERS, ELEVATION, LANDCOVER, ROADS, Layer
from geosvc.registry.moments import PRESENT, AsOf
from geosvc.registry.road_access import BARRED
from geosvc.registry.successions import successions
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.travel.ground import Ground, pace_of
from geosvc.travel.profiles import travel_profiles
from geosvc.workflows.barriers import blocked_cells, read_barriers, under
from geosvc.workflows.conditions import ground_under, network_under
from geosvc.workflows.workspace import StudySettings, study_settings, title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from geosvc.geo.crs import BBox
    from geosvc.registry.populations import Population
    from geosvc.settings import Settings
    from geosvc.store.engine import Session, Store
    from geosvc.travel import Network
    from geosvc.travel.profiles import TravelProfile

_PIECES_OF_A_CELL = 4
_HIGHEST_M = 9000.0
# How a profile rides, and the word of the access rules for it.
_TRAVELLERS = {"motor": "motor", "walk": "foot", "cycle": "bicycle"}


def tree_of(session: Session, as_of: AsOf) -> AreaTree:
    """Return the areas as they were on a day."""
    times = AreaQuery(valid_at=as_of.valid_at, recorded_at=as_of.recorded_at)
    return AreaTree(tuple(areas.find(session, times)), successions(session, as_of))


def figures_of(session: Session, as_of: AsOf, tree: AreaTree) -> list[Population]:
    """Return the figures of people that can speak for a day, told of its divisions."""
    told = populations.find(session, recorded_at=as_of.recorded_at)
    return populations.in_codes_of(populations.years_of(told, as_of.day), tree.became, tree.index)


def marks_in_force(session: Session, as_of: AsOf) -> dict[str, str]:
    """Return checksums of which areas and figures of people are in force on a day: quick to compare."""
    links = [(link.old, link.new, link.day) for link in successions(session, as_of).links]
    found = {
        "areas": [areas.marks(session, as_of), links],
        "populations": [populations.marks(session, recorded_at=as_of.recorded_at), links, as_of.day[:4]],
    }
    return {name: hashlib.sha256(repr(each).encode()).hexdigest() for name, each in found.items()}


class Study:
    """Everything that services of one workspace are computed on; parts are made when asked for.

    ``as_of`` is the day on which facilities and areas were so, and the moment at which it was known;
    people are those of its year or the newest before.
    """

    def __init__(self, store: Store, settings: Settings, as_of: AsOf = PRESENT) -> None:
        """Read what the workspace holds; files are opened only when needed."""
        self.store = store
        self.settings = settings
        self.as_of = as_of
        with store.reading() as session:
            self.about: StudySettings = study_settings(session)
            self.title = title_of(session)
            self.tree = tree_of(session, as_of)
            self.layers: dict[str, Layer] = {
                layer.kind: layer for layer in layers.find(store, session, recorded_at=as_of.recorded_at)}
            self.populations: list[Population] = figures_of(session, as_of, self.tree)
            self.to_be_located = facilities.count(
                session, FacilityQuery(located=False, valid_at=as_of.valid_at, recorded_at=as_of.recorded_at))
            self.marks = marks_in_force(session, as_of)
        self._ridden: tuple[Any, Network | None] = (None, None)
        self._grounds: dict[tuple[bool, tuple[str, ...]], Ground] = {}
        self._networks: dict[tuple[str, tuple[str, ...]], Network] = {}

    @cached_property
    def bbox(self) -> BBox:
        """(west, south, east, north) of areas and people together, degrees.

        Raises
        ------
        NoStudyArea
        """
        boxes = [box for box in (study_bbox(self.tree.areas), self._people_bbox()) if box is not None]
        if not boxes:
            raise NoStudyArea(
                "nothing says where to look: import a boundary (geosvc import areas FILE) or people "
                "(geosvc import population FILE) first"
            )
        corners = np.asarray(boxes)
        return (
            float(corners[:, 0].min()), float(corners[:, 1].min()),
            float(corners[:, 2].max()), float(corners[:, 3].max()),
        )

    def _people_bbox(self) -> BBox | None:
        layer = self.layers.get("population")
        return None if layer is None else tuple(layer.summary["bbox"])

    @cached_property
    def grid(self) -> Grid:
        """The grid of every surface of this study."""
        return Grid.covering(
            self.bbox, crs=self.about.grid_crs or grid_crs_for(self.bbox), cell_size_m=self.about.cell_size_m,
            margin_m=metres_from_km(self.about.margin_km), max_cells=self.settings.max_cells,
        )

    @cached_property
    def area_of_cell(self) -> NDArray[np.int32]:
        """Index of the smallest area of each cell, -1 = in none."""
        return self.tree.area_of_cell(self.grid)

    @cached_property
    def zones(self) -> dict[int, NDArray[np.bool_]]:
        """Cells of the zones that may cross other areas."""
        return self.tree.zones(self.grid)

    @cached_property
    def settlement_class(self) -> NDArray[np.int8]:
        """1 = urban, 0 = rural, -1 = not known, for each cell."""
        of_area = np.full(len(self.tree.areas) + 1, -1, dtype=np.int8)
        for position in self.tree.ordered():
            told = next((self.tree.areas[i].settlement_class for i in self.tree.ancestors(position)
                         if self.tree.areas[i].settlement_class), None)
            of_area[position] = {"urban": 1, "rural": 0}.get(told or "", -1)
        return of_area

    @cached_property
    def ground(self) -> Ground:
        """Land cover of every cell, and the best road that people on foot may use."""
        road, classes = self._roads(travel_profiles()["walk"])
        blocked = None if self.barriers is None else blocked_cells(under(self.barriers, ()), self.grid)
        return Ground(shape=self.grid.shape, road=road, road_classes=classes, cover=self._cover(), barrier=blocked)

    @cached_property
    def barriers(self) -> gpd.GeoDataFrame | None:
        """The barriers in the grid's CRS, with barrier_class and condition ("" = always); None without barriers."""
        layer = self.layers.get(BARRIERS)
        return None if layer is None else read_barriers(layer, self.grid)

    @cached_property
    def _cycled_ground(self) -> Ground:
        """The same with the roads that bicycles may use."""
        walk, cycle = (travel_profiles()[name] for name in ("walk", "cycle"))
        if self.road_lines is None or np.array_equal(self._usable(walk), self._usable(cycle)):
            return self.ground
        road, classes = self._roads(cycle)
        return replace(self.ground, road=road, road_classes=classes)

    def ground_of(self, profile: TravelProfile, conditions: Sequence[str] = ()) -> Ground:
        """Return the ground as it is for those who travel by a profile; who leaves a vehicle is on foot.

        ``conditions`` are those of travel, such as ``winter`` or ``flood@220622100``.
        """
        cycled = profile.rides == "cycle"
        usual = self._cycled_ground if cycled else self.ground
        if not conditions:
            return usual
        key = (cycled, tuple(conditions))
        if key not in self._grounds:  # two threads may make it: it is the same
            by = travel_profiles()["cycle" if cycled else "walk"]
            self._grounds[key] = ground_under(self, usual, by, conditions)
        return self._grounds[key]

    @cached_property
    def road_lines(self) -> gpd.GeoDataFrame | None:
        """The roads in the grid's CRS, with road_class, bridge, tunnel, oneway, and whom they bar; None without roads."""
        layer = self.layers.get(ROADS)
        if layer is None:
            return None
        frame = read_vector(layer.folder / ROADS_FILE, max_mb=2**20, expected="roads")
        return in_metres(frame, self.grid.crs)

    @cached_property
    def network(self) -> Network | None:
        """The roads as a graph; None without roads."""
        from geosvc.travel import build_network  # noqa: PLC0415  slow to import

        frame = self.road_lines
        if frame is None:
            return None
        grid = self.grid
        return build_network(
            frame.geometry.to_numpy(), frame["road_class"].tolist(),
            pace_by_class=dict.fromkeys(frame["road_class"].unique(), 1.0),
            west_m=grid.west_m, north_m=grid.north_m, cell_size_m=grid.cell_size_m, rows=grid.rows, cols=grid.cols,
            oneway=frame["oneway"].to_numpy() if "oneway" in frame else None,
            bridge=frame["bridge"].to_numpy(dtype=bool), tunnel=frame["tunnel"].to_numpy(dtype=bool),
        )

    def network_of(
        self, profile: TravelProfile, speed_kmh: float | None, conditions: Sequence[str] = ()
    ) -> Network | None:
        """Return the roads as a graph for a vehicle: its paces, and its roads only; None without roads."""
        network = self.network
        if network is None:
            return None
        if conditions:
            network = self._network_under(network, profile.rides, tuple(conditions))
        by_class = {name: profile.road_pace(name, speed_kmh=speed_kmh) for name in network.classes}
        asked = (by_class, profile.one_way, profile.access, tuple(conditions))
        known = self._ridden
        if known[0] != asked:  # asked again for the notes, which count its parts
            paced = network.with_pace(by_class, one_way=profile.one_way)
            barred = np.flatnonzero(self.barred(profile))
            # Kept and returned as one: the draws of a band ask from several threads.
            known = self._ridden = asked, paced.closed(network.edges_of(barred)) if barred.size else paced
        return known[1]

    def _network_under(self, network: Network, rides: str, conditions: tuple[str, ...]) -> Network:
        key = (rides, conditions)
        if key not in self._networks:
            self._networks[key] = network_under(self, network, conditions, rides=rides)
        return self._networks[key]

    def forget_conditions(self, conditions: Sequence[str]) -> None:
        """Let go of the ground and the roads under some conditions; they are made again when they are asked for."""
        told = tuple(conditions)
        self._grounds = {key: ground for key, ground in self._grounds.items() if key[1] != told}
        self._networks = {key: network for key, network in self._networks.items() if key[1] != told}

    def barred(self, profile: TravelProfile) -> NDArray[np.bool_]:
        """Return which of the roads the access rules close to a profile; none where the rules do not bind it."""
        frame, column = self.road_lines, BARRED[_TRAVELLERS[profile.rides]]
        if frame is None or column not in frame or not profile.access:  # roads stored before the rules were read
            return np.zeros(0 if frame is None else len(frame), dtype=bool)
        found: NDArray[np.bool_] = frame[column].to_numpy(dtype=bool)
        return found

    def _usable(self, profile: TravelProfile) -> NDArray[np.bool_]:
        """Return which of the roads those who travel over the ground may use."""
        assert self.road_lines is not None  # the caller looked
        usable: NDArray[np.bool_] = ~self.barred(profile) & ~self.road_lines["road_class"].isin(profile.closed).to_numpy()
        return usable

    def _roads(self, profile: TravelProfile) -> tuple[NDArray[np.int32] | None, tuple[str, ...]]:
        frame = self.road_lines
        if frame is None:
            return None, ()
        frame = frame[self._usable(profile)]
        # The fastest class of a cell is burnt last and stays: it is the one that would be taken.
        drive = travel_profiles()["drive"]
        slowest_first = sorted(set(frame["road_class"]), key=lambda name: (-drive.road_pace(name), name))
        number = {name: i for i, name in enumerate(slowest_first)}
        ordered = frame.sort_values("road_class", key=lambda column: column.map(number), kind="stable")
        shapes = [(line, number[name]) for line, name in zip(ordered.geometry, ordered["road_class"], strict=True)]
        return burn(shapes, self.grid, touched=True), tuple(slowest_first)

    def _cover(self) -> dict[str, NDArray[np.float32]]:
        layer = self.layers.get(LANDCOVER)
        if layer is None:
            return {}
        if layer.summary.get("format") == "fractions":
            return {
                landcover_class_of(path): resample([path], self.grid, method="bilinear") for path in layer.files
            }
        codes = resample(layer.files, self.grid, method="nearest")
        known = ~np.isnan(codes)
        return {
            name: np.where(known, np.isin(codes, [c for c, n in WORLDCOVER.items() if n == name]) * 100.0, np.nan)
            .astype(np.float32)
            for name in sorted(set(WORLDCOVER.values()))
        }

    @cached_property
    def elevation(self) -> NDArray[np.float32] | None:
        """Metres above sea level of every cell, voids filled with the nearest that is known; None = level.

        ``elevation_voids`` says which share of the cells was filled.
        """
        return self._filled_elevation[0]

    @property
    def elevation_voids(self) -> float:
        """Share of the study's cells without elevation of their own."""
        return self._filled_elevation[1]

    @cached_property
    def _filled_elevation(self) -> tuple[NDArray[np.float32] | None, float]:
        layer = self.layers.get(ELEVATION)
        if layer is None:
            return None, 0.0
        from scipy import ndimage  # noqa: PLC0415  slow to import

        heights = resample(layer.files, self.grid, method="bilinear")
        voids = ~(np.abs(heights) <= _HIGHEST_M)
        if voids.all():
            return None, 1.0
        row, col = ndimage.distance_transform_edt(voids, return_distances=False, return_indices=True)
        study = self.area_of_cell >= 0
        share = float(voids[study].mean()) if study.any() else float(voids.mean())
        return heights[row, col], share

    def census_total(self) -> float | None:
        """Return the census figure in force of the highest area; None without one."""
        for position in self.tree.ordered()[:1]:
            figure = self.figures_in_force().get(self.tree.areas[position].code)
            if figure is not None and figure.status == "census":
                return figure.people
        return None

    def pace(
        self, profile: str | TravelProfile, speed_kmh: float | None, conditions: Sequence[str] = ()
    ) -> NDArray[np.float64]:
        """Return the pace of every cell for a shipped profile or one of the caller's, seconds per metre."""
        chosen = travel_profiles()[profile] if isinstance(profile, str) else profile
        return pace_of(self.ground_of(chosen, conditions), chosen, speed_kmh=speed_kmh)

    @cached_property
    def people(self) -> People | None:
        """Everybody, off uncrossable ground; None when no population was imported."""
        found = self._people_from_layer() or self._people_from_figures()
        if found is None:
            return None
        found = at_home(found, self.area_of_cell, self.tree, self.grid)
        crossable = np.isfinite(self.pace("walk", None))
        return off_uncrossable(found, crossable, self.area_of_cell, self.grid, known=self.ground.has_data())

    def _people_from_layer(self) -> People | None:
        layer = self.layers.get("population")
        if layer is None:
            return None
        if layer.summary.get("format") == "points":
            return self._people_from_points(layer)
        points = read_people(layer.files[0], max_mb=2**20, pieces=_PIECES_OF_A_CELL)
        return people_from_points(
            points.lon, points.lat, points.people, grid=self.grid,
            areas=self.tree.areas_of_positions(points.cell_lon, points.cell_lat),
        )

    def _people_from_points(self, layer: Layer) -> People:
        with (layer.folder / POINTS_FILE).open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        lon, lat, people = (
            np.array([float(row[name]) for row in rows]) for name in ("longitude", "latitude", "people")
        )
        return people_from_points(
            lon, lat, people, grid=self.grid, areas=self.tree.areas_of_positions(lon, lat),
            codes=[self.tree.code_of(row["area_code"]) for row in rows], area_index=self.tree.index,
        )

    def _people_from_figures(self) -> People | None:
        counts = self.figures_in_force()
        with_polygon = {
            i: counts[area.code].people for i, area in enumerate(self.tree.areas)
            if area.code in counts and area.geometry is not None and area.level != ZONE  # its people live in divisions too
        }
        if not with_polygon:
            return None
        # Nobody twice and nobody lost: an area spreads what the areas inside it do not count themselves.
        own = dict(with_polygon)
        for i, n in with_polygon.items():
            above = next((a for a in self.tree.ancestors(i)[1:] if a in with_polygon), None)
            if above is not None:
                own[above] -= n
        short = [self.tree.areas[i].name for i, n in own.items() if n < 0]
        if short:
            raise InvalidInput(
                f"{', '.join(short)}: the areas inside count more people than the whole; the figures in force "
                "contradict each other, correct one of them"
            )
        habitable = np.isfinite(self.pace("walk", None))
        where = self._cells_of_figures(sorted(own))
        return people_from_counts(own, grid=self.grid, area_of_cell=where, habitable=habitable)

    def _cells_of_figures(self, counted: list[int]) -> NDArray[np.int32]:
        """Return, for each cell, the smallest area around it that has a figure of its own."""
        figure_of = np.full(len(self.tree.areas) + 1, -1, dtype=np.int32)
        for i in range(len(self.tree.areas)):
            figure_of[i] = next((a for a in self.tree.ancestors(i) if a in counted), -1)
        return figure_of[self.area_of_cell]

    def figures_in_force(self) -> dict[str, Population]:
        """Return, for each area, the newest figure of residents, a census before an estimate."""
        return populations.in_force(self.populations)

    @property
    def people_years(self) -> list[int]:
        """Years of which the people are that a run counts; none where their source does not say it."""
        layer = self.layers.get("population")
        if layer is not None:
            year = layer.summary.get("year")
            return [] if year is None else [int(year)]
        used = self.figures_in_force()
        return sorted({used[area.code].year for area in self.tree.areas
                       if area.code in used and area.geometry is not None and area.level != ZONE})

    def inputs(self) -> dict[str, Any]:
        """Return checksums of all that a surface or a count depends on, but for the facilities."""
        return dict(self._checksums)

    @cached_property
    def _checksums(self) -> dict[str, Any]:
        return {
            "grid": self.grid.as_dict(),
            "areas": {"count": len(self.tree.areas), "sha256": areas.checksum_of(self.tree.areas)},
            "populations": {"count": len(self.populations), "sha256": populations.checksum_of(self.populations)},
            "layers": {kind: layer.sha256 for kind, layer in sorted(self.layers.items())},
            "schematic_layers": sorted(kind for kind, layer in self.layers.items() if layer.schematic),
            **({"became": [[link.old, link.new, link.day] for link in links]} if (links := self.tree.became.links) else {}),
        }
