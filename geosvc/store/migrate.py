"""Bringing a database to the newest schema; Alembic is used here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

if TYPE_CHECKING:
    from sqlalchemy import Engine


def upgrade(engine: Engine, to: str = "head") -> None:
    """Apply every migration that the database has not seen, up to one, all or none."""
    config = Config()
    config.set_main_option("script_location", "geosvc:store/migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)
