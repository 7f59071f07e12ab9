"""What a sheet of paper says, before anybody draws it: the PDF and the Word writers read only this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geosvc import __version__
from geosvc.language import words
from geosvc.maps import numbers
from geosvc.maps.document import map_document
from geosvc.maps.paper.drawing import drawing_of
from geosvc.maps.paper.palette import GROUPS, NO_DATA, UNREACHABLE, bands_of
from geosvc.registry.moments import day_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.coverage.services import Service
    from geosvc.maps.document import MapContent
    from geosvc.maps.paper.drawing import MapDrawing

MOST_NUMBERS, MOST_PLACES = 3, 5


@dataclass(frozen=True)
class Figure:
    """One of the numbers that lead a sheet: what it is, the number, and what stands beside it."""

    label: str
    text: str
    beside: str = ""


@dataclass(frozen=True)
class Worst:
    """The worst places: a title, the words over the columns, a row for each; ``none`` says why there is none."""

    title: str
    headers: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    none: str = ""


@dataclass(frozen=True)
class LegendRow:
    """A row of the legend; ``kind`` is heading, band, hatch, dot, ring, rim, road or outline."""

    kind: str
    text: str
    colour: str = ""
    count: str = ""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A map to hand over.

    ``facts`` are pairs of (label, text); ``flags`` what a reader of the numbers must know, under
    ``flag_title``; ``marks`` stand framed beside the title; ``told`` is the sentence for who reads one sentence only.
    """

    language: str
    title: str
    subtitle: str
    day: str
    told: str
    marks: tuple[str, ...]
    numbers: tuple[Figure, ...]
    verdict: str
    worst: Worst
    legend: tuple[LegendRow, ...]
    facts: tuple[tuple[str, str], ...]
    flag_title: str
    flags: tuple[str, ...]
    credits: str
    run: str
    made_at: str
    study: str
    map: MapDrawing


def sheet_of(content: MapContent, rows: Sequence[Mapping[str, Any]], *, language: str, makers: str = "", day: str | None = None) -> Sheet:
    """Return the sheet of a map.

    Parameters
    ----------
    content : MapContent
        With its picture inside.
    rows : sequence of mapping
        Coverage by area of the map's limit (the first where none speaks for everybody).
    language : {"zh", "en"}
    makers : str
        Who hands the map over.
    day : str, optional
        The day that was asked for, where a run of another day with the same inputs answers.
    """
    document = map_document(content, language=language, title_block=True)
    text, run = words(language), content.run
    return Sheet(
        language=language, title=document["title"], subtitle=_subtitle(document, run, language),
        day=text["paper_day"].format(day=day_of(day or run["datetime"])), told=_told(content, language), marks=_marks(content, language),
        numbers=tuple(leading_numbers(content, document, language)), verdict=document["verdict"],
        worst=worst_places(content, rows, language), legend=tuple(legend_of(document, language)),
        facts=_facts(document, makers, language), flag_title=document["flag_title"], flags=tuple(document["flags"]),
        credits=" · ".join(document["attribution"]), run=run["id"], made_at=run["created_at"], study=content.title,
        map=drawing_of(content, document),
    )


def _subtitle(document: Mapping[str, Any], run: Mapping[str, Any], language: str) -> str:
    """Return the limit, and the scenario where the run is not of what is registered."""
    tried = [note[language] for note in run["notes"] if note["code"] == "scenario"]
    return " · ".join([document["subtitle"], *tried])


def _marks(content: MapContent, language: str) -> tuple[str, ...]:
    """Return what stands framed beside the title: whether the map may be published, and whether its data is real."""
    text = words(language)
    review = next((area.review_number for area in content.areas if area.review_number), "")
    published = f"{text['review_number']}{text['colon']}{review}" if review else text["paper_internal"]
    return (*([text["paper_schematic"]] if content.schematic else []), published)


def _facts(document: Mapping[str, Any], makers: str, language: str) -> tuple[tuple[str, str], ...]:
    text = words(language)
    facts = [(each["label"], each["text"]) for each in document["facts"]]
    by = " · ".join(part for part in (makers.strip(), f"geosvc {__version__}") if part)
    return (*facts, (text["paper_makers"], by))


# -- the three numbers ----------------------------------------------------------------------


