"""GOV: when monitoring and evaluations are due in the period of a plan."""

from __future__ import annotations

import pytest
from plans.made_plans import plan_of

from geosvc.plans.documents import read_plan
from geosvc.plans.reviews import Review, reviews_of
from geosvc.workflows.plan_answers import review_entry
from geosvc.workflows.plan_documents import shipped_plans


def due(fields: str) -> list[tuple[str, tuple[int, ...]]]:
    plan = plan_of(f"  - {{id: a, quote: q, kind: GOV, recorded: 评估, {fields}}}\n")
    return [(each.what, each.years) for each in reviews_of(plan.statements[0], plan)]


def test_years_of_a_five_year_plan() -> None:
    """2021-2025: every year, at the middle 2023, at the end 2025; a cycle of five years ends with it, one of two years in 2022 and 2024."""
    assert due("every_years: 1, reviews: [mid, end]") == [("annual", (2021, 2022, 2023, 2024, 2025)), ("mid", (2023,)), ("end", (2025,))]
    assert due("every_years: 5") == [("cycle", (2025,))]
    assert due("every_years: 2") == [("cycle", (2022, 2024))]
    assert due("level: 县") == []


def test_which_are_over_on_a_day() -> None:
    """What is due in a year may be done until its last day."""
    review = Review(what="annual", years=(2021, 2022, 2023))
    assert review_entry(review, "2022-12-31")["over"] == [2021]
    assert review_entry(review, "2023-01-01")["over"] == [2021, 2022]


@pytest.mark.parametrize(("fields", "said"), [("reviews: [halfway]", "mid, end; got 'halfway'"), ("every_years: 0.5", "whole number of years"), ("every_years: -1", "whole number")])
def test_what_is_no_review_is_refused(fields: str, said: str) -> None:
    plan = read_plan(f"plan: {{id: made, title: 示例, period: 2021-2025}}\nstatements:\n  - {{id: a, quote: q, kind: GOV, recorded: 评估, {fields}}}\n")
    assert said in plan.problems[0].text
    assert plan.statements == ()


def test_published_evaluations() -> None:
    """Four of the five plans say when they are evaluated; 长白山 names no monitoring of every year."""
    told = {each.id: [review.what for statement in each.statements if statement.kind == "GOV" for review in reviews_of(statement, each)]
            for each in shipped_plans().values()}
    assert told == {"baotou-rare-earth-2025": [], "changbaishan-2025": ["mid", "end"], **{name: ["annual", "mid", "end"] for name in ("jingyu-2025", "national-2025", "xinxiang-2025")}}
