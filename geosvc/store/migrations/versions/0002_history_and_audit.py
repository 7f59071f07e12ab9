"""History of facilities that can be edited, and the audit log.

The revisions that are there get their place in the log, so that the chain covers them from
here on; days from which they are valid are brought to one form.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from geosvc.store.audit import FIRST, Said, content_sha256, sealed
from geosvc.store.moments import opening_day

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

_REVISION_OUTSIDE = {'id', 'author', 'reason', 'origin', 'superseded_at', 'contact'}
_OTHERS = (
    # (table, kind, key, outside of the content)
    ('area', 'area', ('code',), {'recorded_at', 'author', 'origin', 'west', 'south', 'east', 'north'}),
    ('population', 'population', ('area_code', 'year', 'kind', 'status', 'id'), {'recorded_at', 'author', 'origin'}),
    ('layer', 'layer', ('kind', 'id'), {'recorded_at', 'author', 'origin', 'replaced_at'}),
    ('service', 'service', ('id',), {'recorded_at', 'author', 'origin', 'position', 'shipped'}),
    ('import_batch', 'import', ('id',), {'at', 'author'}),
)


def upgrade() -> None:
    op.create_table('audit',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=True),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('origin', sa.String(), nullable=True),
    sa.Column('content', sa.String(), nullable=False),
    sa.Column('previous', sa.String(), nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_audit_subject'), 'audit', ['subject'], unique=False)
    op.add_column('facility_revision', sa.Column('replaces', sa.Integer(), nullable=True))
    op.add_column('facility_revision', sa.Column('same_as', sa.Integer(), nullable=True))
    _fill()
    for verb in ('UPDATE', 'DELETE'):
        op.execute(
            f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        )


def _fill() -> None:
    connection = op.get_bind()
    connection.execute(sa.text(
        "UPDATE facility_revision SET replaces = (SELECT old.id FROM facility_revision AS old "
        "WHERE old.facility_id = facility_revision.facility_id AND old.superseded_at = facility_revision.recorded_at)"
    ))
    for id_, told in connection.execute(sa.text("SELECT id, valid_from FROM facility_revision WHERE valid_from IS NOT NULL")).all():
        day = opening_day(told)
        if day != told:
            connection.execute(sa.text("UPDATE facility_revision SET valid_from = :day WHERE id = :id"), {'day': day, 'id': id_})
    said = list(_revisions(connection))
    for table, kind, key, outside in _OTHERS:
        for row in _rows(connection, table):
            subject = f"{kind}:{'/'.join(str(row[name]) for name in key)}"
            said.append(_said(row, 'import' if kind == 'import' else 'create', subject, None, outside))
    if not said:
        return
    # A stable sort: lines of one moment stay in the order of their rows.
    said.sort(key=lambda each: each.at)
    said.insert(0, _beginning())
    seal = FIRST
    lines = []
    for number, each in enumerate(said, start=1):
        lines.append(sealed(each, number, seal))
        seal = lines[-1]['hash']
    op.bulk_insert(sa.Table('audit', sa.MetaData(), autoload_with=connection), lines)


def _beginning() -> Said:
    """The first line says that those after it were entered later than they tell."""
    at = datetime.now(UTC).isoformat(timespec='microseconds').replace('+00:00', 'Z')
    return Said(
        at=at, author='geosvc', action='upgrade', subject='registry', revision=None, origin='migration:0002',
        reason='what was registered before the log existed follows, entered at this moment', content=content_sha256({}),
    )


def _revisions(connection: sa.Connection) -> Iterator[Said]:
    for row in _rows(connection, 'facility_revision'):
        yield _said(row, row['kind'], f"facility:{row['facility_id']}", row['id'], _REVISION_OUTSIDE)


def _rows(connection: sa.Connection, name: str) -> Iterator[dict[str, Any]]:
    table = sa.Table(name, sa.MetaData(), autoload_with=connection)
    order = list(table.primary_key.columns)
    for row in connection.execute(sa.select(table).order_by(*order)):
        yield dict(row._mapping)


def _said(row: dict[str, Any], action: str, subject: str, number: int | None, outside: set[str]) -> Said:
    return Said(
        at=row['recorded_at'] if 'recorded_at' in row else row['at'], author=row['author'], action=action, subject=subject,
        revision=number, reason=row.get('reason') if number is not None else None, origin=row.get('origin'),
        content=content_sha256({name: value for name, value in row.items() if name not in outside}),
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_no_update")
    op.execute("DROP TRIGGER audit_no_delete")
    op.drop_table('audit')
    with op.batch_alter_table('facility_revision', schema=None) as batch_op:
        batch_op.drop_column('same_as')
        batch_op.drop_column('replaces')
