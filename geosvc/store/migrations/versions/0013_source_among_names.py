"""The index in the order of names knows sources too: to filter by source it is walked, not the wider one of the texts."""

from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

_TABLE = 'facility_revision'
_INDEX = f'ix_{_TABLE}_names'
_OLD = ['superseded_at', 'name_order', 'facility_id', 'valid_from', 'valid_to', 'deleted', 'area_code', 'state', 'class_code', 'illustrative', 'lon',
        'recorded_at', 'lat']


def upgrade() -> None:
    _made_of([*_OLD, 'source'])


def downgrade() -> None:
    _made_of(_OLD)


def _made_of(columns: list[str]) -> None:
    op.drop_index(_INDEX, table_name=_TABLE)
    op.create_index(_INDEX, _TABLE, columns, unique=False)
