"""The loops over road graphs: grouping arcs, settling nodes, stepping on and off.

Labels are those of the raster (:mod:`geosvc.travel.labels`), so a time and its facility
pass from cell to road and back without loss.
"""

# numba infers the types of kernels; what arrays hold is said in their docstrings
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import numba as nb
import numpy as np

from geosvc.travel.labels import BLOCKED, SOURCE_BITS, UNREACHED
from geosvc.travel.moves import AREA, BACK, FORWARD, HALO, SIDE, TILE, packed_cost
from geosvc.travel.tiles import _price, _workbench, wait

BUCKETS = 1 << 15  # at most; their heads stay in the cache
_NOBODY = np.int32(-1)
_STEPS = np.array(FORWARD, np.int64)
_BACK = np.int64(BACK)
_ONE = np.uintp(1)  # unsigned, for indices that need no check for negative ones


@nb.njit(cache=True)
def group_arcs(tails, heads, microseconds, n_nodes):
    """Return arcs grouped by their tail: first arc of each node, heads, packed costs."""
    first = np.zeros(n_nodes + 1, np.int64)
    for tail in tails:
        first[tail + 1] += 1
    for node in range(n_nodes):
        first[node + 1] += first[node]
    free = first[:-1].copy()
    to = np.empty(tails.size, np.int32)
    cost = np.empty(tails.size, np.int64)
    for arc in range(tails.size):
        at = free[tails[arc]]
        free[tails[arc]] += 1
        to[at] = heads[arc]
        cost[at] = microseconds[arc] << SOURCE_BITS
    return first, to, cost


@nb.njit(cache=True)
def _longer(entries):
    grown = np.empty(2 * entries.size, np.int32)
    grown[: entries.size] = entries
    return grown


@nb.njit(cache=True, nogil=True)
def settle_nodes(label, first, to, cost, seeds, limit, shift):
    """Spread the labels of the seeds along the arcs; return how many nodes were expanded.

    Nodes wait in buckets of ``1 << shift``; those too far ahead wait in one bucket more, from
    which the others are filled again when they are empty. A node improved while it waits
    waits twice; ``bucket`` says which of the entries counts. Label-correcting: the order
    within a bucket costs time, never truth.
    """
    buckets = min(BUCKETS, max(64, label.size))
    heads = np.full(buckets + 1, -1, np.int32)  # last: too far ahead
    bucket = np.full(label.size, _NOBODY, np.int32)
    node_of = np.empty(max(2 * seeds.size, 1024), np.int32)
    follower = np.empty(node_of.size, np.int32)
    free, used = _NOBODY, 0
    waiting = seeds
    expanded = 0
    while waiting.size > 0:
        base = np.int64(UNREACHED)
        for node in waiting:
            base = min(base, label[node])
        for node in waiting:
            if bucket[node] != _NOBODY:
                continue  # named twice
            place = np.int32(min((label[node] - base) >> shift, buckets))
            bucket[node] = place
            if used == node_of.size:
                node_of, follower = _longer(node_of), _longer(follower)
            node_of[used], follower[used], heads[place] = node, heads[place], used
            used += 1
        for here in range(buckets):
            while heads[here] >= 0:
                entry = heads[here]
                node = np.uintp(node_of[entry])
                heads[here], follower[entry], free = follower[entry], free, entry
                if bucket[node] != here:
                    continue
                bucket[node] = _NOBODY
                expanded += 1
                start = label[node]
                for arc in range(np.uintp(first[node]), np.uintp(first[node + _ONE])):
                    came = start + cost[arc]
                    other = np.uintp(to[arc])
                    if came >= label[other] or came > limit:
                        continue
                    label[other] = came
                    place = np.int32(min((came - base) >> shift, buckets))
                    if bucket[other] == place:
                        continue
                    bucket[other] = place
                    if free >= 0:
                        entry, free = free, follower[free]
                    else:
                        if used == node_of.size:
                            node_of, follower = _longer(node_of), _longer(follower)
                        entry = np.int32(used)
                        used += 1
                    node_of[entry], follower[entry], heads[place] = other, heads[place], entry
        waiting = _far_ahead(heads[buckets], node_of, follower, bucket, buckets)
        heads[buckets] = -1
        free, used = _NOBODY, 0  # nobody else waits: all entries are free again
    return expanded


@nb.njit(cache=True)
def _far_ahead(entry, node_of, follower, bucket, last):
    """Return the nodes of the last bucket that still wait there, each once."""
    count = 0
    found = np.empty(16, np.int32)
    while entry >= 0:
        node = node_of[entry]
        if bucket[node] == last:
            bucket[node] = _NOBODY
            if count == found.size:
                found = _longer(found)
            found[count] = node
            count += 1
        entry = follower[entry]
    return found[:count]