def leading_numbers(content: MapContent, document: Mapping[str, Any], language: str) -> list[Figure]:
    """Return at most three numbers.

    Of a limit for everybody the share, those beyond, and how far nine in ten are; where limits are for different
    people each limit with its people, side by side.
    """
    if document["side_by_side"]:
        return [Figure(each["label"], each["people"], each["share"]) for each in document["side_by_side"][:MOST_NUMBERS]]
    service, run, threshold = content.service, content.run, content.threshold or content.service.thresholds[0]
    text, found = words(language), run["summary"]["thresholds"][threshold.id]
    if found["people"] is None or run["summary"]["people_total"] is None:
        return _without_people(document, found, language)
    people = found["people"]
    limit = numbers.label_of(threshold, service, language)
    first = Figure(text["share_covered"], numbers.percent(found["share"]["of_all_people"], language),
                   text["paper_within"].format(people=f"{people['covered']:,.0f}", limit=limit))
    others = [f"{text['people_' + state]} {count:,.0f}" for state, count in numbers.states_not_covered(people, beyond=False)]
    beyond = Figure(text["people_beyond"], f"{people['beyond']:,.0f}", text["list_comma"].join(others) or _gap_text(found, language))
    return [first, beyond, _distance(found, service, language)]


def _gap_text(found: Mapping[str, Any], language: str) -> str:
    text = words(language)
    if found["gaps"] is None:
        return f"{text['gap_count']} {text['not_shown']}"
    inhabited = found.get("gaps_with_people")
    word = "paper_gaps" if inhabited is None or inhabited == found["gaps"] else "paper_gaps_inhabited"
    return text[word].format(count=found["gaps"], inhabited=inhabited)


def _distance(found: Mapping[str, Any], service: Service, language: str) -> Figure:
    text = words(language)
    if "p90" not in found:
        return Figure(text["p90"], text["not_shown"])
    beside = f"{text['p50']} {numbers.within(found['p50'], service, language)}" if "p50" in found else ""
    return Figure(text["p90"], numbers.within(found["p90"], service, language), beside)


def _without_people(document: Mapping[str, Any], found: Mapping[str, Any], language: str) -> list[Figure]:
    """Return what can be said where people are unknown: unknown is never 0."""
    text = words(language)
    rows = [Figure(each["label"], each["text"]) for each in document["kpis"][:1]]
    if found["gaps"] is not None:
        rows.append(Figure(text["gap_count"], f"{found['gaps']:,}"))
    if found["km2"] and sum(found["km2"].values()) > 0:
        rows.append(Figure(text["area_covered"], numbers.percent(found["km2"]["covered"] / sum(found["km2"].values()), language)))
    return rows


def _told(content: MapContent, language: str) -> str:
    """Return the finding in one sentence; "" where no limit speaks for everybody, or people are unknown."""
    threshold, run = content.threshold, content.run
    if threshold is None or numbers.stands_apart(run):
        return ""
    people, total = run["summary"]["thresholds"][threshold.id]["people"], run["summary"]["people_total"]
    if people is None or not total:
        return ""
    share = run["summary"]["thresholds"][threshold.id]["share"]["of_all_people"]
    text = words(language)
    not_covered = text["list_comma"].join(
        f"{_within_a_sentence(text['people_' + state])} {count:,.0f}" for state, count in numbers.states_not_covered(people))
    return text["paper_told"].format(
        total=f"{total:,.0f}", covered=f"{people['covered']:,.0f}", share=numbers.percent(share, language),
        limit=numbers.label_of(threshold, content.service, language), others=not_covered)


def _within_a_sentence(label: str) -> str:
    """Return a label as it stands in the middle of a sentence (of no consequence in Chinese)."""
    return label[:1].lower() + label[1:]


# -- the worst places -----------------------------------------------------------------------


