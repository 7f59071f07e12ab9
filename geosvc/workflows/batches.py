"""The record of an import: which file, who, when, and what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geosvc.geo.files import sha256_of
from geosvc.registry.moments import now
from geosvc.store.study import ImportRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from geosvc.registry.imports.report import ImportReport
    from geosvc.store.engine import Session


def begin(session: Session, report: ImportReport, paths: Sequence[Path], *, author: str) -> str:
    """Open the record of an import, and return the origin that its revisions name."""
    row = ImportRow(
        kind=report.kind, file_name=report.file_name, sha256=" ".join(sha256_of(path) for path in paths), at=now(),
        author=author, report={},
    )
    session.add(row)
    session.flush()
    report.import_id = row.id
    return f"import:{row.id}"


def end(session: Session, report: ImportReport) -> None:
    """Close the record; a file that changed nothing leaves no trace."""
    row = session.get(ImportRow, report.import_id)
    if row is None:
        return
    if not report.changes["new"] + report.changes["changed"]:
        session.delete(row)
        report.import_id = None
        return
    row.report = report.as_dict()
