"""Several people measure the same service at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from workflows.small_county import furnish

from geosvc.settings import Settings
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.reading import coverage_table
from geosvc.workflows.study import Study
from geosvc.workflows.workspace import open_workspace


def answer(settings: Settings) -> tuple[str, float]:
    """Measure as a program of one's own would: its own connection, its own study."""
    store = open_workspace(settings)
    try:
        run = measure_service(Study(store, settings), "hospital-drive")
        return run.id, coverage_table(store, "hospital-drive")["rows"][0]["people_total"]
    finally:
        store.close()


def test_four_at_once_get_one_answer(settings, tmp_path):
    """Nobody fails, all name the same run, and it is stored once with its files."""
    store = furnish(settings, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        answers = [each.result() for each in [pool.submit(answer, settings) for _ in range(4)]]
    assert len(set(answers)) == 1
    assert [each.name for each in store.runs.iterdir()] == [answers[0][0]]
    store.close()
