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


def merge(
    keep: Annotated[int, typer.Argument(help="Id of the facility that is kept.")],
    others: Annotated[list[int], typer.Argument(help="Ids of those that go into it.")],
    reason: Annotated[str, typer.Option(help="Why, kept in the histories.")],
    workspace: WorkspaceOption = None,
    field: Annotated[Optional[list[str]], typer.Option(help="FIELD=ID: whose value is right, such as name=15 or position=15; may be repeated.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say that several facilities are one. It can be taken back with: geosvc unmerge NUMBER."""
    from geosvc.workflows.duplicates import merge_facilities

    with opened(workspace) as (store, settings):
        done = merge_facilities(store, keep, others, author=settings.author, reason=reason, origin="cli", fields=_fields(field or []))
    if as_json:
        print_json(done)
        return
    out.print(f"merge {done['id']}: {', '.join(map(str, done['others']))} went into {keep}; take it back with: geosvc unmerge {done['id']}")


def unmerge(
    number: Annotated[int, typer.Argument(help="Number of the merge.")],
    workspace: WorkspaceOption = None,
    reason: Annotated[Optional[str], typer.Option(help="Why, kept in the histories.")] = None,
    keep_edits: Annotated[bool, typer.Option("--keep-edits", help="Bring the others back although the kept one was changed since; that stays.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take a merge back: everything is as it was before."""
    from geosvc.workflows.duplicates import unmerge_facilities

    with opened(workspace) as (store, settings):
        done = unmerge_facilities(store, number, author=settings.author, reason=reason, keep_edits=keep_edits)
    if as_json:
        print_json(done)
        return
    left = f"; left as they are: {', '.join(map(str, done['left']))}" if done["left"] else ""
    out.print(f"merge {number} is taken back; there again: {', '.join(map(str, done['restored'])) or 'none'}{left}")


def not_duplicate(
    pair: Annotated[tuple[int, int], typer.Argument(help="Ids of the two facilities.")],
    workspace: WorkspaceOption = None,
    reason: Annotated[Optional[str], typer.Option(help="Why, kept in the log.")] = None,
    take_back: Annotated[bool, typer.Option("--take-back", help="Forget an earlier answer: the pair is asked about again.")] = False,
) -> None:
    """Say that two facilities are not one; they are not listed again."""
    from geosvc.workflows.duplicates import answer_pairs, take_back_answers

    with opened(workspace) as (store, settings):
        if take_back:
            take_back_answers(store, [pair], author=settings.author, reason=reason)
        else:
            answer_pairs(store, [pair], author=settings.author, reason=reason, origin="cli")
    out.print(f"{pair[0]} and {pair[1]}: " + ("the answer is taken back" if take_back else "two facilities; remembered"))


def _fields(told: list[str]) -> dict[str, int]:
    found = {}
    for each in told:
        name, _, number = each.partition("=")
        if not number.isascii() or not number.isdigit():
            raise typer.BadParameter(f"--field must be FIELD=ID, such as name=15; got {each!r}")
        found[name] = int(number)
    return found


def print_pairs(pairs: list[dict[str, Any]]) -> None:
    """Print pairs as a table."""
    table = Table(Column("score", justify="right"), "kind", "facility", "facility", "reasons")
    for pair in pairs:
        first, second = (f"{one['name']} ({one['id']}, {one['class_code']})" for one in (pair["first"], pair["second"]))
        reasons = "；".join(each["zh"] for each in pair["reasons"])
        table.add_row(f"{pair['score']:.2f}", pair["kind"], escape(first), escape(second), escape(reasons))
    out.print(table)
