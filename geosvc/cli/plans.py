"""``geosvc plan``: what published plans promise, measured against the registry and the map."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.markup import escape
from rich.table import Column, Table

from geosvc.cli.common import JsonOption, WorkspaceOption, administrator, opened, out, print_json
from geosvc.errors import DefinitionError, UnreadableFile

plans = typer.Typer(help="Plans: what they promise, how it stands, and where their figures contradict each other.", no_args_is_help=True)
PlanArgument = Annotated[str, typer.Argument(help="Id of the plan; geosvc plan list shows them.")]
AtOption = Annotated[Optional[str], typer.Option("--datetime", help="As things were on a day, such as 2024-01-01; today unless set.")]
RecordedOption = Annotated[Optional[str], typer.Option("--recorded", help="With the plan's texts and the registry as they were known at a moment, such as 2025-12-31.")]
FileArgument = Annotated[Path, typer.Argument(help="Plan file, YAML; docs/plans.md tells its fields.")]


@plans.command("list")
def list_plans(workspace: WorkspaceOption = None, at: AtOption = None, recorded: RecordedOption = None, as_json: JsonOption = False) -> None:
    """List the plans: how many of their statements are computed, and how their indicators stand."""
    from geosvc.workflows import as_of, planning

    with opened(workspace) as (store, _settings):
        found = planning.plan_list(store, as_of.times_asked(at, recorded))
    if as_json:
        print_json(found)
        return
    table = Table("plan", "title", "statements", "computed", "derived", "waiting", "stored", "recorded", "met", "behind", "contradictions")
    for each in found:
        counts = each["counts"]
        numbers = [counts["statements"], *(counts[name] for name in planning.STATES),
                   counts["verdicts"]["met"], counts["verdicts"]["behind"], counts["conflicts"]]
        table.add_row(each["id"], escape(each["title"]), *map(str, numbers))
    out.print(table)


@plans.command()
def show(
    plan: PlanArgument, workspace: WorkspaceOption = None, at: AtOption = None, recorded: RecordedOption = None,
    kind: Annotated[Optional[str], typer.Option(help="Only statements of a kind, such as DENS.")] = None,
    verdict: Annotated[Optional[str], typer.Option(help="Only indicators of a verdict, such as behind.")] = None,
    scenario: Annotated[Optional[int], typer.Option(help="Number of a scenario: as its changes make it; geosvc scenarios list shows them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also statements that are recorded only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a plan: every indicator with baseline, now and target, and the contradictions between its figures."""
    from geosvc.workflows import as_of, planning
    from geosvc.workflows.scenario_runs import asked_changes

    when = as_of.times_asked(at, recorded)
    with opened(workspace) as (store, settings):
        under = asked_changes(store, administrator(settings), None if scenario is None else str(scenario), when)
        told = planning.plan_board(store, plan, when, kind=kind, verdict=verdict, under=under)
    if as_json:
        print_json(told)
        return
    _print_head(told)
    _print_board(told, everything=everything)
    _print_conflicts(told["contradictions"])


def _print_head(told: dict[str, Any]) -> None:
    out.print(f"[bold]{escape(told['title'])}[/]  {escape(told['issuer'])} · {escape(told['date'] or told['date_note'] or 'no date in the text')} · {told['period'][0]}-{told['period'][1]} · {told['state']} · {told['datetime']}")
    if told["scenario"]:
        out.print(f"[yellow]under scenario {told['scenario']['id']}[/] {escape(told['scenario']['name'])}")
    for each in told["people"]:
        out.print(f"  {each['people']:>12,.0f} people  {each['year']} {escape(each['source'])} ({each['kind']}, {each['status']})")
    if told["by_position"] or told["unplaced"]:
        out.print(f"  {told['by_position']} facilities without a code of the area are counted by their position; of {told['unplaced']} neither is known")
    if not told["area_registered"]:
        out.print("[yellow]The area of the plan is not registered in this workspace: nothing of it is computed from facilities.[/]")
    for problem in told["problems"]:
        out.print(f"[red]not read[/] {escape(problem)}")


