"""Write ``after_chrome_90.json``: what browsers learnt after Chrome 90, the oldest one that the pages are written for.

    npm pack @mdn/browser-compat-data && tar xf mdn-browser-compat-data-*.tgz
    python tests/web/make_after_chrome_90.py package/data.json

The table is drawn from MDN's browser-compat-data (CC0). To be written anew when a newer feature is to be refused that the
table does not know yet.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST = 90
TARGET = Path(__file__).with_name("after_chrome_90.json")
# Their values are told apart by layout (flex, grid, block), which a single declaration does not say.
_BY_LAYOUT = ("align-", "justify-")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")


def added(compat: dict[str, Any]) -> float:
    """Return the version of Chrome that has a feature without prefix and without a switch; inf for none."""
    told = compat["support"].get("chrome", [])
    versions = [math.inf]
    for each in told if isinstance(told, list) else [told]:
        version, removed = each.get("version_added"), each.get("version_removed")
        # What was replaced by a better one after Chrome 90 was there.
        gone = removed is not None and float(str(removed).lstrip("≤")) <= LAST
        if version and version != "preview" and not gone and not each.keys() & {"flags", "prefix", "alternative_name"}:
            versions.append(float(str(version).lstrip("≤")))
    return min(versions)


def below(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], float]]:
    """Yield the features right below one: name, itself, version."""
    for name, each in node.items():
        if name != "__compat" and isinstance(each, dict) and "__compat" in each:
            yield name, each, added(each["__compat"])


def newer(version: float) -> bool:
    """Return whether a version has something that Chrome 90 has not."""
    return LAST < version < math.inf


def styles(css: dict[str, Any]) -> dict[str, Any]:
    """Return what is new of style sheets."""
    properties, values = {}, {}
    for name, each, version in below(css["properties"]):
        if version > LAST:
            properties[name] = version if version < math.inf else None  # None: Chrome has never had it
        elif not name.startswith(_BY_LAYOUT) and (found := {value: least for value, _each, least in below(each) if newer(least)}):
            values[name] = found
    functions = {name: version for name, _each, version in (*below(css["types"]), *below(css["types"]["color"])) if newer(version)}
    return {
        "properties": properties, "values": values, "functions": functions,
        "at_rules": {name: version for name, _each, version in below(css["at-rules"]) if newer(version)},
        "pseudo": {name: version for name, _each, version in below(css["selectors"]) if newer(version)},
    }


def scripts(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what is new of the objects that scripts use; a member's name that an older object has as well is left out."""
    globals_, statics, members, old = {}, {}, {}, set()
    for part in parts:
        for interface, told, since in below(part):
            if newer(since):
                globals_[interface] = since
            for name, _each, version in below(told):
                if name.endswith("_static"):
                    if newer(version):
                        statics[f"{interface}.{name.removesuffix('_static')}"] = version
                elif _WORD.fullmatch(name) and not name.endswith("_event"):
                    if version <= LAST:
                        old.add(name)
                    elif newer(version) and not newer(since):
                        members[name] = min(version, members.get(name, math.inf))
    return {"globals": globals_, "statics": statics, "members": {name: each for name, each in members.items() if name not in old}}


def markup(html: dict[str, Any]) -> dict[str, Any]:
    """Return what is new of elements and attributes."""
    elements = {name: version for name, _each, version in below(html["elements"]) if newer(version)}
    attributes = {name: version for name, _each, version in below(html["global_attributes"]) if newer(version)}
    return {"elements": elements, "attributes": attributes}


def main(source: Path) -> None:
    """Write the table."""
    data = json.loads(source.read_text("utf-8"))
    table = {
        "source": f"MDN browser-compat-data {data['__meta']['version']}, CC0-1.0", "css": styles(data["css"]),
        "script": scripts([data["javascript"]["builtins"], data["api"]]), "html": markup(data["html"]),
    }
    TARGET.write_text(json.dumps(table, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
