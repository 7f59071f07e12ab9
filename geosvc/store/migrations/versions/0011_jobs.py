"""Work in the background, and who asked for it."""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('job',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('question', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('created_at', sa.String(), nullable=False),
    sa.Column('progress', sa.Double(), nullable=False),
    sa.Column('step', sa.String(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('note', sa.String(), nullable=True),
    sa.Column('started_at', sa.String(), nullable=True),
    sa.Column('finished_at', sa.String(), nullable=True),
    sa.Column('cancelling', sa.Boolean(), nullable=False),
    sa.Column('owner', sa.String(), nullable=True),
    sa.Column('lease_until', sa.String(), nullable=True),
    sa.Column('result', sa.JSON(), nullable=True),
    sa.Column('error', sa.JSON(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('job') as batch_op:
        batch_op.create_index('ix_job_state', ['state', 'id'], unique=False)
        batch_op.create_index('ix_job_question', ['question', 'state'], unique=False)
    op.create_table('job_asker',
    sa.Column('job_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('asked_at', sa.String(), nullable=False),
    sa.Column('withdrawn', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['job.id'], name=op.f('fk_job_asker_job_id_job')),
    sa.PrimaryKeyConstraint('job_id', 'name', name=op.f('pk_job_asker'))
    )
    with op.batch_alter_table('job_asker') as batch_op:
        batch_op.create_index('ix_job_asker_name', ['name', 'job_id'], unique=False)


def downgrade() -> None:
    op.drop_table('job_asker')
    op.drop_table('job')
