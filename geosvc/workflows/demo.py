"""The demo county, 靖宇县, end to end: import, measure, draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geosvc.errors import Unsolvable, WorkspaceNotFound
from geosvc.registry.imports.areas import PeopleOptions
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.workflows import importing, publishing
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.reading import default_answer, list_services
from geosvc.workflows.study import Study
from geosvc.workflows.workspace import init_workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from geosvc.settings import Settings
    from geosvc.store.engine import Store

DEMO_CRS = "EPSG:4551"
DEFAULT_SERVICE = "hospital-drive"


@dataclass(kw_only=True)
class DemoReport:
    """What the demo did: the three numbers, the maps, and what could not be computed."""

    answer: dict[str, Any]
    maps: list[Path] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    not_computable: dict[str, str] = field(default_factory=dict)


def demo_data() -> Path:
    """Return the folder of the demo data: inside an installed package, or beside the sources.

    Raises
    ------
    WorkspaceNotFound
        If neither is there.
    """
    installed = Path(str(files("geosvc"))) / "demo_data"
    beside = Path(str(files("geosvc"))).parent / "data"
    for folder in (installed, beside):
        if (folder / "facilities" / "jingyu_facilities.csv").is_file():
            return folder
    raise WorkspaceNotFound(f"the demo data is missing: neither {installed} nor {beside} holds it; reinstall geosvc")


def run_demo(settings: Settings, maps: Path, *, progress: Callable[[float, str], None]) -> DemoReport:
    """Load the demo county, measure every service, write the maps.

    Run a second time it finds everything in place and changes nothing.
    """
    store = init_workspace(
        settings, title="靖宇县", cell_size_m=100.0, grid_crs=DEMO_CRS, default_service=DEFAULT_SERVICE
    )
    try:
        _load(store, settings, progress)
        study = Study(store, settings)
        services = list_services(store)
        report = DemoReport(answer={})
        for number, service in enumerate(services):
            progress(0.2 + 0.6 * number / len(services), service["zh"])
            try:
                measure_service(study, service["id"])
                report.measured.append(service["id"])
            except Unsolvable as reason:
                report.not_computable[service["id"]] = str(reason)
        for number, service_id in enumerate(report.measured):
            progress(0.8 + 0.2 * number / len(report.measured), service_id)
            report.maps.append(publishing.write_map(store, service_id, maps / f"jingyu-{service_id}.html"))
        progress(1.0, "")
        report.answer = default_answer(store)
        return report
    finally:
        store.close()


def _load(store: Store, settings: Settings, progress: Callable[[float, str], None]) -> None:
    data = demo_data()
    boundaries, facilities = data / "boundaries", data / "facilities"
    options = FacilityOptions(max_mb=settings.max_file_mb)
    steps: list[tuple[str, Callable[[], object]]] = [
        ("county", lambda: importing.import_areas(store, boundaries / "jingyu_county.geojson", settings)),
        ("divisions", lambda: importing.import_areas(store, boundaries / "jingyu_divisions.csv", settings)),
        ("census", lambda: importing.import_population(store, boundaries / "jingyu_population.csv", settings)),
        ("people", lambda: importing.import_population(
            store, boundaries / "jingyu_people_schematic.csv", settings, options=PeopleOptions(year=2020))),
        ("roads", lambda: importing.import_roads(store, boundaries / "jingyu_roads_schematic.geojson", settings)),
        ("facilities", lambda: importing.import_facilities(
            store, facilities / "jingyu_facilities.csv", options, settings)),
        ("illustrative", lambda: importing.import_facilities(
            store, facilities / "jingyu_illustrative.csv", options, settings)),
    ]
    for number, (name, step) in enumerate(steps):
        progress(0.2 * number / len(steps), name)
        step()