def _print_board(told: dict[str, Any], *, everything: bool) -> None:
    table = Table(Column("indicator", overflow="fold"), "kind", "baseline", "now", "target", "verdict", "!")
    for statement in told["statements"]:
        for each in statement["indicators"]:
            table.add_row(f"{each['id']} {escape(each['name'])}", statement["kind"], _figure(each["baseline"]), escape(_now(each)), _figure(each["target"]),
                          _verdict(each), str(len(statement["conflicts"]) or ""))
            for one in (each["stated"] or {}).get("by_people", []):
                table.add_row(f"   {each['stated']['count']:,.0f} ÷ {one['people']:,.0f} ({one['year']} {escape(one['source'])})", "", f"{one['value']:.2f}", "", "", "", "")
            if each["stated"]:
                table.add_row(f"   {each['stated']['count']:,.0f} ÷ {each['stated']['implied_people']:,} (implied)", "", each["stated"]["rate"], "", "", "", "")
        if everything and not statement["indicators"]:
            table.add_row(f"{statement['id']} {escape(statement['quote'])}", statement["kind"], "", escape(_kept(statement)), "", "recorded", "")
    out.print(table)


def _kept(statement: dict[str, Any]) -> str:
    """Return why a statement is only kept, and when what it asks for is due."""
    due = [f"{each['what']} {', '.join(map(str, each['years']))}" for each in statement["reviews"]]
    return "; ".join([statement["recorded"] or "", *due])


def _verdict(each: dict[str, Any]) -> str:
    """Return a verdict; under a scenario that changes it, also what it is without."""
    before = each.get("registered", {}).get("verdict", each["verdict"])
    return str(each["verdict"]) if before == each["verdict"] else f"{each['verdict']} (registered: {before})"


def _figure(figure: dict[str, Any] | None) -> str:
    return "" if figure is None else f"{escape(figure['text'])} ({figure['year']})"


def _now(each: dict[str, Any]) -> str:
    now = each["now"]
    if now is None:
        return each["recorded"] or ""
    if now["why"]:
        cure = f": {now['why']['command']}" if now["why"]["command"] else ""
        return f"{now['why']['en']}{cure}{_columns(now)}"
    if now["gate"]:
        return str(now["gate"]["en"])
    if now["value"] is not None:
        return _number(now["value"]) + (" 示意" if now["schematic"] else "")
    return f"{_number(now['low'])} … {_number(now['high'])}"


def _columns(now: dict[str, Any]) -> str:
    return f" ({', '.join(each['zh'] for each in now['columns'])})" if now["columns"] else ""


def _number(value: float | None) -> str:
    from geosvc.maps import numbers

    return "?" if value is None else numbers.plain(value)


