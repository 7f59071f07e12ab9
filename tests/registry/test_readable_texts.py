"""Migration 0007: what was stored before it can be searched after it, and means the same."""

from __future__ import annotations

import json

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from geosvc.registry import audit, facilities
from geosvc.registry.facilities import Facility
from geosvc.store.engine import create_store
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import features, finding

OLD = Facility(
    name="靖宇县人民医院", class_code="A100", aliases=["县第一医院", '"引号"\\斜线', "🏥"], identifiers=[{"scheme": "医疗", "value": "吉-0007"}, {"scheme": "local", "value": "9"}],
)


def test_aliases_written_before_are_found_after(store, settings):
    """The texts that old versions wrote with escaped letters are found, unchanged in meaning, and the audit chain holds."""
    with store.writing() as session:
        facilities.save(session, OLD, facility_id=None, author="王", origin="test")
        facilities.save(session, Facility(name="无别名", class_code="D600"), facility_id=None, author="王", origin="test")
    config = Config()
    config.set_main_option("script_location", "geosvc:store/migrations")
    config.set_main_option("path_separator", "os")
    with store._engine.begin() as connection:  # as the version before wrote them
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
        written = connection.execute(text("SELECT aliases, identifiers FROM facility_revision WHERE facility_id = 1")).one()
    assert written == (json.dumps(OLD.aliases), json.dumps(OLD.identifiers))
    store.close()
    upgraded = create_store(settings.workspace)
    for word in ("第一医院", '"引号"', "\\斜线", "🏥", "吉-0007"):
        items, matched, _ = features.facilities_page(upgraded, finding.query_of(text=word), cursor=None, limit=5)
        assert (matched, [each["id"] for each in items]) == (1, [1]), word
    with upgraded.reading() as session:
        assert facilities.find(session, FacilityQuery(ids=[1]))[0].facility == OLD
        assert audit.verify(session).holds
    upgraded.close()
