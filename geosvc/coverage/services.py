"""Services: questions that can be asked of the map, declared as data."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, asdict, dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from geosvc.errors import DefinitionError, InvalidParameter, ServiceNotFound
from geosvc.measures import METRES_PER_KILOMETRE, SECONDS_PER_MINUTE
from geosvc.registry.classes import facility_classes
from geosvc.registry.moments import now
from geosvc.store.services import ServiceRow, select_services
from geosvc.travel.conditions import all_asked
from geosvc.travel.profiles import travel_profiles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from geosvc.geo.grid import Unit
    from geosvc.store.engine import Session

Method = Literal["straight_line", "travel_time"]
ORIGINS = ("plan", "national_guidance", "default", "user")
APPLIES_TO = ("any", "urban", "rural")
_LARGEST_LIMIT = 100_000.0  # minutes or km: more than two months, more than twice round the Earth
_FASTEST_KMH = 300.0
_LONGEST_DELAY_MINUTES = 24 * 60.0
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """One limit of a service: minutes of travel, or kilometres as the crow flies.

    The limit itself counts as covered. ``origin`` says whose limit it is; only ``plan`` is a
    target of a plan. ``applies_to`` ``urban`` or ``rural`` gives no verdict where it is not
    known who is urban.
    """

    id: str
    value: float
    origin: str = "user"
    source_zh: str = ""
    source_en: str = ""
    applies_to: str = "any"

    def __post_init__(self) -> None:
        """Refuse a limit that cannot be met or exceeded."""
        if not _ID.fullmatch(self.id):
            raise DefinitionError(f"threshold id must be lower-case letters, digits and hyphens, got {self.id!r}")
        _check_number("value", self.value, f"threshold {self.id}", most=_LARGEST_LIMIT)
        _check("origin", self.origin, ORIGINS, f"threshold {self.id}")
        _check("applies_to", self.applies_to, APPLIES_TO, f"threshold {self.id}")


@dataclass(frozen=True, kw_only=True)
class Service:
    """One declared service; see ``services.toml`` for what each field means."""

    id: str
    zh: str
    en: str
    facility_classes: tuple[str, ...]
    method: Method
    thresholds: tuple[Threshold, ...] = ()
    group: str = "other"
    question_zh: str = ""
    question_en: str = ""
    profile: str | None = None
    speed_kmh: float | None = None
    direction: Literal["to_facility", "from_facility"] = "to_facility"
    delay_minutes: float = 0.0
    delay_origin_zh: str = ""
    delay_origin_en: str = ""
    conditions: tuple[str, ...] = ()
    then: str | None = None
    between_minutes: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a definition that does not hold together."""
        if not _ID.fullmatch(self.id):
            raise DefinitionError(f"service id must be lower-case letters, digits and hyphens, got {self.id!r}")
        where = f"service {self.id}"
        _check("method", self.method, ("straight_line", "travel_time"), where)
        _check("direction", self.direction, ("to_facility", "from_facility"), where)
        if not self.thresholds:
            raise DefinitionError(f"{where} needs at least one threshold")
        ids = [each.id for each in self.thresholds]
        if len(set(ids)) < len(ids):
            raise DefinitionError(f"{where}: two thresholds have the same id; ids are {', '.join(ids)}")
        self._check_classes(where)
        self._check_travel(where)

    def _check_classes(self, where: str) -> None:
        if not self.facility_classes:
            raise DefinitionError(f"{where} names no facility_classes; expected codes such as C or A100")
        for prefix in self.facility_classes:
            if not any(code.startswith(prefix) for code in facility_classes()):
                raise DefinitionError(f"{where}: no class of the code list begins with {prefix!r}")

    def _check_travel(self, where: str) -> None:
        if self.method == "straight_line":
            if self.profile is not None or self.speed_kmh is not None or self.delay_minutes or self.conditions or self.then:
                raise DefinitionError(f"{where}: straight_line takes no profile, speed_kmh, delay_minutes, conditions or then")
            return
        if self.profile is None:
            raise DefinitionError(f"{where}: travel_time needs a profile ({', '.join(travel_profiles())})")
        _check("profile", self.profile, tuple(travel_profiles()), where)
        if self.speed_kmh is not None:
            if travel_profiles()[self.profile].rides == "motor":
                raise DefinitionError(
                    f"{where}: speed_kmh is for profiles on foot or by bicycle; a vehicle's speeds are those of the "
                    f"roads in the profile {self.profile}"
                )
            _check_number("speed_kmh", self.speed_kmh, where, most=_FASTEST_KMH)
            if self.speed_kmh == 0:
                raise DefinitionError(f"{where}: speed_kmh must be above 0, got 0: nobody would get anywhere")
        _check_number("delay_minutes", self.delay_minutes, where, most=_LONGEST_DELAY_MINUTES)
        _check_number("between_minutes", self.between_minutes, where, most=_LONGEST_DELAY_MINUTES)
        if self.then == self.id or (self.between_minutes and not self.then):
            raise DefinitionError(
                f"{where}: then must name another service, the journey that follows at each place; between_minutes belongs to it"
            )
        try:
            all_asked(self.conditions)
        except InvalidParameter as error:
            raise DefinitionError(f"{where}: conditions: {error}") from None

    @property
    def unit(self) -> Unit:
        """Unit of the surface: seconds of travel or metres."""
        return "m" if self.method == "straight_line" else "s"

    @property
    def shown_unit(self) -> str:
        """Unit of the thresholds: ``min`` or ``km``."""
        return "km" if self.method == "straight_line" else "min"

    @property
    def units_per_shown(self) -> float:
        """How many units of the surface one shown unit is: seconds in a minute, metres in a km."""
        return METRES_PER_KILOMETRE if self.method == "straight_line" else SECONDS_PER_MINUTE

    def limit_of(self, threshold: Threshold) -> float:
        """Return a threshold in the unit of the surface."""
        return threshold.value * self.units_per_shown

    def threshold(self, threshold_id: str | None) -> Threshold:
        """Return the named threshold; the first without a name.

        Raises
        ------
        ServiceNotFound
        """
        if threshold_id is None:
            return self.thresholds[0]
        for each in self.thresholds:
            if each.id == threshold_id:
                return each
        raise ServiceNotFound(
            f"service {self.id} has no threshold {threshold_id!r}; it has: {', '.join(t.id for t in self.thresholds)}"
        )

    def at_speed(self, speed_kmh: float | None) -> Service:
        """Return the same service at another pace."""
        return self if speed_kmh is None else replace(self, speed_kmh=speed_kmh)

    def under(self, conditions: Iterable[str]) -> Service:
        """Return the same service under these conditions of travel and its own, in their order.

        Raises
        ------
        InvalidParameter, DefinitionError
        """
        return replace(self, conditions=tuple(str(each) for each in all_asked([*self.conditions, *conditions])))

    def as_dict(self) -> dict[str, Any]:
        """Return the definition as JSON can hold it."""
        return asdict(self) | {
            "facility_classes": list(self.facility_classes),
            "conditions": list(self.conditions),
            "thresholds": [asdict(each) for each in self.thresholds],
        }


