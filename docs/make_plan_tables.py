"""The tables of docs/plans.md, from the demo: ``python docs/make_plan_tables.py`` writes them anew."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from geosvc.plans.plan import Kind
from geosvc.registry.moments import PRESENT
from geosvc.settings import Settings
from geosvc.store.engine import open_store
from geosvc.workflows import planning
from geosvc.workflows.demo import run_demo
from geosvc.workflows.plan_documents import shipped_plans

if TYPE_CHECKING:
    from geosvc.store.engine import Store

PAGE = Path(__file__).parent / "plans.md"
MARKS = ("<!-- made by docs/make_plan_tables.py: do not edit -->", "<!-- end -->")


def tables(store: Store) -> str:
    """Return the tables: what becomes of the statements by plan and kind, and the contradictions by plan and check."""
    plans = shipped_plans()
    boards = {name: planning.plan_board(store, name, PRESENT) for name in plans}
    lines = ["Statements that are computed · derived from its own figures · wait for data · are stored and trended · are recorded only, in the demo's workspace:", "",
             f"| kind | {' | '.join(plans)} |", f"|---|{'---|' * len(plans)}"]
    for kind in Kind:
        cells = []
        for name in plans:
            found = Counter(planning.state_of_row(each) for each in boards[name]["statements"] if each["kind"] == kind)
            cells.append(" · ".join(str(found[state]) for state in planning.STATES) if found else "")
        lines.append(f"| {kind.value} | {' | '.join(cells)} |")
    total = [Counter(planning.state_of_row(each) for each in boards[name]["statements"]) for name in plans]
    lines += [f"| all | {' | '.join(' · '.join(str(each[state]) for state in planning.STATES) for each in total)} |", "",
              "Contradictions that the checks find in them:", "", "| check | " + " | ".join(plans) + " |", f"|---|{'---|' * len(plans)}"]
    found = {name: Counter(each["check"] for each in planning.plan_conflicts(store, name, PRESENT)["conflicts"]) for name in plans}
    checks = sorted({check for each in found.values() for check in each})
    lines += [f"| {check} | {' | '.join(str(found[name][check] or '') for name in plans)} |" for check in checks]
    return "\n".join(lines)


def page_with(made: str, page: str) -> str:
    """Return the page with the tables between its marks."""
    begin, end = MARKS
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _match: f"{begin}\n{made}\n{end}", page, flags=re.DOTALL)


def main() -> None:
    """Make the demo in a temporary folder and write its tables into the page."""
    with tempfile.TemporaryDirectory(prefix="geosvc-plan-tables-") as folder:
        settings = Settings(workspace=Path(folder) / "workspace")
        run_demo(settings, Path(folder) / "maps", progress=lambda _share, _text: None)
        store = open_store(settings.workspace)
        PAGE.write_text(page_with(tables(store), PAGE.read_text("utf-8")), "utf-8")
        store.close()


if __name__ == "__main__":
    main()
