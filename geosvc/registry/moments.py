"""The clock of the registry."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """Return the present moment as ISO 8601 text, UTC, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
