"""The thread that does the jobs of a server, one after the other.

Nothing is lost silently: a job is *running* only while somebody renews its lease. Where a process was
killed, the lease runs out and whoever looks next puts the job back, three times at most; then it has
failed and says so. Measuring stores a run as a whole or not at all, so that a second attempt finds
nothing half done, and two processes that measured the same have the same answer.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from geosvc.errors import GeosvcError, StoreError
from geosvc.registry.moments import now
from geosvc.store.jobs import (
    CANCELLED,
    DONE,
    FAILED,
    claim_job,
    give_back,
    has_lost,
    job_numbered,
    take_back_lost,
    waiting_in_order,
    write_job,
)
from geosvc.store.moments import text_of
from geosvc.workflows import job_kinds
from geosvc.workflows.jobs import LOST, STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from geosvc.settings import Settings
    from geosvc.store.engine import Store

MOST_ATTEMPTS = 3
_INTERRUPTED = {
    "title": "Interrupted",
    "detail": f"the server was gone in the middle of this {MOST_ATTEMPTS} times, so it is not begun again; it may need more memory than there is. "
              "Nothing of it was stored but whole runs; ask for it once more, or run geosvc measure and see where it ends",
}
_STOP_SECONDS = 10.0
_AGAIN_SECONDS = 1.0
_SHORTEST_SECONDS = 0.05
_log = logging.getLogger(__name__)


class _Cancelled(Exception):
    """Nobody wants the job any more."""


class _Stopped(Exception):
    """The server is being stopped."""


class _Lost(Exception):
    """Another process took the job over."""


class Runner:
    """One thread of a server that does jobs; make it with the application, start it with the server.

    Parameters
    ----------
    give_store : callable
        Opens the workspace when it is needed.
    settings : Settings
    every_seconds : float
        How often to look for the jobs of other processes, and for those whose process is gone.
    lease_seconds : float
        After how long without a sign of life a process counts as gone; renewed four times as often.
    write_every_seconds : float
        Progress is written no more often.
    """

    def __init__(
        self, give_store: Callable[[], Store], settings: Settings, *, every_seconds: float = 2.0, lease_seconds: float = 45.0,
        write_every_seconds: float = 0.4,
    ) -> None:
        """Keep where the jobs are; nothing is started."""
        self._give_store, self._settings = give_store, settings
        self._every, self.lease_seconds, self._write_every = every_seconds, lease_seconds, write_every_seconds
        self._wake, self._stop, self._lock = threading.Event(), threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._at: _Work | None = None
        # The number of a process comes again; this does not.
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"

    def wake(self) -> None:
        """Look at once; the first time this starts the thread."""
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._thread.start()
        self._wake.set()

    def stop(self) -> None:
        """Stop at the next step of the job that is under way; it waits then for the next start."""
        self._stop.set()
        self._wake.set()
        if self._thread is None:
            return
        self._thread.join(timeout=_STOP_SECONDS)
        work = self._at
        if self._thread.is_alive() and work is not None:  # in the middle of a long step, which is lost
            work.give_back()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                worked = self._round()
            except GeosvcError as error:  # no workspace (any more), or somebody writes for long: the pages say so
                _log.debug("no jobs can be done now: %s", error)
                worked = False
            except Exception:  # noqa: BLE001  the thread must outlive whatever happens once
                _log.exception("looking for jobs failed; it is tried again")
                worked = False
            if not worked:
                self._wake.wait(self._every)

    def _round(self) -> bool:
        """Do the next job; return whether there was one. Nothing is written where there is nothing to do."""
        store = self._give_store()
        with store.reading() as session:
            lost, waiting = has_lost(session, now()), bool(waiting_in_order(session))
        if lost:
            with store.writing() as session:
                take_back_lost(session, at=now(), attempts=MOST_ATTEMPTS, note=LOST, error=_INTERRUPTED)
            waiting = True
        if not waiting:
            return False
        with store.writing() as session:
            number = claim_job(session, self._owner, at=now(), lease_until=_later(self.lease_seconds))
        if number is None:
            return False
        self._at = _Work(store, self._settings, number, self._owner, self._stop, lease_seconds=self.lease_seconds, write_every=self._write_every)
        try:
            self._at.do()
        finally:
            self._at = None
        return True


class _Work:
    """One job that this process is at."""

    def __init__(
        self, store: Store, settings: Settings, number: int, owner: str, stop: threading.Event, *, lease_seconds: float, write_every: float
    ) -> None:
        self._store, self._settings, self._number, self._owner, self._stop = store, settings, number, owner, stop
        self._lease, self._write_every = lease_seconds, write_every
        # What is to be told of the progress, and when it was last told.
        self._news: dict[str, Any] = {}
        self._written = 0.0
        self._lock = threading.Lock()

    def do(self) -> None:
        """Do the job and write down what became of it."""
        outcome: dict[str, Any] = {}
        with self._sign_of_life():
            ended = self._ended(outcome)
            if ended is None:
                self.give_back()
            elif ended:
                self._keep({"finished_at": now(), "owner": None, "lease_until": None, **ended})

    def _ended(self, outcome: dict[str, Any]) -> dict[str, Any] | None:
        """Return what to write at the end: None to let it wait again, nothing where it is another's by now."""
        try:
            with self._store.reading() as session:
                row = job_numbered(session, self._number)
                if row is None:
                    return {}
            job_kinds.do(self._store, self._settings, job_kinds.wanted_from(row.kind, row.parameters), row.author, self._tell, outcome)
        except _Stopped:
            return None
        except _Lost:
            _log.warning("job %s was taken over by another process", self._number)
            return {}
        except _Cancelled:
            return {"state": CANCELLED, "result": outcome if outcome.get("measured") else None}
        except Exception as error:  # noqa: BLE001  whatever it is, somebody waits for an answer
            return {"state": FAILED, "error": self._told_of(error), "result": outcome if outcome.get("measured") else None}
        return {"state": DONE, "progress": 1.0, "step": "", "result": outcome}

    def _told_of(self, error: Exception) -> dict[str, str]:
        """Return what is told of an error: of ours its sentence, of any other a number, under which the log knows more."""
        if isinstance(error, GeosvcError):
            return {"title": type(error).__name__, "detail": str(error)}
        fault = uuid.uuid4().hex[:12]
        _log.error("job %s failed: %s", self._number, fault, exc_info=error)
        return {"title": "Internal error", "detail": f"this is our fault; the server's log knows more under {fault}", "instance": f"urn:geosvc:{fault}"}

    def _tell(self, share: float, step: str) -> None:
        """Write down how far it is, and end where it is not wanted any more."""
        if self._stop.is_set() and share < 1:
            raise _Stopped
        with self._store.reading() as session:
            row = job_numbered(session, self._number)
        if row is None or row.owner != self._owner:
            raise _Lost
        if row.cancelling and share < 1:  # what is whole is kept
            raise _Cancelled
        with self._lock:
            self._news = {"progress": min(max(share, 0.0), 1.0), "step": step[:200]}
        if time.monotonic() - self._written >= self._write_every:
            self._write_news()

    def _write_news(self) -> None:
        with self._lock:
            values, self._news = self._news, {}
            self._written = time.monotonic()
        self._try({**values, "lease_until": _later(self._lease)})

    @contextmanager
    def _sign_of_life(self) -> Iterator[None]:
        """Renew the lease while the work goes on, and write what was too soon to be written: one step may take minutes."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(max(self._write_every, _SHORTEST_SECONDS)):
                if self._news or time.monotonic() - self._written >= self._lease / 4:
                    self._write_news()

        beat = threading.Thread(target=look, name="jobs-lease", daemon=True)
        beat.start()
        try:
            yield
        finally:
            over.set()
            beat.join()

    def _try(self, values: dict[str, Any]) -> None:
        """Write what may be left out where somebody else is writing, or the disk is full."""
        try:
            with self._store.writing() as session:
                write_job(session, self._number, self._owner, values)
        except StoreError as error:
            _log.debug("the progress of job %s is not written: %s", self._number, error)

    def _keep(self, values: dict[str, Any]) -> None:
        """Write what must not be lost, however long somebody else writes or the disk is full."""
        while True:
            try:
                with self._store.writing() as session:
                    write_job(session, self._number, self._owner, values)
            except StoreError as error:
                _log.warning("the end of job %s is not written yet: %s", self._number, error)
                if self._stop.wait(_AGAIN_SECONDS):
                    return
            else:
                return

    def give_back(self) -> None:
        """Let the job wait again: the server is stopped, and that is nobody's fault."""
        try:
            with self._store.writing() as session:
                give_back(session, self._number, self._owner, STOPPED)
        except StoreError as error:
            _log.warning("job %s is put back when its lease has run out: %s", self._number, error)


def _later(seconds: float) -> str:
    return text_of(datetime.now(UTC) + timedelta(seconds=seconds))
