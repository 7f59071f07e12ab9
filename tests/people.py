"""Somebody who asks, for tests of the server: an account of a role, and what a request of it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geosvc.workflows import people

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.store.engine import Store

GOOD_PASSWORD = "walnut river lantern 7"
BY = {"author": "test", "origin": "test"}


def headers_of(store: Store, role: str, areas: Sequence[str] | None = None, name: str | None = None) -> dict[str, str]:
    """Return what a script of a new account sends."""
    account, _link = people.create_account(store, name or f"{role}-{'-'.join(areas or ['all'])}", role=role, areas=areas, **BY)
    return {"Authorization": f"Bearer {people.make_key(store, account.id, 'test', days=1, **BY)}"}
