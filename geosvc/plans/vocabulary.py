"""What plans count, and of which facilities: measures and groups, as data (``words.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from geosvc.errors import DefinitionError
from geosvc.registry.classes import facility_classes
from geosvc.registry.facilities import Facility

KEPT_AS = ("institutions", "beds", "staff", "none")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Something that is counted; see ``words.toml`` for what each field means."""

    id: str
    zh: str
    en: str
    unit: str
    of: str
    kind: str | None = None
    use: str | None = None
    cadre: str | None = None
    part_of: str | None = None
    instead: str | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        """Refuse a measure that does not hold together."""
        if self.of not in KEPT_AS:
            raise DefinitionError(f"measure {self.id}: of must be one of {', '.join(KEPT_AS)}; got {self.of!r}")


@dataclass(frozen=True, kw_only=True)
class Group:
    """Some facilities: by class, ownership and level, or several groups together.

    ``ownership`` and ``levels`` hold the words of the registry; () asks for none. Of a group with ``names`` they say what
    these facilities are, for sums and comparisons.
    """

    id: str
    zh: str
    en: str
    classes: tuple[str, ...] = ()
    ownership: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    any: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a group of classes that no facility can have."""
        for prefix in self.classes:
            if not any_class(prefix):
                raise DefinitionError(f"group {self.id}: no class of the code list begins with {prefix!r}; geosvc classes lists them")

    def holds(self, one: Facility) -> bool | None:
        """Return whether a facility belongs to the group; None where what it does not say would decide."""
        if self.any:
            told = [each.holds(one) for each in self.any]
            return True if True in told else None if None in told else False
        if self.names:  # whoever is called so is meant, whatever else is known of it
            return bool({one.name, *one.aliases} & set(self.names))
        if self.classes and not one.class_code.startswith(self.classes):
            return False
        asked = [(one.ownership, self.ownership), (one.level, self.levels)]
        if any(wanted and told and told not in wanted for told, wanted in asked):
            return False
        return None if any(wanted and not told for told, wanted in asked) else True

    def within(self, other: Group) -> bool:
        """Return whether every facility of this group is certain to belong to another one."""
        if self.any:
            return all(each.within(other) for each in self.any)
        if other.any:
            return any(self.within(each) for each in other.any)
        narrower = not other.classes or (bool(self.classes) and all(each.startswith(other.classes) for each in self.classes))
        return narrower and all(
            not theirs or (bool(ours) and set(ours) <= set(theirs))
            for ours, theirs in ((self.ownership, other.ownership), (self.levels, other.levels), (self.names, other.names)))


@cache
def any_class(prefix: str) -> bool:
    """Return whether a class of the code list begins with a prefix."""
    return any(code.startswith(prefix) for code in facility_classes())


@cache
def measures() -> dict[str, Measure]:
    """Return the measures by id.

    Raises
    ------
    DefinitionError
    """
    found = {key: Measure(id=key, **value) for key, value in _document()["measure"].items()}
    for each in found.values():
        for named in (each.part_of, each.instead):
            if named is not None and named not in found:
                raise DefinitionError(f"measure {each.id}: there is no measure {named!r}")
    return found


@cache
def groups() -> dict[str, Group]:
    """Return the groups that every plan may name, by id.

    Raises
    ------
    DefinitionError
    """
    return read_groups(_document()["group"], {})


def read_groups(told: Mapping[str, Mapping[str, object]], known: Mapping[str, Group]) -> dict[str, Group]:
    """Return groups as a document writes them, by id; a group of several names those before it, or ``known`` ones.

    Raises
    ------
    DefinitionError
    """
    found = dict(known)
    for key, value in told.items():
        found[key] = _group(key, value, found)
    return found


def _group(key: str, told: Mapping[str, object], known: Mapping[str, Group]) -> Group:
    unknown = set(told) - {"zh", "en", "classes", "ownership", "levels", "names", "any"}
    if unknown:
        raise DefinitionError(f"group {key}: {min(unknown)!r} is not a field; expected zh, en, classes, ownership, levels, names, any")
    lists: dict[str, tuple[str, ...]] = {}
    for name in ("classes", "ownership", "levels", "names", "any"):
        value = told.get(name, [])
        if not isinstance(value, list):
            raise DefinitionError(f"group {key}: {name} must be a list, got {value!r}")
        lists[name] = tuple(str(each) for each in value)
    missing = [each for each in lists["any"] if each not in known]
    if missing:
        raise DefinitionError(f"group {key}: there is no group {missing[0]!r} before it")
    zh = str(told.get("zh") or key)
    plain = Group(id=key, zh=zh, en=str(told.get("en") or zh), **{name: value for name, value in lists.items() if name != "any"})  # type: ignore[arg-type]
    return replace(plain, any=tuple(known[each] for each in lists["any"]))


def is_part(part: str, whole: str) -> bool:
    """Return whether a measure is a part of another one, or is it."""
    here: str | None = part
    while here is not None:
        if here == whole:
            return True
        here = measures()[here].part_of
    return False


@cache
def _document() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(files("geosvc.plans").joinpath("words.toml").read_text("utf-8"))
