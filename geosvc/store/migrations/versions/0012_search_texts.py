"""What facilities are found by and how they are sorted by name, derived beside each revision."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from geosvc.store.search_texts import search_columns

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

_TABLE = 'facility_revision'
_DERIVED = ('search_text', 'search_sounds', 'name_order')
_AT_ONCE = 5000
_REST = ['valid_from', 'valid_to', 'deleted', 'area_code', 'state', 'class_code', 'illustrative', 'lon', 'recorded_at']
_OLD = {
    'names': ['superseded_at', 'name', 'facility_id', 'aliases', 'short_name', *_REST],
    'texts': ['superseded_at', 'facility_id', 'name', 'aliases', 'short_name', 'identifiers', 'source', *_REST, 'lat'],
}
_NEW = {
    'names': ['superseded_at', 'name_order', 'facility_id', *_REST, 'lat'],
    'texts': ['superseded_at', 'facility_id', 'search_text', 'search_sounds', 'source', *_REST, 'lat'],
}


def upgrade() -> None:
    _drop(_OLD)  # first: rows without indices of their texts are written sooner
    for name in _DERIVED:
        op.add_column(_TABLE, sa.Column(name, sa.String(), nullable=False, server_default=''))
    _fill()
    _create(_NEW)


def downgrade() -> None:
    _drop(_NEW)
    with op.batch_alter_table(_TABLE) as batch_op:
        for name in _DERIVED:
            batch_op.drop_column(name)
    _create(_OLD)


def _drop(indices: dict[str, list[str]]) -> None:
    for name in indices:
        op.drop_index(f'ix_{_TABLE}_{name}', table_name=_TABLE)


def _create(indices: dict[str, list[str]]) -> None:
    for name, columns in indices.items():
        op.create_index(f'ix_{_TABLE}_{name}', _TABLE, columns, unique=False)


def _fill() -> None:
    """Derive the columns of the rows that are there, some at a time: a revision is wide, and there may be many."""
    connection = op.get_bind()
    known = [sa.column(name, sa.String) for name in ('name', 'short_name', 'aliases', 'identifiers')]
    table = sa.table(_TABLE, sa.column('id', sa.Integer), *known, *(sa.column(name, sa.String) for name in _DERIVED))
    asked = sa.select(table.c.id, *known).order_by(table.c.id).limit(_AT_ONCE)
    write = sa.update(table).where(table.c.id == sa.bindparam('key')).values({name: sa.bindparam(f'new_{name}') for name in _DERIVED})
    last = 0
    while rows := connection.execute(asked.where(table.c.id > last)).all():
        connection.execute(write, [_derived(*row) for row in rows])
        last = rows[-1].id


def _derived(key: int, name: str, short_name: str | None, aliases: str, identifiers: str) -> dict[str, Any]:
    columns = search_columns(name, short_name, json.loads(aliases), json.loads(identifiers))
    return {'key': key, **{f'new_{each}': value for each, value in columns.items()}}
