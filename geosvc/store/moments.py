"""The clock: moments for what was recorded when, days for what is true when."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

# The day of the registry is the day in China, wherever the server stands.
CHINA = timezone(timedelta(hours=8))
# 2003, 2003-05, 2003/5/1, 2003.05.01, 2003年5月1日, and a day followed by a time.
_OPENED = re.compile(r"(\d{4})年?(?:[-/.年](\d{1,2})月?(?:[-/.月](\d{1,2})日?)?)?(?:[T ]\d{1,2}:.*)?", re.ASCII)


def text_of(moment: datetime) -> str:
    """Return a moment as ISO 8601 text, UTC, to the microsecond: the form that is compared as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def now() -> str:
    """Return the present moment as ISO 8601 text, UTC, to the microsecond."""
    return text_of(datetime.now(UTC))


def today() -> str:
    """Return the present day in China, such as 2026-01-31."""
    return datetime.now(CHINA).date().isoformat()


def after(moment: str) -> str:
    """Return the moment that follows: a microsecond later.

    >>> after("2026-01-01T00:00:00.999999Z")
    '2026-01-01T00:00:01.000000Z'
    """
    return text_of(datetime.fromisoformat(moment) + timedelta(microseconds=1))


def now_after(moment: str | None) -> str:
    """Return the present moment; one that follows another, also where the clock was set back since."""
    present = now()
    return present if moment is None or present > moment else after(moment)


def opening_day(text: str | None) -> str | None:
    """Return the first day that a date of opening can mean; None where it means no day.

    >>> opening_day("2003年5月"), opening_day("1998"), opening_day("建国初期")
    ('2003-05-01', '1998-01-01', None)
    """
    found = _OPENED.fullmatch((text or "").strip())
    if not found:
        return None
    year, month, day = (int(part or 1) for part in found.groups())
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
