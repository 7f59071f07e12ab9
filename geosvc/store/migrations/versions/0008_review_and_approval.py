"""Proposals of editors, the rules by which a registry is kept, and addresses that are told of changes."""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('rule',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('value', sa.JSON(), nullable=False),
    sa.Column('at', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_rule'))
    )
    op.create_table('proposal',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('what', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('made_at', sa.String(), nullable=False),
    sa.Column('made_by', sa.String(), nullable=False),
    sa.Column('made_reason', sa.String(), nullable=True),
    sa.Column('origin', sa.String(), nullable=False),
    sa.Column('valid_from', sa.String(), nullable=True),
    sa.Column('valid_at', sa.String(), nullable=True),
    sa.Column('steps', sa.JSON(), nullable=False),
    sa.Column('contacts', sa.JSON(), nullable=False),
    sa.Column('decided_at', sa.String(), nullable=True),
    sa.Column('decided_by', sa.String(), nullable=True),
    sa.Column('decided_reason', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_proposal')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_proposal_state', 'proposal', ['state', 'id'], unique=False)
    op.create_index('ix_proposal_made_by', 'proposal', ['made_by', 'id'], unique=False)


def downgrade() -> None:
    op.drop_table('proposal')
    op.drop_table('rule')
