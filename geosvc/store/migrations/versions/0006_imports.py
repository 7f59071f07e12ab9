"""What an import needs to be undone, and how the columns of a source are read."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('import_mapping',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('headers', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('mapping', sa.JSON(), nullable=False),
    sa.Column('options', sa.JSON(), nullable=False),
    sa.Column('at', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_mapping')),
    sa.UniqueConstraint('kind', 'headers', 'source', name=op.f('uq_import_mapping_kind'))
    )
    op.create_table('match_answer',
    sa.Column('fingerprint', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('class_code', sa.String(), nullable=False),
    sa.Column('area_code', sa.String(), nullable=True),
    sa.Column('facility_id', sa.Integer(), nullable=True),
    sa.Column('origin', sa.String(), nullable=False),
    sa.Column('at', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['facility_id'], ['facility.id'], name=op.f('fk_match_answer_facility_id_facility')),
    sa.PrimaryKeyConstraint('fingerprint', name=op.f('pk_match_answer'))
    )
    op.create_index(op.f('ix_match_answer_origin'), 'match_answer', ['origin'], unique=False)
    op.add_column('import_batch', sa.Column('undone_at', sa.String(), nullable=True))
    op.add_column('import_batch', sa.Column('undone_by', sa.String(), nullable=True))
    op.add_column('import_batch', sa.Column('undone_reason', sa.String(), nullable=True))
    # An import is undone by what came in with it: its revisions are found by their origin.
    op.create_index(op.f('ix_facility_revision_origin'), 'facility_revision', ['origin'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_facility_revision_origin'), table_name='facility_revision')
    with op.batch_alter_table('import_batch', schema=None) as batch_op:
        batch_op.drop_column('undone_reason')
        batch_op.drop_column('undone_by')
        batch_op.drop_column('undone_at')
    op.drop_table('match_answer')
    op.drop_table('import_mapping')
