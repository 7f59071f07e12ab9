"""An edited field equals a fresh one, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from travel.editing import Editor
from travel.worlds import WALK, World, assert_equal_fields, crossable, random_world, seeds

from geosvc.errors import GroundError, InvalidParameter, UnreachableSource
from geosvc.travel import solve

EDITS = st.lists(st.sampled_from(["open", "close", "move", "rearrange", "change_pace"]), min_size=1, max_size=8)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(seeds, EDITS, st.booleans())
def test_an_edited_field_equals_a_fresh_one(seed, edits, slope):
    """Whatever is opened, closed, moved or rebuilt, in any order: as if solved afresh."""
    world = random_world(seed, slope=slope)
    editor = Editor(world, world.solve(), np.random.default_rng(seed))
    for edit in edits:
        getattr(editor, edit)()
        assert_equal_fields(editor.field, editor.world.solve())


def test_opening_and_closing_again_changes_nothing():
    """A pin that is dragged in and taken out again leaves no trace."""
    world = random_world(5)
    field, before = world.solve(), world.solve()
    field.close(field.open(*crossable(world.pace)[0]))
    assert_equal_fields(field, before)
    assert field.sources == [*before.sources, None]


def test_a_road_closed_and_reopened_changes_nothing():
    """A flood that recedes leaves no trace."""
    pace = np.full((40, 60), 1.5)
    pace[20] = 0.06
    field, before = solve(pace, [(20, 3), (2, 50)]), solve(pace, [(20, 3), (2, 50)])
    field.change_pace([20] * 3, [30, 31, 32], np.inf)
    assert (field.seconds >= before.seconds).all()
    assert (field.seconds > before.seconds).any()
    field.change_pace([20] * 3, [30, 31, 32], 0.06)
    assert_equal_fields(field, before)


def test_the_hidden_facility_takes_over():
    """Of two facilities in one cell the second is seen once the first is closed."""
    field = solve(np.ones((20, 20)), [(3, 3), (3, 3), (15, 15)])
    field.close(0)
    assert field.nearest[3, 3] == 1
    assert_equal_fields(field, solve(np.ones((20, 20)), [None, (3, 3), (15, 15)]))


def test_closing_the_last_facility_leaves_nobody_served():
    """Without any facility nothing is reached; a new one serves everyone again."""
    field = solve(np.ones((20, 40)), [(3, 3)])
    field.close(0)
    assert (field.nearest == -1).all()
    assert field.open(7, 7) == 1
    assert_equal_fields(field, solve(np.ones((20, 40)), [None, (7, 7)]))


def test_edits_keep_to_the_limit():
    """A field that looked no further than ten minutes does not do so after an edit either."""
    pace = np.full((60, 60), WALK)
    field = solve(pace, [(10, 10)], limit_seconds=600.0)
    field.move(0, 40, 40)
    assert_equal_fields(field, solve(pace, [(40, 40)], limit_seconds=600.0))


def test_a_copy_is_a_scenario_of_its_own():
    """Editing a copy leaves the baseline as it was, and the other way round."""
    pace = np.full((40, 40), WALK)
    baseline = solve(pace, [(5, 5)])
    scenario = baseline.copy()
    scenario.open(30, 30)
    scenario.change_pace([20], [20], [np.inf])
    assert_equal_fields(baseline, solve(pace, [(5, 5)]))
    baseline.close(0)
    pace[20, 20] = np.inf
    assert_equal_fields(scenario, solve(pace, [(5, 5), (30, 30)]))


def test_an_edit_settles_only_what_it_changes():
    """Opening one more facility among many visits its surroundings, not the country."""
    pace = np.full((600, 600), WALK)
    sources = [(row, column) for row in range(20, 600, 80) for column in range(20, 600, 80)]
    field = solve(pace, sources)
    everything = field.tiles_settled
    field.open(300, 300)
    assert field.tiles_settled < everything / 20


@pytest.mark.parametrize(
    ("edit", "error", "words"),
    [
        (lambda f: f.open(9, 0), InvalidParameter, "outside the grid"),
        (lambda f: f.open(1, 1), UnreachableSource, "cannot be crossed"),
        (lambda f: f.open(0, 0, -5.0), InvalidParameter, "delay_seconds"),
        (lambda f: f.close(2), InvalidParameter, "no source 2"),
        (lambda f: f.close(-1), InvalidParameter, "no source -1"),
        (lambda f: f.close(1), InvalidParameter, "closed already"),
        (lambda f: f.move(1, 0, 0), InvalidParameter, "closed already"),
        (lambda f: f.move(0, 1, 1), UnreachableSource, "cannot be crossed"),
        (lambda f: f.change_pace([0], [0], [np.inf]), UnreachableSource, "source 0"),
        (lambda f: f.change_pace([2], [2], [np.nan]), GroundError, "row 2, column 2"),
        (lambda f: f.change_pace([2], [2], [0.0]), GroundError, "more than 0"),
        (lambda f: f.change_pace([2], [2], ["a"]), GroundError, "numbers"),
        (lambda f: f.change_pace([3], [0], [1.0]), InvalidParameter, "outside the grid"),
        (lambda f: f.change_pace([0, 1], [0, 1, 2], 1.0), InvalidParameter, "one length"),
        (lambda f: f.change_pace([0.5], [0], [1.0]), InvalidParameter, "whole numbers"),
        (lambda f: f.change_pace([1], [1], [1.0]), GroundError, "no elevation"),
    ],
)
def test_an_edit_that_is_refused_changes_nothing(edit, error, words):
    """A refused edit says why and leaves the field as it was."""
    pace, elevation = np.ones((3, 3)), np.zeros((3, 3))
    pace[1, 1], elevation[1, 1] = np.inf, np.nan
    world = World(pace, [(0, 0), None], {"elevation": elevation})
    field = world.solve()
    with pytest.raises(error, match=words):
        edit(field)
    assert_equal_fields(field, world.solve())
    assert field.sources == [(0, 0, 0.0), None]


def test_a_change_of_no_cells_is_no_change():
    """An empty list of cells is accepted."""
    field = solve(np.ones((3, 3)), [(0, 0)])
    field.change_pace([], [], [])
    assert_equal_fields(field, solve(np.ones((3, 3)), [(0, 0)]))
