"""What was found out about the registry since its last change: pages ask the same counts again and again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

from geosvc.store.audit import newest_seal
from geosvc.store.moments import today

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from sqlalchemy.orm import Session

_MOST = 2000
Answer = TypeVar("Answer")


class Memory:
    """Answers that hold until the audit log has another line, or another day begins.

    Every change of the registry makes a line in the same transaction, and the seal of the last line
    stands for all lines before it: a session that reads the same seal reads the same registry.
    """

    def __init__(self) -> None:
        self._told: tuple[str, str] | None = None
        self._answers: dict[Hashable, Any] = {}
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
