"""Settled fields that are kept, and edited into what is asked next."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from geosvc.coverage.changes import MOST_CHANGES, PLANNED_FROM
from geosvc.errors import Unsolvable

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from geosvc.travel import Field, HybridField
    from geosvc.workflows.surfaces import Start

    Solve = Callable[[list[Start | None]], Field | HybridField]

MB = 1024 * 1024
# Between the registered facilities and the planned ones: room for those that are registered meanwhile.
_ROOM = MOST_CHANGES


@dataclass(eq=False)
class Kept:
    """A settled field, and which facility (id) stands at which of its sources.

    A tie goes to the smaller source, and is to go to the smaller id: the sources that are open are in the order
    of the ids of their facilities. There are more sources than facilities, closed ones in between, so that any
    facility can be opened without moving others.
    """

    key: Hashable
    field: Field | HybridField
    slots: dict[int, int]
    starts: dict[int, Start]
    planned_from: int
    size: int
    busy: bool = True
    used: int = 0

    @classmethod
    def fresh(cls, key: Hashable, registered: Sequence[int], wanted: Mapping[int, Start], solve: Solve) -> Kept:
        """Settle a field for some facilities; all those that are ``registered`` (ids, ascending) get a source."""
        planned_from = len(registered) + _ROOM
        size = planned_from + 2 * MOST_CHANGES
        slots = {one: slot for slot, one in enumerate(registered)}
        slots |= {one: planned_from + i for i, one in enumerate(sorted(set(wanted) - set(slots)))}
        starts: list[Start | None] = [None] * size
        for one, start in wanted.items():
            starts[slots[one]] = start
        own = {one: slots[one] for one in wanted}
        return cls(key=key, field=solve(starts), slots=own, starts=dict(wanted), planned_from=planned_from, size=size)

    def differences(self, wanted: Mapping[int, Start]) -> int:
        """Return how many sources would have to be edited."""
        return len(self.starts.items() ^ wanted.items())

    def become(self, wanted: Mapping[int, Start], registered: Sequence[int]) -> bool:
        """Edit the field in place into that of other facilities; False where a new one has to be settled."""
        slots = self._slots_for(wanted, registered)
        if slots is None:
            return False
        edits: dict[int, Start | None] = {self.slots[one]: None for one in self.starts if one not in wanted or slots[one] != self.slots[one]}
        edits |= {slots[one]: start for one, start in wanted.items()
                  if self.starts.get(one) != start or slots[one] != self.slots[one]}
        if edits:
            self.field.rearrange(edits)
        self.slots, self.starts = slots, dict(wanted)
        return True

    def _slots_for(self, wanted: Mapping[int, Start], registered: Sequence[int]) -> dict[int, int] | None:
        """Return a source for each facility, in the order of their ids, the present ones where they are; None without room."""
        first = {one: slot for slot, one in enumerate(registered)}
        found: dict[int, int] = {}
        last = -1
        for one in sorted(wanted):
            slot = self.slots.get(one)
            if slot is None:
                slot = max(last + 1, self.planned_from if one >= PLANNED_FROM else min(first[one], self.planned_from - 1))
            if not last < slot < self.size:
                return None
            found[one] = last = slot
        return found

    def facility_at(self, slot: int) -> int | None:
        """Return the facility (id) at a source; None for none."""
        return next((one for one, own in self.slots.items() if own == slot), None)

    def nearest_among(self, placed: Sequence[int]) -> NDArray[np.int32]:
        """Return for each cell the place of its nearest facility in a list of ids; -1 = none."""
        import numpy as np  # noqa: PLC0415

        place_of = np.full(self.size + 1, -1, dtype=np.int32)  # index -1 (none) reads the last
        for place, one in enumerate(placed):
            place_of[self.slots[one]] = place
        found: NDArray[np.int32] = place_of[self.field.nearest]
        return found


@dataclass
class Fields:
    """The fields of one server, at most so many bytes of them, each used by one thread at a time.

    Those that were not asked for longest go first.
    """

    most_bytes: int
    _kept: list[Kept] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _clock: int = 0
    _reserved: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of all fields that are kept."""
        with self._lock:
            return self._bytes()

    def _bytes(self) -> int:
        return sum(each.field.nbytes for each in self._kept) + self._reserved

    @contextmanager
    def settled(
        self, key: Hashable, registered: Sequence[int], wanted: Mapping[int, Start], solve: Solve, *, nbytes: int
    ) -> Iterator[Kept]:
        """Give the field of some facilities for as long as the block lasts.

        Parameters
        ----------
        key : hashable
            What the field is of beside its sources: ground, way of travel.
        registered : sequence of int
            Ids of the facilities that may be among the wanted ones without being planned, ascending.
        wanted : mapping
            (row, col, delay_seconds) by the id of the facility.
        solve : callable
            Settles a field for sources, None for one that is closed.
        nbytes : int
            What a new field will take, about.

        Raises
        ------
        Unsolvable
            If one field is more than all may take.
        """
        kept = self._take(key, wanted)
        try:
            if kept is None or not kept.become(wanted, registered):
                self._forget(kept)
                kept = self._fresh(key, registered, wanted, solve, nbytes)
            yield kept
        except BaseException:
            self._forget(kept)  # nobody knows how far an edit came
            raise
        with self._lock:
            kept.busy = False

    def _take(self, key: Hashable, wanted: Mapping[int, Start]) -> Kept | None:
        """Return the free field that differs least, for nobody else meanwhile; None without one."""
        with self._lock:
            self._clock += 1
            free = [each for each in self._kept if each.key == key and not each.busy]
            best = min(free, key=lambda each: each.differences(wanted), default=None)
            if best is not None:
                best.busy, best.used = True, self._clock
            return best

    def _fresh(
        self, key: Hashable, registered: Sequence[int], wanted: Mapping[int, Start], solve: Solve, nbytes: int
    ) -> Kept:
        if nbytes > self.most_bytes:
            raise Unsolvable(
                f"a what-if of this study keeps about {nbytes / MB:.0f} MB at a time, more than the {self.most_bytes / MB:.0f} MB allowed; "
                "raise GEOSVC_WHAT_IF_MB, or measure the scenario"
            )
        with self._lock:
            self._make_room(nbytes)
            self._reserved += nbytes
        try:
            kept = Kept.fresh(key, registered, wanted, solve)
        finally:
            with self._lock:
                self._reserved -= nbytes
        with self._lock:
            kept.used = self._clock
            self._kept.append(kept)
        return kept

    def _make_room(self, nbytes: int) -> None:
        while self._bytes() + nbytes > self.most_bytes:
            idle = [each for each in self._kept if not each.busy]
            if not idle:
                return  # what is in use is bounded by how many may work at once
            self._kept.remove(min(idle, key=lambda each: each.used))

    def _forget(self, kept: Kept | None) -> None:
        with self._lock:
            self._kept = [each for each in self._kept if each is not kept]

    def keep_only(self, wanted: Callable[[Hashable], bool]) -> None:
        """Forget the fields of other keys; one that is in use goes when it is given back to nobody."""
        with self._lock:
            self._kept = [each for each in self._kept if wanted(each.key)]
