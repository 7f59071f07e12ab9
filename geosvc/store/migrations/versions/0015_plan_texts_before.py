"""Texts of plans keep those before them.

The text that is there becomes the first row of itself; the lines of the audit log stay as they are and answer for these rows.
"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

_COLUMNS = 'plan, part, name, text, recorded_at, author'


def upgrade() -> None:
    op.rename_table('plan_document', 'plan_document_before')
    op.create_table('plan_document',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('plan', sa.String(), nullable=False),
    sa.Column('part', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=True),
    sa.Column('recorded_at', sa.String(), nullable=False),
    sa.Column('superseded_at', sa.String(), nullable=True),
    sa.Column('replaces', sa.Integer(), nullable=True),
    sa.Column('author', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plan_document'))
    )
    op.execute(f"INSERT INTO plan_document ({_COLUMNS}) SELECT {_COLUMNS} FROM plan_document_before ORDER BY plan, part")
    op.drop_table('plan_document_before')
    believed = sa.text('superseded_at IS NULL')
    op.create_index('ix_plan_document_believed', 'plan_document', ['plan', 'part'], unique=True, sqlite_where=believed, postgresql_where=believed)


def downgrade() -> None:
    """Keep the texts that are there; those before them cannot be kept."""
    op.drop_index('ix_plan_document_believed', table_name='plan_document')
    op.rename_table('plan_document', 'plan_document_after')
    op.create_table('plan_document',
    sa.Column('plan', sa.String(), nullable=False),
    sa.Column('part', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('recorded_at', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('plan', 'part', name=op.f('pk_plan_document'))
    )
    op.execute(f"INSERT INTO plan_document ({_COLUMNS}) SELECT {_COLUMNS} FROM plan_document_after WHERE superseded_at IS NULL AND text IS NOT NULL")
    op.drop_table('plan_document_after')
