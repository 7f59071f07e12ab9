"""``geosvc duplicates``: facilities that may be one and the same."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer
from rich.markup import escape
from rich.table import Column, Table

from geosvc.cli.common import ROWS_SHOWN, JsonOption, WorkspaceOption, opened, out, print_json

# Typer reads the default when the command is declared; a test holds it to that of the registry.
_MIN_SCORE = 0.8


def duplicates(
    workspace: WorkspaceOption = None,
    min_score: Annotated[float, typer.Option(help="Only pairs at least so alike (0.6 to 1).")] = _MIN_SCORE,
    kind: Annotated[Optional[str], typer.Option(help="Only duplicate, branch (another place of one) or department (a part of one).")] = None,
    limit: Annotated[int, typer.Option(help="How many to print; --json prints all.", min=1)] = ROWS_SHOWN,
    as_json: JsonOption = False,
) -> None:
    """List pairs of facilities that may be one and the same, the most alike first, with the reasons. Nothing is changed."""
    from geosvc.workflows.duplicates import count_kinds, duplicates_page

    with opened(workspace) as (store, _):
        pairs, matched, _next = duplicates_page(store, min_score=min_score, kind=kind)
    if as_json:
        print_json({"numberMatched": matched, "kinds": count_kinds(pairs), "pairs": pairs})
        return
    print_pairs(pairs[:limit])
    kinds = ", ".join(f"{count} {name}" for name, count in sorted(count_kinds(pairs).items()))
    out.print(("1 suspected pair" if matched == 1 else f"{matched} suspected pairs") + f"{f' ({kinds})' if kinds else ''}" + (f", the first {limit} shown" if matched > limit else ""))


def print_pairs(pairs: list[dict[str, Any]]) -> None:
    """Print pairs as a table."""
    table = Table(Column("score", justify="right"), "kind", "facility", "facility", "reasons")
    for pair in pairs:
        first, second = (f"{one['name']} ({one['id']}, {one['class_code']})" for one in (pair["first"], pair["second"]))
        reasons = "；".join(each["zh"] for each in pair["reasons"])
        table.add_row(f"{pair['score']:.2f}", pair["kind"], escape(first), escape(second), escape(reasons))
    out.print(table)