@nb.njit(cache=True)
def restless(label, first, to, cost, limit):
    """Return the nodes that can improve a neighbour."""
    count = 0
    found = np.empty(label.size, np.int32)
    for node in range(label.size):
        start = label[node]
        if start == UNREACHED:
            continue
        for arc in range(first[node], first[node + 1]):
            came = start + cost[arc]
            if came < label[to[arc]] and came <= limit:
                found[count] = node
                count += 1
                break
    return found[:count].copy()


@nb.njit(cache=True)
def price_transfers(pace, cells, metres):
    """Return the packed cost of every transfer: never 0, blocked on uncrossable ground."""
    columns = pace.shape[1]
    cost = np.empty(cells.size, np.int64)
    for i in range(cells.size):
        here = pace[cells[i] // columns, cells[i] % columns]
        cost[i] = packed_cost(metres[i] * here) if here < np.inf else BLOCKED
    return cost


@nb.njit(cache=True)
def at_cells(label, cells):
    """Return the labels of some cells."""
    out = np.empty(cells.size, np.int64)
    for i in range(cells.size):
        out[i] = label[cells[i] // label.shape[1], cells[i] % label.shape[1]]
    return out


@nb.njit(cache=True)
def step_on(on_foot, node_label, nodes, cost, last_access, limit):
    """Carry labels from cells to nodes; return the nodes that improved, some of them twice.

    ``on_foot`` holds the label of each transfer's cell.
    """
    count = 0
    improved = np.empty(nodes.size, np.int32)
    for i in range(nodes.size):
        came = on_foot[i] + cost[i]  # "not reached" plus any cost is no improvement
        if on_foot[i] <= last_access and came < node_label[nodes[i]] and came <= limit:
            node_label[nodes[i]] = came
            improved[count] = nodes[i]
            count += 1
    return improved[:count]


@nb.njit(cache=True)
def step_off(node_label, label, nodes, cells, cost, limit, queue):
    """Carry labels from nodes to cells and let their tiles wait; return how many improved."""
    count = 0
    for i in range(nodes.size):
        came = node_label[nodes[i]] + cost[i]
        row, column = cells[i] // label.shape[1], cells[i] % label.shape[1]
        if came < label[row, column] and came <= limit:
            label[row, column] = came
            tile = row // TILE * queue.shape[1] + column // TILE
            wait(queue, tile, came, np.int64(1) << row % TILE)
            count += 1
    return count


@nb.njit(cache=True)
def _cell_before(label, bench, rules, back, row, column, at):
    """Return which move brought a cell its label: 2 * direction, plus 1 if backwards; -1 = none."""
    for d in range(8 if rules.sixteen else 4):
        for way in range(2):
            sign = 2 * way - 1
            r, c = row + sign * _STEPS[d, 0], column + sign * _STEPS[d, 1]
            if r < 0 or c < 0 or r >= label.shape[0] or c >= label.shape[1] or label[r, c] == UNREACHED:
                continue
            step = _STEPS[d, 0] * SIDE + _STEPS[d, 1]
            price = bench.cost[d * AREA + at - step] if way == 0 else bench.cost[back + d * AREA + at]
            if label[r, c] + price == label[row, column]:
                return 2 * d + way
    return -1


@nb.njit(cache=True)
def walk_back(label, ground, rules, row, column):
    """Follow exact equalities from a cell to where its walk began; return the cells, (n, 2)."""
    bench = _workbench(np.int64(0))
    back = _BACK if rules.sloped else np.int64(0)
    cells = np.empty((64, 2), np.int64)
    count, laid_out = 0, np.int64(-1)
    top, left = np.int64(0), np.int64(0)
    while True:
        if count == len(cells):
            grown = np.empty((2 * count, 2), np.int64)
            grown[:count] = cells
            cells = grown
        cells[count, 0], cells[count, 1] = row, column
        count += 1
        tile = row // TILE * (label.shape[1] // TILE + 1) + column // TILE
        if tile != laid_out:
            top, left, laid_out = row // TILE * TILE - HALO, column // TILE * TILE - HALO, tile
            _price(ground, rules, top, left, bench)
        move = _cell_before(label, bench, rules, back, row, column, (row - top) * SIDE + column - left)
        if move < 0:
            return cells[:count]
        sign = 2 * (move % 2) - 1
        row += sign * _STEPS[move // 2, 0]
        column += sign * _STEPS[move // 2, 1]
