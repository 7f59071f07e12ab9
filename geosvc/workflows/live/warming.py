"""Asking ahead: the first what-if question reads the whole workspace, so it is asked before a planner does."""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING

from geosvc.coverage.changes import NO_CHANGES
from geosvc.errors import GeosvcError
from geosvc.workflows.workspace import default_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from geosvc.store.engine import Store
    from geosvc.workflows.live.answering import Live
    from geosvc.workflows.live.states import Prepared

# What the map page asks for while a pin moves.
_PARTS = ("figures", "curve", "picture")
_MOST_WAITING = 8
_log = logging.getLogger(__name__)


class Warming:
    """Asks, in a thread of its own, what a service answers as things are, so that the next question finds it made.

    One question at a time, each on one of the lanes that all questions share, and kept within the memory that all share
    (``GEOSVC_WHAT_IF_MB``). What cannot be answered is left to whoever asks: only they can be told.
    """

    def __init__(self, live: Live, store: Callable[[], Store], *, enabled: bool) -> None:
        """Nothing is read before something is wanted; nothing ever where it is not ``enabled``."""
        self._live, self._store, self._enabled = live, store, enabled
        self._wanted: deque[str | None] = deque(maxlen=_MOST_WAITING)
        self._warm: dict[str, weakref.ref[Prepared]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def soon(self, service_id: str | None = None) -> None:
        """Have a service asked about soon, the default one unless named; return at once."""
        if not self._enabled:
            return
        with self._lock:
            if service_id not in self._wanted:
                self._wanted.append(service_id)
            if self._thread is None:
                # It is no loss if the server ends meanwhile: nothing is written.
                self._thread = threading.Thread(target=self._work, name="warm-up", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Begin nothing more."""
        with self._lock:
            self._enabled = False
            self._wanted.clear()

    def _next(self) -> tuple[bool, str | None]:
        with self._lock:
            if self._wanted:
                return True, self._wanted.popleft()
            self._thread = None
            return False, None

    def _work(self) -> None:
        going, service_id = self._next()
        while going:
            try:
                self._ask(service_id)
            except GeosvcError as error:
                _log.info("not asked ahead: %s", error)
            except Exception:  # noqa: BLE001  # a thread of its own: nobody else would hear of it
                if self._enabled:  # else the workspace was closed under it
                    _log.exception("asking ahead failed")
            going, service_id = self._next()

    def _ask(self, service_id: str | None) -> None:
        store = self._store().everywhere()
        if service_id is None:
            with store.reading() as session:
                service_id = default_service(session)
        known = self._warm.get(service_id)
        if known is not None and known() is self._live.state(store).prepared:
            return
        self._live.what_if(store, service_id, NO_CHANGES, _PARTS)
        self._warm[service_id] = weakref.ref(self._live.state(store).prepared)
