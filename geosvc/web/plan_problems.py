"""What is wrong with a plan, in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.plans.reasons import in_chinese

if TYPE_CHECKING:
    from geosvc.plans.plan import Problem


def problem_entry(problem: Problem, language: str) -> dict[str, Any]:
    """Return a problem as templates tell it; a sentence without Chinese words stays English and says so."""
    said = in_chinese(problem.text) if language == "zh" else None
    return {"file": problem.file, "line": problem.line, "statement": problem.statement, "text": said or problem.text, "english": said is None}
