"""Plan files of a workspace and figures reported for plans, with who sent them."""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('plan_document',
    sa.Column('plan', sa.String(), nullable=False),
    sa.Column('part', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('recorded_at', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('plan', 'part', name=op.f('pk_plan_document'))
    )


def downgrade() -> None:
    op.drop_table('plan_document')
