"""Webhooks: addresses that are told of changes, and the thread that tells them."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geosvc.errors import GeosvcError, InvalidParameter, NotFound, StoreError
from geosvc.registry.moments import now
from geosvc.store.webhooks import WebhookRow, newest_line, note_delivery, select_webhooks, webhook_by_id
from geosvc.workflows.history import changes_since
from geosvc.workflows.posting import check_address, new_secret, post

if TYPE_CHECKING:
    from collections.abc import Callable

    from geosvc.store.engine import Session, Store

_MOST_LINES = 500
_MOST_WEBHOOKS = 20
_LONGEST_WAIT = 3600.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """One address, without its secret; ``lag`` counts the lines of the log that it is behind."""

    id: int
    address: str
    paused: bool
    author: str
    recorded_at: str
    delivered_at: str | None
    failed_at: str | None
    error: str | None
    lag: int


def list_webhooks(store: Store) -> list[Webhook]:
    """Return all addresses."""
    with store.reading() as session:
        last = newest_line(session)
        names = [each for each in Webhook.__dataclass_fields__ if each != "lag"]
        return [Webhook(**{name: getattr(row, name) for name in names}, lag=last - row.cursor) for row in select_webhooks(session)]


def add_webhook(store: Store, address: str, *, private: bool, author: str, origin: str) -> tuple[int, str]:
    """Register an address and return (number, secret): the secret is told this once. It begins with the next change.

    Raises
    ------
    InvalidParameter
        If nothing may be sent there, it is registered already, or there are too many.
    """
    check_address(address, private=private)
    with store.writing() as session:
        known = select_webhooks(session)
        if address in {each.address for each in known}:
            raise InvalidParameter(f"{address} is registered already; remove it first to get a new secret")
        if len(known) >= _MOST_WEBHOOKS:
            raise InvalidParameter(f"{_MOST_WEBHOOKS} addresses are registered; remove one first")
        row = WebhookRow(address=address, secret=new_secret(), cursor=newest_line(session), recorded_at=now(), author=author, origin=origin)
        session.add(row)
        session.flush()
        return row.id, row.secret


def pause_webhook(store: Store, number: int, *, paused: bool, author: str, origin: str) -> None:
    """Pause an address, or go on with it where it stopped.

    Raises
    ------
    NotFound
    """
    with store.writing() as session:
        row = _row(session, number)
        if row.paused != paused:
            row.paused, row.recorded_at, row.author, row.origin = paused, now(), author, origin


def remove_webhook(store: Store, number: int, *, author: str, origin: str) -> None:
    """Remove an address; nothing is sent there any more.

    Raises
    ------
    NotFound
    """
    with store.writing() as session:
        row = _row(session, number)
        row.recorded_at, row.author, row.origin = now(), author, origin
        session.delete(row)


def try_webhook(store: Store, number: int, *, private: bool) -> str | None:
    """Send a message of type ``test`` and return None, or why it did not arrive.

    Raises
    ------
    NotFound
    """
    with store.reading() as session:
        row = _row(session, number)
    return _sent(row, f"test_{number}_{time.time_ns()}", {"type": "test", "timestamp": now(), "data": {}}, private=private)


def _row(session: Session, number: int) -> WebhookRow:
    row = webhook_by_id(session, number)
    if row is None:
        raise NotFound(f"no webhook has the number {number}")
    return row


def _sent(row: WebhookRow, message_id: str, message: dict[str, object], *, private: bool) -> str | None:
    try:
        post(row.address, row.secret, message_id, json.dumps(message).encode(), private=private)
    except (OSError, InvalidParameter) as error:
        return str(error)[:500] or type(error).__name__
    return None


class Sender:
    """One thread that tells every address of the changes after its cursor.

    At least once: the cursor moves when the answer was 2xx. Nothing is held open while a message is
    under way, so no writer waits for a receiver.
    """

    def __init__(self, give_store: Callable[[], Store], *, private: bool, every_seconds: float = 3.0, first_wait_seconds: float = 5.0) -> None:
        """Keep where the registry is, and how often to look and to try again."""
        self._give_store = give_store
        self._private = private
        self._every, self._first_wait = every_seconds, first_wait_seconds
        self._waiting: dict[int, tuple[int, float]] = {}
        self._wake, self._stop, self._lock = threading.Event(), threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None

    def start_if_needed(self) -> None:
        """Start where an address is registered; a workspace that cannot be opened has none to tell."""
        try:
            if list_webhooks(self._give_store()):
                self.wake()
        except GeosvcError:
            return

    def wake(self) -> None:
        """Look at once, and try again at once what failed; the first time this starts the thread."""
        with self._lock:
            self._waiting.clear()
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
                self._thread.start()
        self._wake.set()

    def stop(self) -> None:
        """Stop after the message that is under way."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=25)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                again = self._round()
            except Exception:  # noqa: BLE001  the thread must outlive whatever happens once
                _log.exception("telling webhooks failed; it is tried again")
                again = False
            if not again:
                self._wake.wait(self._every)

    def _round(self) -> bool:
        """Tell each address one message; return whether there is more to tell."""
        store = self._give_store()
        with store.reading() as session:
            rows = [each for each in select_webhooks(session) if not each.paused]
        # A list, not a generator: every address has its turn.
        return any([self._tell(store, row) for row in rows if not self._stop.is_set() and self._due(row.id)])  # noqa: C419

    def _due(self, number: int) -> bool:
        return time.monotonic() >= self._waiting.get(number, (0, 0.0))[1]

    def _tell(self, store: Store, row: WebhookRow) -> bool:
        """Tell an address of the next changes; return whether it has more to be told."""
        changes, following, more = changes_since(store, str(row.cursor), limit=_MOST_LINES)
        if int(following) == row.cursor:
            return False
        if not changes:  # nobody's business but the log's
            self._note(store, row.id, {"cursor": int(following)})
            return more
        message: dict[str, object] = {"type": "changes", "timestamp": now(), "data": {"cursor": following, "more": more, "changes": changes}}
        error = _sent(row, f"changes_{row.id}_{row.cursor}_{following}", message, private=self._private)
        if error is None:
            self._waiting.pop(row.id, None)
            self._note(store, row.id, {"cursor": int(following), "delivered_at": now(), "failed_at": None, "error": None})
            return more
        failures = self._waiting.get(row.id, (0, 0.0))[0] + 1
        self._waiting[row.id] = (failures, time.monotonic() + min(self._first_wait * 2.0 ** min(failures - 1, 20), _LONGEST_WAIT))
        self._note(store, row.id, {"failed_at": now(), "error": error})
        return False

    def _note(self, store: Store, number: int, values: dict[str, object]) -> None:
        """Write down what happened, however long somebody else writes: what arrived is not to be sent twice."""
        while True:
            try:
                with store.writing() as session:
                    note_delivery(session, number, values)
            except StoreError:
                if self._stop.wait(1.0):
                    return
            else:
                return
