"""Run the migrations on the connection that :mod:`geosvc.store.migrate` gives."""

from alembic import context

from geosvc.store import (  # noqa: F401
    accounts,
    areas,
    audit,
    duplicates,
    facilities,
    imports,
    layers,
    populations,
    proposals,
    runs,
    services,
    study,
    webhooks,
)
from geosvc.store.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
