"""The registry as an account of some areas sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geosvc.registry.scopes import codes_meant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.store.engine import Store


def as_seen_by(store: Store, areas: Sequence[str] | None) -> Store:
    """Return a store limited to all that the areas of an account mean today (None: everywhere).

    Which codes these are is found out once and remembered until the registry changes.
    """
    if areas is None:
        return store
    own, whole = tuple(sorted(areas)), store.everywhere()
    with whole.reading() as session:
        codes = whole.recall(session, ("codes meant", own), lambda: codes_meant(session, own))
    return whole.limited_to(codes)
