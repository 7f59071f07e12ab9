"""Addresses that are told of changes."""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('webhook',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('secret', sa.String(), nullable=False),
    sa.Column('cursor', sa.Integer(), nullable=False),
    sa.Column('paused', sa.Boolean(), nullable=False),
    sa.Column('recorded_at', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('origin', sa.String(), nullable=False),
    sa.Column('delivered_at', sa.String(), nullable=True),
    sa.Column('failed_at', sa.String(), nullable=True),
    sa.Column('error', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook')),
    sqlite_autoincrement=True
    )


def downgrade() -> None:
    op.drop_table('webhook')
