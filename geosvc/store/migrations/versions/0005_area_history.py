"""Areas and figures of people with a history, what divisions became, and of which day a run is.

Every area keeps its row and becomes the first revision of itself, true from an unknown day; the
lines of the audit log stay as they are and answer for these rows.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

_CONTENT = ('name', 'level', 'parent_code', 'kind', 'settlement_class', 'published_km2', 'geometry', 'west', 'south',
            'east', 'north', 'source', 'licence', 'review_number', 'schematic')


def _content() -> list[sa.Column[Any]]:
    return [
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('level', sa.String(), nullable=False),
        sa.Column('parent_code', sa.String(), nullable=True),
        sa.Column('kind', sa.String(), nullable=True),
        sa.Column('settlement_class', sa.String(), nullable=True),
        sa.Column('published_km2', sa.Double(), nullable=True),
        sa.Column('geometry', sa.LargeBinary(), nullable=True),
        sa.Column('west', sa.Double(), nullable=True),
        sa.Column('south', sa.Double(), nullable=True),
        sa.Column('east', sa.Double(), nullable=True),
        sa.Column('north', sa.Double(), nullable=True),
    ]


def _provenance() -> list[sa.Column[Any]]:
    return [
        sa.Column('source', sa.String(), nullable=True),
        sa.Column('licence', sa.String(), nullable=True),
        sa.Column('review_number', sa.String(), nullable=True),
        sa.Column('schematic', sa.Boolean(), nullable=False),
    ]


def upgrade() -> None:
    _set_aside()
    op.create_table('area',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('valid_from', sa.String(), nullable=True),
    sa.Column('valid_to', sa.String(), nullable=True),
    sa.Column('recorded_at', sa.String(), nullable=False),
    sa.Column('superseded_at', sa.String(), nullable=True),
    sa.Column('change', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('origin', sa.String(), nullable=False),
    sa.Column('replaces', sa.Integer(), nullable=True),
    sa.Column('same_as', sa.Integer(), nullable=True),
    *_content(),
    sa.Column('members', sa.JSON(), nullable=True),
    *_provenance(),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_area'))
    )
    named = ', '.join(_CONTENT)
    op.execute(
        f"INSERT INTO area (code, recorded_at, change, author, origin, {named}) "
        f"SELECT code, recorded_at, 'create', author, origin, {named} FROM area_before ORDER BY code"
    )
    op.drop_table('area_before')
    op.create_index('ix_area_believed', 'area', ['superseded_at', 'code'], unique=False)
    op.create_index(op.f('ix_area_code'), 'area', ['code'], unique=False)
    _index_areas()
    op.create_table('area_succession',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('old_code', sa.String(), nullable=False),
    sa.Column('new_code', sa.String(), nullable=False),
    sa.Column('day', sa.String(), nullable=False),
    sa.Column('note', sa.String(), nullable=True),
    sa.Column('recorded_at', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('origin', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_area_succession'))
    )
    op.create_index(op.f('ix_area_succession_old_code'), 'area_succession', ['old_code'], unique=False)
    op.create_index(op.f('ix_area_succession_new_code'), 'area_succession', ['new_code'], unique=False)
    with op.batch_alter_table('population', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('uq_population_area_code'), type_='unique')
        batch_op.add_column(sa.Column('superseded_at', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('replaces', sa.Integer(), nullable=True))
    believed = sa.text('superseded_at IS NULL')
    op.create_index(
        'ix_population_believed', 'population', ['area_code', 'year', 'kind', 'status', 'source'], unique=True,
        sqlite_where=believed, postgresql_where=believed)
    op.add_column('run', sa.Column('valid_at', sa.String(), nullable=True))
    op.add_column('run', sa.Column('known_at', sa.String(), nullable=True))
    op.add_column('run', sa.Column('marks', sa.JSON(), nullable=True))


def _set_aside() -> None:
    for name in ('ix_area_box', op.f('ix_area_level'), op.f('ix_area_parent_code')):
        op.drop_index(name, table_name='area')
    op.rename_table('area', 'area_before')


def _index_areas() -> None:
    op.create_index('ix_area_box', 'area', ['west', 'east', 'south', 'north'], unique=False)
    op.create_index(op.f('ix_area_level'), 'area', ['level'], unique=False)
    op.create_index(op.f('ix_area_parent_code'), 'area', ['parent_code'], unique=False)


def downgrade() -> None:
    """Keep what is believed and true without an end; histories and zones of members cannot be kept."""
    for name in ('marks', 'known_at', 'valid_at'):
        with op.batch_alter_table('run', schema=None) as batch_op:
            batch_op.drop_column(name)
    op.drop_index('ix_population_believed', table_name='population')
    op.execute("DELETE FROM population WHERE superseded_at IS NOT NULL")
    with op.batch_alter_table('population', schema=None) as batch_op:
        batch_op.drop_column('replaces')
        batch_op.drop_column('superseded_at')
        batch_op.create_unique_constraint(op.f('uq_population_area_code'), ['area_code', 'year', 'kind', 'status', 'source'])
    op.drop_table('area_succession')
    op.drop_index('ix_area_believed', table_name='area')
    op.drop_index(op.f('ix_area_code'), table_name='area')
    _set_aside()
    op.create_table('area',
    sa.Column('code', sa.String(), nullable=False),
    *_content(),
    *_provenance(),
    sa.Column('recorded_at', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('origin', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_area'))
    )
    named = ', '.join(_CONTENT)
    op.execute(
        f"INSERT INTO area (code, recorded_at, author, origin, {named}) "
        f"SELECT code, recorded_at, author, origin, {named} FROM area_before WHERE superseded_at IS NULL AND valid_to IS NULL"
    )
    op.drop_table('area_before')
    _index_areas()
