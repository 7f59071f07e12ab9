"""What is remembered of the registry holds until it changes, and large answers do not pile up."""

from __future__ import annotations

from people import BY

from geosvc.registry import facilities
from geosvc.registry.facilities import Facility
from geosvc.store.engine import Store
from geosvc.store.memory import _MOST_LARGE


def asked(store: Store, key: str, told: list[str]) -> str:
    def work() -> str:
        told.append(key)
        return f"{key}{len(told)}"

    with store.reading() as session:
        return store.recall_large(session, key, work)


def test_a_large_answer_is_found_once_until_something_changes(store: Store):
    told: list[str] = []
    assert [asked(store, "a", told), asked(store, "a", told), asked(store, "b", told)] == ["a1", "a1", "b2"]
    assert asked(store.limited_to(["990001"]), "a", told) == "a3", "an account of some areas has an answer of its own"
    with store.writing() as session:
        facilities.save(session, Facility(name="某所", class_code="D200"), facility_id=None, **BY)
    assert asked(store, "a", told) == "a4"


def test_only_the_last_few_large_answers_are_kept(store: Store):
    told: list[str] = []
    for number in range(_MOST_LARGE):
        asked(store, f"{number}", told)
    asked(store, "0", told)  # asked for again, so the next to go is another
    asked(store, "more", told)
    assert len(told) == _MOST_LARGE + 1
    asked(store, "0", told)
    assert len(told) == _MOST_LARGE + 1
    asked(store, "1", told)
    assert told[-1] == "1"
