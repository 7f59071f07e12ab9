"""``geosvc import …``: bringing files in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.markup import escape
from rich.table import Table

from geosvc.cli.common import (
    ROWS_SHOWN,
    CrsOption,
    DatedOption,
    DatumOption,
    JsonOption,
    LayerOption,
    LicenceOption,
    SourceOption,
    WorkspaceOption,
    opened,
    out,
    print_json,
    print_report,
    pulse,
)
from geosvc.cli.duplicates import print_pairs
from geosvc.errors import InvalidParameter

if TYPE_CHECKING:
    from geosvc.registry.imports.report import ImportReport

importer = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown",
    help="Bring a file in. An import takes effect as a whole or not at all; the same file again changes nothing.",
)


@importer.command("facilities")
def import_facilities(
    file: Annotated[Path, typer.Argument(help="CSV, spreadsheet, GeoJSON, GeoPackage or Shapefile.")],
    workspace: WorkspaceOption = None, datum: DatumOption = None, layer: LayerOption = None, crs: CrsOption = None,
    klass: Annotated[Optional[str], typer.Option("--class", help="Class of all rows that do not say one, such as D600.")] = None,
    without_positions: Annotated[bool, typer.Option(help="The file has no coordinates; list its facilities as to be located.")] = False,
    skip_bad: Annotated[bool, typer.Option(help="Take the good rows and report the others.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be new, changed, refused and suspected to be there twice; nothing is stored.")] = False,
    refused_to: Annotated[Optional[Path], typer.Option("--refused-to", help="Write the refused rows with their reasons, to be corrected and imported (.csv, or .xlsx with the faulty cells marked).")] = None,
    columns: Annotated[Optional[list[str]], typer.Option("--map", help="HEADER=FIELD: what a column is (单位=name), HEADER= to leave it out; may be repeated. See geosvc import columns.")] = None,
    types: Annotated[Optional[list[str]], typer.Option("--type", help="WORD=CLASS: the class that a word of the class column means (村所=D600); may be repeated.")] = None,
    answers: Annotated[Optional[list[str]], typer.Option("--answer", help="ROW=ID or ROW=new: which facility a row is that waits for an answer; may be repeated. Remembered.")] = None,
    as_before: Annotated[bool, typer.Option("--as-before", help="Read the file as the last one with the same headers was read (columns, datum, classes).")] = False,
    as_json: JsonOption = False,
) -> None:
    """Register facilities. Headers are understood in Chinese and English (机构名称/name, 经度/longitude …)."""
    from geosvc.registry.imports.facilities import FacilityOptions
    from geosvc.workflows import importing
    from geosvc.workflows.mapping import options_as_before

    with opened(workspace) as (store, settings), pulse(file, quiet=as_json):
        told: dict[str, Any] = options_as_before(store, file, max_mb=settings.max_file_mb, layer=layer, crs=crs) if as_before else {}
        given = {"datum": datum, "layer": layer, "crs": crs, "default_class": klass, "without_positions": without_positions,
                 "mapping": _pairs(columns, "--map"), "source_types": _pairs(types, "--type")}
        told |= {name: value for name, value in given.items() if value}
        options = FacilityOptions(**told, answers=_answers(answers), skip_bad=skip_bad, max_mb=settings.max_file_mb)
        import_or_preview = importing.preview_facilities if dry_run else importing.import_facilities
        report = import_or_preview(store, file, options, settings, refused_to=refused_to)
    print_report(report, as_json)
    if dry_run and not as_json:
        _print_preview(report)


def _pairs(told: list[str] | None, option: str) -> dict[str, str]:
    """Return what stands before and behind the last = of each."""
    pairs = {}
    for each in told or []:
        name, equals, value = each.rpartition("=")
        if not equals or not name:
            raise InvalidParameter(f"{option} takes NAME=VALUE, got {each!r}")
        pairs[name] = value
    return pairs


def _answers(told: list[str] | None) -> dict[int, int | str]:
    answers: dict[int, int | str] = {}
    for row, answer in _pairs(told, "--answer").items():
        if not (row.isascii() and row.isdigit() and (answer == "new" or (answer.isascii() and answer.isdigit()))):
            raise InvalidParameter(f"--answer takes ROW=ID or ROW=new, got {row}={answer}")
        answers[int(row)] = answer if answer == "new" else int(answer)
    return answers


@importer.command("columns")
def columns_of_file(
    file: Annotated[Path, typer.Argument(help="CSV, spreadsheet, GeoJSON, GeoPackage or Shapefile of facilities.")],
    workspace: WorkspaceOption = None, layer: LayerOption = None, crs: CrsOption = None, as_json: JsonOption = False,
) -> None:
    """Show the columns of a file of facilities, what each is read as, what is missing, and how such a file was read before."""
    from geosvc.workflows.mapping import describe_file

    with opened(workspace) as (store, settings):
        told = describe_file(store, file, max_mb=settings.max_file_mb, layer=layer, crs=crs)
    if as_json:
        print_json(told)
        return
    table = Table("column", "read as", "first rows")
    for place, each in enumerate(told["headers"]):
        sample = [row[place] for row in told["sample"] if row[place]]
        table.add_row(escape(each["header"]), each["field"] or "(left out)", escape("; ".join(sample[:3])))
    out.print(table)
    if told["missing"]:
        out.print(f"missing: {', '.join(told['missing'])} (name a column for each with --map HEADER=FIELD)")
    if told["datum"]["ask"]:
        out.print(f"the datum is not said: --datum {' | '.join(told['datum']['choices'])}")
    if told["remembered"]:
        out.print(f"such a file was read before, by {escape(told['remembered']['author'])}: --as-before reads this one in the same way")
    if len(told["layers"]) > 1:
        out.print(f"sheets or layers: {escape(', '.join(told['layers']))} (--layer)")


def _print_preview(report: ImportReport) -> None:
    for each in report.differences:
        told = "; ".join(f"{name}: {was!r} → {will!r}" for name, (was, will) in each["fields"].items())
        out.print(f"  changed {each['id']} {escape(each['name'])}: {escape(told)}")
    for each in report.matches[:ROWS_SHOWN]:
        (one,) = each["candidates"]
        out.print(f"  row {each['row']} {escape(each['name'])} is {one['id']} {escape(one['name'])} (score {one['score']:.2f}: {escape('；'.join(why['zh'] for why in one['reasons']))})")
    if report.duplicates:
        print_pairs(report.duplicates[:ROWS_SHOWN])
    out.print("[bold]dry run:[/] nothing was stored")


@importer.command("areas")
def import_areas(
    file: Annotated[Path, typer.Argument(help="Boundary file, or a table with code, name, level, parent_code.")],
    workspace: WorkspaceOption = None,
    level: Annotated[Optional[str], typer.Option(help="Level of all areas of the file: county, township, village, zone …")] = None,
    valid_from: Annotated[Optional[str], typer.Option("--valid-from", help="The day from which the areas are so, such as 2021-01-01; without it what is true today is corrected.")] = None,
    layer: LayerOption = None, crs: CrsOption = None, source: SourceOption = None, licence: LicenceOption = None, as_json: JsonOption = False,
) -> None:
    """Register areas: a county, its townships and villages, or zones of your own; a polygon is not required."""
    from geosvc.workflows import importing

    with opened(workspace) as (store, settings), pulse(file, quiet=as_json):
        report = importing.import_areas(store, file, settings, level=level, layer=layer, crs=crs, valid_from=valid_from, provenance=importing.Provenance(source=source, licence=licence))
    print_report(report, as_json)


@importer.command("population")
def import_population(
    file: Annotated[Path, typer.Argument(help="Raster of people per cell, table of points, or table of figures by area.")],
    workspace: WorkspaceOption = None, datum: DatumOption = None,
    year: Annotated[Optional[int], typer.Option(help="Year of all figures, where the file does not say it.")] = None,
    kind: Annotated[Optional[str], typer.Option(help="Kind of all figures: resident (常住) or registered (户籍).")] = None,
    status: Annotated[Optional[str], typer.Option(help="Status of all figures: census (普查), survey, estimate.")] = None,
    source: SourceOption = None, licence: LicenceOption = None, dated: DatedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register people. Totals are conserved through every step; unknown stays unknown and never becomes 0."""
    from geosvc.registry.imports.areas import PeopleOptions
    from geosvc.workflows import importing

    options = PeopleOptions(year=year, kind=kind, status=status, source=source)
    with opened(workspace) as (store, settings), pulse(file, quiet=as_json):
        report = importing.import_population(store, file, settings, datum=datum, options=options, provenance=importing.Provenance(source=source, licence=licence, dated=dated))
    print_report(report, as_json)


