"""Indices that answer a list of 100,000 facilities by themselves, and JSON in which Chinese can be searched."""

import json

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

_TABLE = 'facility_revision'
_OLD = {
    'current': ['superseded_at', 'facility_id'],
    'class': ['superseded_at', 'class_code'],
    'area': ['superseded_at', 'area_code'],
    'position': ['superseded_at', 'lon', 'lat'],
}
_ASKED_OF_ALL = ['facility_id', 'valid_from', 'valid_to', 'deleted', 'area_code', 'state', 'class_code', 'illustrative', 'lon']
_ORDERS = {
    'current': (['facility_id'], ['recorded_at', 'lat']),
    'class': (['class_code', 'facility_id'], ['same_as']),
    'area': (['area_code', 'facility_id'], []),
    'updated': (['recorded_at', 'facility_id'], []),
    'position': (['lon', 'lat', 'facility_id'], []),
    'names': (['name', 'facility_id', 'aliases', 'short_name'], ['recorded_at']),
    'texts': (['facility_id', 'name', 'aliases', 'short_name', 'identifiers', 'source'], ['recorded_at', 'lat']),
}
_NEW = {
    name: ['superseded_at', *order, *(column for column in [*_ASKED_OF_ALL, *more] if column not in order)]
    for name, (order, more) in _ORDERS.items()
}


def upgrade() -> None:
    _readable(ensure_ascii=False)
    _replace(_OLD, _NEW)


def downgrade() -> None:
    _replace(_NEW, _OLD)
    _readable(ensure_ascii=True)


def _replace(old: dict[str, list[str]], new: dict[str, list[str]]) -> None:
    for name in old:
        op.drop_index(f'ix_{_TABLE}_{name}', table_name=_TABLE)
    for name, columns in new.items():
        op.create_index(f'ix_{_TABLE}_{name}', _TABLE, columns, unique=False)


def _readable(*, ensure_ascii: bool) -> None:
    """Write the texts that are searched with their own letters; what they mean stays the same."""
    connection = op.get_bind()
    table = sa.table(_TABLE, sa.column('id', sa.Integer), sa.column('aliases', sa.String), sa.column('identifiers', sa.String))
    rows = connection.execute(sa.select(table.c.id, table.c.aliases, table.c.identifiers).where(
        sa.or_(table.c.aliases != '[]', table.c.identifiers != '[]'))).all()
    changed = [{'key': id_, 'aliases': _written(aliases, ensure_ascii), 'identifiers': _written(identifiers, ensure_ascii)}
               for id_, aliases, identifiers in rows]
    if changed:
        connection.execute(sa.update(table).where(table.c.id == sa.bindparam('key')).values(
            aliases=sa.bindparam('aliases'), identifiers=sa.bindparam('identifiers')), changed)


def _written(text: str, ensure_ascii: bool) -> str:
    found = json.dumps(json.loads(text), ensure_ascii=ensure_ascii)
    try:
        found.encode()
    except UnicodeEncodeError:  # half a pair of surrogates
        return text
    return found
