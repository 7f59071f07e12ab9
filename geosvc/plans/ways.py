"""How an indicator is computed, as a plan file says it (``compute``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from geosvc.coverage.blank_spots import shipped_rules
from geosvc.plans.fields import LINE, MARKS, Refused, figure_of, number, only, refuse, target_in, texts
from geosvc.plans.plan import WAYS, Condition
from geosvc.plans.targets import Form
from geosvc.plans.vocabulary import measures
from geosvc.registry.areas import LEVELS
from geosvc.registry.exports.cells import choices

if TYPE_CHECKING:
    from geosvc.plans.vocabulary import Group

PER = (1_000, 10_000, 100_000)
_CHOSEN: dict[str, Callable[[], Sequence[str]]] = {
    "level": lambda: LEVELS, "relation": lambda: tuple(choices("relation")), "join": lambda: ("or", "and"),
    "rule": lambda: tuple(each.id for each in shipped_rules()),
}


def way_of(told: Any, known: Mapping[str, Group], line: int) -> tuple[str | None, dict[str, Any]]:
    """Return how an indicator is computed, with its fields; groups and measures are looked up.

    Raises
    ------
    Refused
    """
    if told is None:
        return None, {}
    named = [key for key in told if key not in MARKS] if isinstance(told, dict) else []
    if len(named) != 1 or named[0] not in WAYS:
        raise Refused(line, f"compute must be one of {', '.join(WAYS)} with its fields; got {', '.join(map(str, named)) or told!r}")
    way, fields = named[0], told[named[0]] or {}
    if not isinstance(fields, dict):
        raise Refused(line, f"compute: {way} has fields, such as {{{', '.join(sum(WAYS[way], ()))}}}; got {fields!r}")
    line = fields.get(LINE, line)
    must, may = WAYS[way]
    only(fields, (*must, *may), f"compute: {way}", line)
    missing = [each for each in must if not fields.get(each)]
    if missing:
        raise Refused(line, f"compute: {way} needs {', '.join(missing)}")
    given = {key: _given(key, value, known, line) for key, value in fields.items() if key not in MARKS}
    if "of" in may:
        given.setdefault("of", known["all"])
    if way == "each_area" and "rule" not in given and not given["of"].classes:
        raise Refused(line, "compute: each_area needs a rule of geosvc blank-spots, or a group with classes of its own; geosvc plan words lists them")
    if way == "each_facility" and not {"measure", "having"} & set(given):
        raise Refused(line, "compute: each_facility needs a measure, with the number for each as target, or having")
    return way, given


def _given(key: str, value: Any, known: Mapping[str, Group], line: int) -> Any:
    if key in ("of", "of_whole", "to_group", "exempt_where"):
        return named_in(known, value, "group", line)
    if key in ("measure", "to", "whole"):
        return named_in(measures(), value, "measure", line)
    if key == "per":
        if str(value) not in map(str, PER):
            raise Refused(line, f"per must be one of {', '.join(map(str, PER))}; got {value!r}")
        return int(value)
    return _chosen(key, value, line) if key in _CHOSEN else _listed(key, value, line)


def named_in(known: Mapping[str, Any], value: Any, what: str, line: int) -> Any:
    """Return what a word names; one that is not known is refused with the nearest that is."""
    if not isinstance(value, str) or value not in known:
        near = max((each for each in known if str(value) and (str(value) in each or each in str(value))), key=len, default=None)
        raise Refused(line, f"there is no {what} {value!r}{f'; {near} is near' if near else ''}; geosvc plan words lists them")
    return known[value]


def _chosen(key: str, value: Any, line: int) -> str:
    known = _CHOSEN[key]()
    if str(value) not in known:
        raise Refused(line, f"{key} must be one of {', '.join(known)}; got {value!r}")
    return str(value)


def _listed(key: str, value: Any, line: int) -> Any:
    """Return a field that holds several; one alone may stand without its list."""
    many = value if isinstance(value, list) else [value]
    if key in _PARTS:
        return tuple(_PARTS[key](each, line) for each in many)
    return tuple(str(each) for each in many) if key == "only" else str(value)


def _having(told: Any, line: int) -> str:
    """Return what is asked of a facility; a measure that does not exist would never be known, and nobody would be told."""
    if not isinstance(told, str) or not told.strip():
        refuse(line, f"having is a list of capabilities such as [感染性疾病科, level:二级, staff:tcm_doctors]; got {told!r}")
    name, _, wanted = told.partition(":")
    if name == "staff" and wanted not in measures():
        refuse(line, f"there is no measure {wanted!r} in {told!r}; geosvc plan words lists them")
    return told


def _band(told: Any, line: int) -> dict[str, Any]:
    if not isinstance(told, dict):
        refuse(line, "bands are {below: 100000, target: ≥10}; the last has no below")
    only(told, ("below", "target"), "band")
    return {"below": number(told, "below", line) if told.get("below") else None, "target": target_in(str(told.get("target") or ""), line)}


def _condition(told: Any, line: int) -> Condition:
    if not isinstance(told, dict):
        refuse(line, "conditions are {name: 床位使用率, value: <75%}, or {indicator: ID, value: >7.25}")
    only(told, ("name", "value", "indicator", "observed"), "condition")
    texts(told, ("name", "value", "indicator"), line)
    if not (told.get("name") or told.get("indicator")):
        refuse(line, "a condition needs the name of what is reported, or the id of an indicator of this plan")
    target = target_in(str(told.get("value") or ""), line)
    if target.form not in (Form.AT_LEAST, Form.AT_MOST):
        refuse(line, f"a condition is a bound, such as <75% or >9天; got {target.text!r}")
    observed = [figure_of(each, None, line, "observed") for each in told.get("observed") or []]
    return Condition(
        id="", name=str(told.get("name") or ""), indicator=told.get("indicator") or None, target=target,
        observed=tuple(sorted((each for each in observed if each is not None), key=lambda each: each.year)))


_PARTS: dict[str, Callable[[Any, int], Any]] = {"bands": _band, "conditions": _condition, "having": _having}
