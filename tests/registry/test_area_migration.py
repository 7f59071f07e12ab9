"""A workspace from before areas had a history is brought up to date and keeps everything."""

from __future__ import annotations

import shapely
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from geosvc.registry import areas, audit, populations
from geosvc.registry.moments import AsOf
from geosvc.store.areas import AreaQuery
from geosvc.store.audit import FIRST, Said, content_sha256, sealed
from geosvc.store.engine import DATABASE_NAME, _connect, open_store
from geosvc.store.migrate import upgrade
from geosvc.workflows.workspace import init_workspace

SHAPE = shapely.to_wkb(shapely.box(126, 42, 127, 43))
AREA = {"code": "990001", "name": "县", "level": "county", "geometry": SHAPE, "schematic": False}
PEOPLE = {"area_code": "990001", "year": 2020, "kind": "resident", "people": 10.5, "status": "census", "source": "公报", "groups": {}}


def old_workspace(folder):
    """Make a workspace of schema 0004 with an area that was changed once and a figure of people, both in its log."""
    folder.mkdir(parents=True)
    engine = _connect(folder / DATABASE_NAME)
    upgrade(engine, "0004")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO area (code, name, level, geometry, west, south, east, north, schematic, recorded_at, author, origin) "
                                "VALUES (:code, :name, :level, :geometry, 126, 42, 127, 43, :schematic, '2026-01-02', '王', 'import:2')"), AREA)
        connection.execute(text("INSERT INTO population (area_code, year, kind, people, status, source, groups, recorded_at, author, origin) "
                                "VALUES (:area_code, :year, :kind, :people, :status, :source, '{}', '2026-01-01', '王', 'import:1')"), PEOPLE)
        seal = FIRST
        for number, (subject, action, content) in enumerate([
            ("area:990001", "create", {**AREA, "name": "旧县"}), ("area:990001", "change", AREA),
            ("population:990001/2020/resident/census/1", "create", {"id": 1, **PEOPLE}),
        ], start=1):
            said = Said(at="2026-01-01", author="王", action=action, subject=subject, revision=None, reason=None, origin="import:1",
                        content=content_sha256(content))
            line = sealed(said, number, seal)
            seal = line["hash"]
            connection.execute(text("INSERT INTO audit (id, at, author, action, subject, revision, reason, origin, content, previous, hash) VALUES "
                                    "(:id, :at, :author, :action, :subject, :revision, :reason, :origin, :content, :previous, :hash)"), line)
    return engine


def test_areas_and_people_keep_everything_and_their_lines_still_answer(settings):
    """The area is true from an unknown day, the figure is in force, and the log from before holds, and after a change too."""
    old_workspace(settings.workspace).dispose()
    store = init_workspace(settings)
    with store.reading() as session:
        (area,) = areas.find(session, AreaQuery())
        assert (area.code, area.name, area.bbox) == ("990001", "县", (126.0, 42.0, 127.0, 43.0))
        assert areas.get(session, "990001", AsOf(valid_at="1950-01-01")) == area
        assert [each.people for each in populations.find(session)] == [10.5]
        assert audit.verify(session).problem is None
    with store.writing() as session:
        areas.save(session, areas.Area(code="990001", name="市", level="county"), valid_from="2021-01-01", author="王", origin="form")
    with store.reading() as session:
        assert audit.verify(session).problem is None
        assert areas.get(session, "990001", AsOf(valid_at="2020-12-31")).name == "县"
    store.close()
    open_store(settings.workspace).close()


def test_the_way_back_keeps_what_is_believed(settings):
    """Downgrading to the schema from before leaves the areas and figures of today in the old tables."""
    engine = old_workspace(settings.workspace)
    upgrade(engine, "0005")
    config = Config()
    config.set_main_option("script_location", "geosvc:store/migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT code, name, west FROM area")).all() == [("990001", "县", 126.0)]
        assert connection.execute(text("SELECT people FROM population")).all() == [(10.5,)]
    engine.dispose()