def _check(what: str, value: object, choices: tuple[str, ...], where: str) -> None:
    if value not in choices:
        raise DefinitionError(f"{where}: {what} must be one of {', '.join(choices)}; got {value!r}")


def _check_number(what: str, value: object, where: str, *, most: float) -> None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most
    if not right:
        raise DefinitionError(f"{where}: {what} must be a number, 0 or more and at most {most:g}, got {value!r}")


def _check_complete(kind: type, entry: object, where: str) -> None:
    """Refuse a table with a field that is unknown, or without one that is needed."""
    if not isinstance(entry, dict):
        raise DefinitionError(f"{where} must be a table of fields, got {entry!r}")
    known = {each.name: each for each in fields(kind)}
    unknown = sorted(entry.keys() - known.keys())
    if unknown:
        raise DefinitionError(f"{where}: unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    needed = [name for name, each in known.items() if each.default is MISSING and each.default_factory is MISSING]
    missing = [name for name in needed if name not in entry]
    if missing:
        raise DefinitionError(f"{where}: {', '.join(missing)} is missing")


def service_from(entry: dict[str, Any]) -> Service:
    """Return the service that a table declares.

    Raises
    ------
    DefinitionError
    """
    where = f"service {entry.get('id', '(without id)')}" if isinstance(entry, dict) else "service"
    _check_complete(Service, entry, where)
    for name in ("thresholds", "facility_classes", "conditions"):
        if not isinstance(entry.get(name, []), list | tuple):
            raise DefinitionError(f"{where}: {name} must be a list in square brackets, got {entry[name]!r}")
    for each in entry.get("thresholds", []):
        _check_complete(Threshold, each, f"{where}, threshold")
    thresholds = tuple(Threshold(**each) for each in entry.get("thresholds", []))
    lists = {name: tuple(entry.get(name, ())) for name in ("facility_classes", "conditions")}
    return Service(**{**entry, "thresholds": thresholds, **lists}).under(())


def services_from_toml(text: str, *, source: str) -> list[Service]:
    """Return the services that a TOML text declares.

    Raises
    ------
    DefinitionError
    """
    try:
        tables = tomllib.loads(text).get("service", [])
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"{source} is not TOML: {error}") from None
    if not isinstance(tables, list) or not tables:
        raise DefinitionError(f"{source} declares no service; expected tables headed [[service]]")
    found = [service_from(table) for table in tables]
    ids = [each.id for each in found]
    twice = sorted({each for each in ids if ids.count(each) > 1})
    if twice:
        raise DefinitionError(f"{source} declares {', '.join(twice)} twice; one service has one id")
    return found


