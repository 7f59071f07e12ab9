"""Times of the registry: *recorded* in moments (UTC), *valid* in days (of China)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from geosvc.errors import InvalidInput
from geosvc.store.moments import CHINA, after, now, now_after, opening_day, text_of, today

__all__ = ["CHINA", "PRESENT", "AsOf", "after", "begin_of", "day_of", "day_told", "known_at", "now", "now_after", "opening_day", "today"]

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
_DAY_LETTERS = 10


def _moment(text: str) -> datetime:
    if not _INSTANT.fullmatch(text):
        raise ValueError(f"expected one instant such as 2026-01-31 or 2026-01-31T08:00:00Z, got {text!r}")
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=CHINA) if moment.tzinfo is None else moment


def day_of(text: str) -> str:
    """Return the day in China of a day or an instant.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> day_of("2026-01-31"), day_of("2026-01-31T20:00:00Z")
    ('2026-01-31', '2026-02-01')
    """
    return _moment(text).astimezone(CHINA).date().isoformat() if len(text) > _DAY_LETTERS else _moment(text).date().isoformat()


def day_told(text: str, what: str) -> str:
    """Return a day that somebody gave for something, such as ``valid_from``.

    Raises
    ------
    InvalidInput
        If it is no day.
    """
    try:
        if len(text) == _DAY_LETTERS:
            return day_of(text)
    except ValueError:
        pass
    raise InvalidInput(f"{what} must be a day such as 2026-01-31, got {text!r}")


def begin_of(text: str) -> str:
    """Return the moment meant by an instant, or by a day: its beginning in China.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> begin_of("2026-01-31")
    '2026-01-30T16:00:00.000000Z'
    """
    return text_of(_moment(text))


def known_at(text: str) -> str:
    """Return the moment meant by an instant, or by a day: its end in China.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> known_at("2026-01-31T08:00:00+08:00"), known_at("2026-01-31")
    ('2026-01-31T00:00:00.000000Z', '2026-01-31T15:59:59.999999Z')
    """
    moment = _moment(text)
    if len(text) == _DAY_LETTERS:
        moment += timedelta(days=1) - timedelta(microseconds=1)
    return text_of(moment)


@dataclass(frozen=True, kw_only=True)
class AsOf:
    """A time of the registry: true on a day, known at a moment; None is today, and now.

    Examples
    --------
    >>> AsOf(valid_at="2019-01-01").day, AsOf().is_present, AsOf(valid_at=today()).is_present
    ('2019-01-01', True, True)
    """

    valid_at: str | None = None
    recorded_at: str | None = None

    @property
    def day(self) -> str:
        """The day of China for which things are asked."""
        return self.valid_at or today()

    @property
    def is_present(self) -> bool:
        """Whether it is today, as known now."""
        return self.recorded_at is None and self.day == today()


PRESENT = AsOf()
