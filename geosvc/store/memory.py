"""What was found out about the registry since its last change: pages ask the same counts again and again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeVar

from geosvc.store.audit import newest_seal
from geosvc.store.moments import today

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from sqlalchemy.orm import Session

_MOST = 2000
_MOST_LARGE = 12
Answer = TypeVar("Answer")


class Memory:
    """Answers that hold until the audit log has another line, or another day begins.

    Every change of the registry makes a line in the same transaction, and the seal of the last line
    stands for all lines before it: a session that reads the same seal reads the same registry.
    """

    def __init__(self) -> None:
        self._told: tuple[str, str] | None = None
        self._answers: dict[Hashable, Any] = {}
        self._large: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, session: Session, key: Hashable, work: Callable[[], Answer]) -> Answer:
        """Return the answer to a question about audited tables alone; ``work`` finds it out.

        What is given back is shared: copy it before changing it.
        """
        state = (newest_seal(session), today())
        with self._lock:
            if self._told != state or len(self._answers) >= _MOST:
                self._told, self._answers = state, {}
            answers = self._answers
        if key not in answers:
            answers[key] = work()
        found: Answer = answers[key]
        return found

    def recall_large(self, session: Session, key: Hashable, work: Callable[[], Answer]) -> Answer:
        """Return the answer to a question whose answers have megabytes, as :meth:`recall` does; the last few are kept."""
        whole = (newest_seal(session), today(), key)
        with self._lock:
            if whole in self._large:
                self._large.move_to_end(whole)
                known: Answer = self._large[whole]
                return known
        found = work()
        with self._lock:
            self._large[whole] = found
            while len(self._large) > _MOST_LARGE:
                self._large.popitem(last=False)
        return found