@cache
def shipped_services() -> tuple[Service, ...]:
    """Return the services that every workspace starts with."""
    text = files("geosvc.coverage").joinpath("services.toml").read_text("utf-8")
    return tuple(services_from_toml(text, source="services.toml"))


def read_services(path: Path) -> list[Service]:
    """Return the services that a file declares."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise DefinitionError(f"{path.name} is not UTF-8 text; save it as UTF-8 and try again") from None
    return services_from_toml(text, source=path.name)


def find(session: Session) -> list[Service]:
    """Return the services of a workspace in the order in which they were declared."""
    return [service_from(row.definition) for row in select_services(session)]


def get(session: Session, service_id: str) -> Service:
    """Return one service.

    Raises
    ------
    ServiceNotFound
    """
    row = session.get(ServiceRow, service_id)
    if row is None:
        known = ", ".join(each.id for each in select_services(session))
        raise ServiceNotFound(f"no service has the id {service_id!r}; there are: {known}")
    return service_from(row.definition)


def following(session: Session, service: Service) -> Service | None:
    """Return the service of the journey that follows at each place, under the same conditions; None without one.

    Raises
    ------
    ServiceNotFound
    DefinitionError
        If that service is no journey, or has a journey after it itself.
    """
    if service.then is None:
        return None
    after = get(session, service.then)
    if after.method != "travel_time" or after.then is not None:
        raise DefinitionError(
            f"service {service.id}: then names {after.id}, which "
            + ("is measured as the crow flies" if after.method != "travel_time" else "is followed by another itself")
            + "; expected a service of travel_time without then"
        )
    return after.under(service.conditions)


def save(session: Session, service: Service, *, author: str, shipped: bool = False) -> str:
    """Declare a service, or replace its definition.

    Returns
    -------
    change : str
        ``new``, ``changed`` or ``unchanged``.
    """
    row = session.get(ServiceRow, service.id)
    if row is None:
        session.add(
            ServiceRow(id=service.id, position=len(select_services(session)), definition=service.as_dict(),
                       shipped=shipped, recorded_at=now(), author=author)
        )
        session.flush()
        return "new"
    if service_from(row.definition) == service:  # a field that is new since then has its default
        return "unchanged"
    row.definition, row.shipped, row.recorded_at, row.author = service.as_dict(), shipped, now(), author
    return "changed"