def worst_places(content: MapContent, rows: Sequence[Mapping[str, Any]], language: str) -> Worst:
    """Return the five areas of one level with most people not covered; without a limit for everybody, the farthest ones.

    The level is the highest of which there are two areas with people. An area whose people are unknown is not
    ranked: unknown is not "none".
    """
    text = words(language)
    ranked = numbers.rows_to_rank(rows)
    if not ranked:
        return Worst(text["paper_worst"], none=text["paper_no_areas"])
    level = text[f"level_{ranked[0]['level']}"]
    if content.threshold is None:
        return _farthest(ranked, content.service, text["paper_farthest"].format(level=level), language)
    title = text["paper_most_beyond"].format(level=level, limit=numbers.label_of(content.threshold, content.service, language))
    found = [(numbers.not_reached(row), row) for row in ranked if numbers.not_reached(row) > 0]
    worst = sorted(found, key=lambda pair: (-pair[0], pair[1]["area_code"]))[:MOST_PLACES]
    unreachable = any(row["people"]["unreachable"] > 0 for _count, row in worst)
    headers = (text["area"], text["beyond"], *([text["unreachable"]] if unreachable else []), text["share_covered"], text["paper_p90"])
    return Worst(title, headers, tuple(_row(row, content.service, language, unreachable=unreachable) for _count, row in worst),
                 none="" if worst else text["paper_nobody_beyond"])


def _row(row: Mapping[str, Any], service: Service, language: str, *, unreachable: bool) -> tuple[str, ...]:
    return (
        row["name"], f"{row['people']['beyond']:,.0f}", *([f"{row['people']['unreachable']:,.0f}"] if unreachable else []),
        numbers.percent(row["share"]["of_all_people"], language), _far(row["p90"], service, language),
    )


def _far(value: float | None, service: Service, language: str) -> str:
    return words(language)["unreachable"] if value is None else numbers.amount(value, service.shown_unit, language)


def _farthest(ranked: list[Mapping[str, Any]], service: Service, title: str, language: str) -> Worst:
    text = words(language)
    worst = sorted(ranked, key=lambda row: (-(float("inf") if row["p90"] is None else row["p90"]), row["area_code"]))[:MOST_PLACES]
    return Worst(title, (text["area"], text["people_label"], text["paper_p50"], text["paper_p90"]), tuple(
        (row["name"], f"{row['people_total']:,.0f}", _far(row["p50"], service, language), _far(row["p90"], service, language))
        for row in worst))


# -- the legend -----------------------------------------------------------------------------


def legend_of(document: Mapping[str, Any], language: str) -> list[LegendRow]:
    """Return the legend with what each row counts: what no map shows (to be located, unreachable, no data) is counted too."""
    text, own = words(language), document["words"]
    people = document["people"]

    def count(state: str) -> str:
        return own["unknown"] if people is None else f"{people[state]:,.0f} {own['people']}"

    rows = [LegendRow("heading", f"{own['surface']}{own['open_bracket']}{own['unit']}{own['close_bracket']}")]
    rows += [LegendRow("band", band.label, band.colour) for band in bands_of(document)]
    rows.append(LegendRow("heading", own["states"]))
    if document["gap_count"] is not None:
        rows.append(LegendRow("hatch", document["gap_label"], count=f"{document['gap_count']:,}"))
    rows += [LegendRow("band", own[state], colour, count(state)) for state, colour in (("unreachable", UNREACHABLE), ("no_data", NO_DATA))]
    rows.append(LegendRow("heading", own["facilities"]))
    rows += _facility_rows(document)
    rows.append(LegendRow("ring", own["to_be_located"], count=f"{document['to_be_located']:,}"))
    rows.append(LegendRow("heading", text["paper_ground"]))
    if document["boundary"] is not None:
        rows.append(LegendRow("outline", text["paper_outline"]))
    if document["roads"] is not None:
        rows.append(LegendRow("road", own["map_layer_roads"]))
    if document["water"] is not None:
        rows.append(LegendRow("water", own["map_layer_water"]))
    return rows if rows[-1].kind != "heading" else rows[:-1]


def _facility_rows(document: Mapping[str, Any]) -> list[LegendRow]:
    own, data = document["words"], document["facilities"]
    groups: dict[tuple[str, bool], int] = {}
    for key in zip(data["group"], data["illustrative"], strict=True):
        groups[key] = groups.get(key, 0) + 1
    rows = [
        LegendRow("dot", own.get(f"group_{group}", group) + (own["illustrative_mark"] if illustrative else ""),
                  GROUPS.get(group, GROUPS["other"]), f"{groups[group, illustrative]:,}")
        for group, illustrative in sorted(groups)
    ]
    for what in ("planned", "moved"):
        changed = data["change"].count(what)
        if changed:
            rows.append(LegendRow("rim", own[f"change_{what}"], count=f"{changed:,}"))
    return rows
