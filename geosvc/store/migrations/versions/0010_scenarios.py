"""Scenarios, and the runs that were measured of them."""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('scenario',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('notes', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('created_at', sa.String(), nullable=False),
    sa.Column('changed_at', sa.String(), nullable=False),
    sa.Column('changed_by', sa.String(), nullable=False),
    sa.Column('origin', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('changes', sa.JSON(), nullable=False),
    sa.Column('seen', sa.JSON(), nullable=False),
    sa.Column('outcome', sa.JSON(), nullable=False),
    sa.Column('applied_at', sa.String(), nullable=True),
    sa.Column('applied_by', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_scenario')),
    sqlite_autoincrement=True
    )
    op.create_table('scenario_run',
    sa.Column('scenario_id', sa.Integer(), nullable=False),
    sa.Column('service_id', sa.String(), nullable=False),
    sa.Column('run_id', sa.String(), nullable=False),
    sa.Column('measured_at', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['scenario_id'], ['scenario.id'], name=op.f('fk_scenario_run_scenario_id_scenario')),
    sa.PrimaryKeyConstraint('scenario_id', 'service_id', name=op.f('pk_scenario_run'))
    )
    with op.batch_alter_table('scenario_run') as batch_op:
        batch_op.create_index('ix_scenario_run_run', ['run_id'], unique=False)


def downgrade() -> None:
    op.drop_table('scenario_run')
    op.drop_table('scenario')
