"""Answers about suspected duplicates, and merges."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('facility_merge',
    sa.Column('kept_id', sa.Integer(), nullable=False),
    sa.Column('others', sa.JSON(), nullable=False),
    sa.Column('revisions', sa.JSON(), nullable=False),
    *_decided(),
    sa.ForeignKeyConstraint(['kept_id'], ['facility.id'], name=op.f('fk_facility_merge_kept_id_facility')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_facility_merge'))
    )
    op.create_index(op.f('ix_facility_merge_kept_id'), 'facility_merge', ['kept_id'], unique=False)
    op.create_table('duplicate_answer',
    sa.Column('first_id', sa.Integer(), nullable=False),
    sa.Column('second_id', sa.Integer(), nullable=False),
    sa.Column('answer', sa.String(), nullable=False),
    sa.Column('score', sa.Double(), nullable=False),
    sa.Column('judged', sa.JSON(), nullable=False),
    *_decided(),
    sa.ForeignKeyConstraint(['first_id'], ['facility.id'], name=op.f('fk_duplicate_answer_first_id_facility')),
    sa.ForeignKeyConstraint(['second_id'], ['facility.id'], name=op.f('fk_duplicate_answer_second_id_facility')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_duplicate_answer'))
    )
    op.create_index('ix_duplicate_answer_pair', 'duplicate_answer', ['first_id', 'second_id'], unique=False)


def _decided() -> list[sa.Column[Any]]:
    """The columns of a decision that can be taken back."""
    return [
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('done_at', sa.String(), nullable=False),
        sa.Column('done_by', sa.String(), nullable=False),
        sa.Column('done_reason', sa.String(), nullable=True),
        sa.Column('origin', sa.String(), nullable=False),
        sa.Column('undone_at', sa.String(), nullable=True),
        sa.Column('undone_by', sa.String(), nullable=True),
        sa.Column('undone_reason', sa.String(), nullable=True),
    ]


def downgrade() -> None:
    op.drop_table('duplicate_answer')
    op.drop_table('facility_merge')
