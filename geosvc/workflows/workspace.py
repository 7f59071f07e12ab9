"""Making a workspace, opening it, and saying what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geosvc.coverage import services
from geosvc.errors import InvalidParameter, WorkspaceNotFound
from geosvc.geo.crs import check_metric
from geosvc.registry import areas, facilities, layers
from geosvc.store.areas import AreaQuery
from geosvc.store.engine import DATABASE_NAME, Store, create_store, open_store
from geosvc.store.facilities import FacilityQuery
from geosvc.store.scope import limit_of
from geosvc.store.study import read_study, write_study
from geosvc.workflows.plan_documents import adopt_folder

if TYPE_CHECKING:
    from geosvc.settings import Settings
    from geosvc.store.engine import Session

_SMALLEST_CELL_M = 1.0
DEFAULT_CELL_SIZE_M = 100.0
DEFAULT_MARGIN_KM = 2.0


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """What a workspace is about.

    ``title`` None is taken from the highest area; ``grid_crs`` None is chosen by where the
    study lies; ``margin_km`` is how far beyond the boundary travel is computed.
    """

    title: str | None = None
    grid_crs: str | None = None
    cell_size_m: float = DEFAULT_CELL_SIZE_M
    margin_km: float = DEFAULT_MARGIN_KM
    default_service: str | None = None

    def __post_init__(self) -> None:
        """Refuse a grid that cannot be made."""
        if self.grid_crs is not None:
            check_metric(self.grid_crs)
        if not self.cell_size_m >= _SMALLEST_CELL_M:
            raise InvalidParameter(f"cell size must be at least {_SMALLEST_CELL_M:g} m, got {self.cell_size_m}")
        if not self.margin_km >= 0:
            raise InvalidParameter(f"margin must be 0 km or more, got {self.margin_km}")


def init_workspace(settings: Settings, **changes: Any) -> Store:
    """Make the workspace of ``settings``, or change what an existing one is about.

    Parameters
    ----------
    settings : Settings
    **changes
        Fields of :class:`StudySettings`; None leaves a field as it is.

    Raises
    ------
    StoreError, InvalidParameter
    """
    given = {name: value for name, value in changes.items() if value is not None}
    StudySettings(**given)  # refused before anything is made
    store = create_store(settings.workspace)
    with store.writing() as session:
        current = study_settings(session)
        merged = StudySettings(**{**current.__dict__, **given})
        write_study(session, merged.__dict__)
        known = {each.id for each in services.find(session)}
        for service in services.shipped_services():
            # A definition that somebody changed here is theirs: only unknown ones are added.
            if service.id not in known:
                services.save(session, service, author=settings.author, shipped=True)
    adopt_folder(store, author=settings.author)
    return store


def open_workspace(settings: Settings) -> Store:
    """Open the workspace of ``settings``.

    Raises
    ------
    WorkspaceNotFound, SchemaMismatch, StoreError
    """
    return open_store(settings.workspace)


def has_workspace(settings: Settings) -> bool:
    """Return whether there is a workspace to open."""
    return (settings.workspace / DATABASE_NAME).is_file()


def study_settings(session: Session) -> StudySettings:
    """Return what the workspace is about."""
    known = StudySettings.__dataclass_fields__
    return StudySettings(**{name: value for name, value in read_study(session).items() if name in known})


def title_of(session: Session) -> str:
    """Return the title of the study: as set, else the name of its highest area; of some areas only, their names."""
    limit = limit_of(session)
    if limit is not None:
        return areas.title_of_names(areas.highest_names(session, limit)) or ", ".join(limit)
    told = study_settings(session).title
    if told:
        return told
    for level in areas.LEVELS:
        found = areas.find(session, AreaQuery(levels=[level]), limit=2)
        if found:
            return found[0].name if len(found) == 1 else f"{found[0].name} …"
    return ""


def study_title(store: Store) -> str:
    """Return the title of the study."""
    with store.reading() as session:
        return title_of(session)


def default_service(session: Session) -> str:
    """Return the id of the service that a page shows first.

    Raises
    ------
    WorkspaceNotFound
        If the workspace declares no service at all.
    """
    told = study_settings(session).default_service
    declared = [each.id for each in services.find(session)]
    if told in declared:
        return str(told)
    if not declared:
        raise WorkspaceNotFound("the workspace declares no service; run geosvc init again")
    return declared[0]


def _counts(session: Session) -> dict[str, int]:
    return {
        "facilities": facilities.count(session, FacilityQuery()),
        "to_be_located": facilities.count(session, FacilityQuery(located=False)),
        "illustrative": facilities.count(session, FacilityQuery(illustrative=True)),
        "areas": areas.count(session, AreaQuery()),
        "areas_without_polygon": areas.count(session, AreaQuery(has_geometry=False)),
    }


def overview(store: Store) -> dict[str, Any]:
    """Return what the workspace holds, in counts; a store of some areas counts what lies in them."""
    with store.reading() as session:
        held = {layer.kind: layer for layer in layers.find(store, session)}
        return {
            "title": title_of(session),
            **store.recall(session, "overview", lambda: _counts(session)),
            "services": len(services.find(session)),
            "layers": {
                kind: {
                    "title": layer.title, "source": layer.source, "licence": layer.licence,
                    "date": layer.dated, "schematic": layer.schematic, "sha256": layer.sha256,
                    **(layer.summary if store.areas is None else {}),  # its counts are of everybody
                }
                for kind, layer in sorted(held.items())
            },
        }