@plans.command()
def conflicts(plan: PlanArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the contradictions between the figures of a plan."""
    from geosvc.registry.moments import PRESENT
    from geosvc.workflows import planning

    with opened(workspace) as (store, _settings):
        told = planning.plan_conflicts(store, plan, PRESENT)
    if as_json:
        print_json(told)
        return
    _print_conflicts(told["conflicts"])


def _print_conflicts(found: list[dict[str, Any]]) -> None:
    out.print(f"\n[bold]{len(found)} contradictions[/]")
    for each in found:
        out.print(f"[{'red' if each['severity'] == 'high' else 'yellow'}]{each['severity']:<6}[/] {each['check']}: {escape(each['zh'])}")
        out.print(f"       {', '.join(each['statements'])}")
        for one in each["instead"]:
            out.print(f"       {escape(one['label'])} {one['people']:,.0f}: {one['value']:.2f}")


@plans.command()
def check(file: FileArgument, as_json: JsonOption = False) -> None:
    """Check a plan file: every problem with its line and its cure, and what would be computed. Nothing is kept."""
    from geosvc.plans.documents import read_plan_file

    plan = read_plan_file(file)
    computed = sum(any(one.way for one in each.indicators) for each in plan.statements)
    if as_json:
        print_json({"plan": plan.id, "statements": len(plan.statements), "with_computation": computed, "problems": [str(each) for each in plan.problems]})
    else:
        out.print(f"{plan.id}: {len(plan.statements)} statements, {computed} with a computation, {len(plan.problems)} problems")
    if plan.problems:
        raise DefinitionError("\n".join(str(each) for each in plan.problems))


@plans.command()
def schema() -> None:
    """Print the JSON Schema of plan files: editors complete and check with it."""
    from geosvc.plans.schema import plan_schema

    print_json(plan_schema())


@plans.command()
def add(file: FileArgument, workspace: WorkspaceOption = None) -> None:
    """Keep a plan file in the workspace; it is shown beside the published ones."""
    from geosvc.workflows import plan_documents

    content = _content(file)
    with opened(workspace) as (store, settings):
        plan = plan_documents.add_plan(store, content, file.name, author=settings.author)
    out.print(f"plan {plan.id} with {len(plan.statements)} statement{'' if len(plan.statements) == 1 else 's'} is kept; geosvc plan show {plan.id}")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{file}: {error.strerror}") from None


@plans.command()
def remove(plan: PlanArgument, workspace: WorkspaceOption = None) -> None:
    """Forget a plan file of the workspace; published plans stay."""
    from geosvc.workflows import plan_documents

    with opened(workspace) as (store, settings):
        plan_documents.remove_plan(store, plan, author=settings.author)
    out.print(f"plan {plan} is forgotten")


@plans.command("file")
def file_command(plan: PlanArgument, workspace: WorkspaceOption = None, recorded: RecordedOption = None) -> None:
    """Print the file of a plan: a beginning for one of your own."""
    from geosvc.workflows import plan_documents
    from geosvc.workflows.as_of import times_asked

    with opened(workspace) as (store, _settings):
        sys.stdout.write(plan_documents.plan_text(store, plan, times_asked(None, recorded).recorded_at))


@plans.command("texts")
def texts_command(plan: PlanArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the plan files and tables of figures that were ever sent for a plan or taken away, newest first."""
    from geosvc.workflows import plan_documents

    with opened(workspace) as (store, _settings):
        found = plan_documents.texts_sent(store, plan)
    if as_json:
        print_json({"plan": plan, "texts": found})
        return
    if not found:
        out.print(f"nothing was sent for {plan}")
        return
    table = Table("recorded", "part", "name", "by", "state")
    for each in found:
        state = "taken away" if each["taken_away"] else "in force" if each["until"] is None else f"until {each['until']}"
        table.add_row(each["recorded_at"], each["part"], escape(each["name"]), escape(each["author"]), state)
    out.print(table)


@plans.command()
def report(
    plan: PlanArgument, file: Annotated[Optional[Path], typer.Argument(help="CSV with indicator, year, value, source; without it the form is printed.")] = None,
    workspace: WorkspaceOption = None, forget: Annotated[bool, typer.Option("--forget", help="Forget what was reported.")] = False,
) -> None:
    """Keep newer figures of a plan's indicators, each with year and source; they take the place of those reported before."""
    from geosvc.workflows import plan_documents

    content = None if file is None else _content(file)
    with opened(workspace) as (store, settings):
        if forget:
            plan_documents.forget_reports(store, plan, author=settings.author)
            out.print(f"what was reported for {plan} is forgotten")
        elif file is None or content is None:
            sys.stdout.write("\ufeff")  # spreadsheets take it as UTF-8
            csv.writer(sys.stdout, lineterminator="\n").writerows(plan_documents.reports_of(store, plan)["form"])
        else:
            count = plan_documents.report_figures(store, plan, content, file.name, author=settings.author)
            out.print(f"{'1 figure is' if count == 1 else f'{count} figures are'} kept; geosvc plan show {plan}")


@plans.command("words")
def words_command(as_json: JsonOption = False) -> None:
    """List the measures, groups and units that plan files may name."""
    from geosvc.plans.documents import UNITS
    from geosvc.plans.vocabulary import groups, measures

    if as_json:
        print_json({"measures": {key: {"zh": each.zh, "en": each.en, "unit": each.unit} for key, each in measures().items()},
                    "groups": {key: {"zh": each.zh, "en": each.en} for key, each in groups().items()}, "units": [each for each in UNITS if each]})
        return
    for title, found in (("measure", measures()), ("group", groups())):
        table = Table(title, "zh", "en")
        for key, each in found.items():
            table.add_row(key, each.zh, each.en)
        out.print(table)
    out.print("units: " + " ".join(each for each in UNITS if each))