@importer.command("roads")
def import_roads(
    file: Annotated[Path, typer.Argument(help="OpenStreetMap extract (.osm.pbf) or any line layer with a road class.")],
    workspace: WorkspaceOption = None, layer: LayerOption = None, crs: CrsOption = None, source: SourceOption = None, licence: LicenceOption = None, dated: DatedOption = None, as_json: JsonOption = False,
) -> None:
    """Put a road network in force, in place of the one before."""
    from geosvc.workflows import importing

    with opened(workspace) as (store, settings), pulse(file, quiet=as_json):
        report = importing.import_roads(store, file, settings, layer=layer, crs=crs, provenance=importing.Provenance(source=source, licence=licence, dated=dated))
    print_report(report, as_json)


@importer.command("barriers")
def import_barriers(
    file: Annotated[Path, typer.Argument(help="Lines and polygons with a class (waterway, railway, natural, barrier, 类型 …): OpenStreetMap extract, GeoPackage, Shapefile, GeoJSON.")],
    workspace: WorkspaceOption = None, layer: LayerOption = None, crs: CrsOption = None,
    without: Annotated[Optional[list[str]], typer.Option("--without", help="A class to leave out, such as fence; may be repeated.")] = None,
    source: SourceOption = None, licence: LicenceOption = None, dated: DatedOption = None, as_json: JsonOption = False,
) -> None:
    """Put barriers in force (rivers, railways, lakes …): on foot they are crossed on roads only. A column condition (flood …) limits one to it."""
    from geosvc.workflows import importing

    with opened(workspace) as (store, settings), pulse(file, quiet=as_json):
        report = importing.import_barriers(store, file, settings, layer=layer, crs=crs, without=without or [], provenance=importing.Provenance(source=source, licence=licence, dated=dated))
    print_report(report, as_json)


@importer.command("elevation")
def import_elevation(
    files: Annotated[list[Path], typer.Argument(help="One or several adjoining rasters (GeoTIFF, .hgt, .hgt.zip), metres.")],
    workspace: WorkspaceOption = None, source: SourceOption = None, licence: LicenceOption = None, dated: DatedOption = None, as_json: JsonOption = False,
) -> None:
    """Put an elevation model in force: on foot and by bicycle, uphill and downhill count."""
    from geosvc.workflows import importing

    with opened(workspace) as (store, settings), pulse(files[0], quiet=as_json):
        report = importing.import_elevation(store, files, settings, provenance=importing.Provenance(source=source, licence=licence, dated=dated))
    print_report(report, as_json)


@importer.command("landcover")
def import_landcover(
    files: Annotated[list[Path], typer.Argument(help="One raster of classes, or a folder or files of percent by class (landcover_Tree.tif …).")],
    workspace: WorkspaceOption = None, source: SourceOption = None, licence: LicenceOption = None, dated: DatedOption = None, as_json: JsonOption = False,
) -> None:
    """Put land cover in force: what it costs to cross the ground off the roads."""
    from geosvc.workflows import importing

    with opened(workspace) as (store, settings), pulse(files[0], quiet=as_json):
        report = importing.import_landcover(store, files, settings, provenance=importing.Provenance(source=source, licence=licence, dated=dated))
    print_report(report, as_json)
