"""A workspace from before names were searched in pinyin is brought up to date, and back."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from geosvc.registry import audit, facilities
from geosvc.registry.facilities import Facility
from geosvc.store.engine import DATABASE_NAME, _connect
from geosvc.store.facilities import DERIVED, FacilityQuery
from geosvc.store.migrate import upgrade
from geosvc.store.pinyin import _IN_NAMES, _PLACES, commonest_reading, order_of
from geosvc.workflows import features, finding
from geosvc.workflows.workspace import init_workspace

SOME = [
    Facility(name="重庆市长寿区医院", class_code="A100", aliases=['"长寿"医院', "\ud800"], identifiers=[{"scheme": "local", "value": "jg-7"}]),
    Facility(name="靖宇县人民医院", class_code="A100", short_name="县医院"), Facility(name="ICU_100%", class_code="D600"),
]
READ = f"SELECT id, {', '.join(sorted(DERIVED))} FROM facility_revision ORDER BY id"


def step(engine, to, way=command.downgrade):
    config = Config()
    config.set_main_option("script_location", "geosvc:store/migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        way(config, to)


def tables(folder):
    """Return the columns and indices of the revisions."""
    with sqlite3.connect(folder / DATABASE_NAME) as reader:
        columns = sorted(row[1:4] for row in reader.execute("PRAGMA table_info(facility_revision)"))
        indices = {row[1]: [each[2] for each in reader.execute(f"PRAGMA index_info({row[1]})")]
                   for row in reader.execute("PRAGMA index_list(facility_revision)")}
    return columns, indices


def test_the_columns_are_derived_for_all_that_is_there(settings):
    """There and back: the same texts as if the revisions were written today; the log holds, nothing else changed."""
    store = init_workspace(settings)
    with store.writing() as session:
        for each in SOME:
            facilities.save(session, each, facility_id=None, author="王", origin="test")
        facilities.save(session, Facility(name="乐亭县医院", class_code="A100"), facility_id=1, author="王", origin="test")
    store.close()
    engine = _connect(settings.workspace / DATABASE_NAME)
    with engine.connect() as connection:
        written, new = connection.execute(text(READ)).all(), tables(settings.workspace)
    assert len(written) == 4
    step(engine, "0011")
    old = tables(settings.workspace)
    assert not DERIVED & {name for name, *_ in old[0]}
    assert set(old[1]) == set(new[1])
    assert old[1]["ix_facility_revision_names"][1] == "name"
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(text(READ)).all() == written
    assert tables(settings.workspace) == new
    engine.dispose()
    store = init_workspace(settings)
    with store.reading() as session:
        assert audit.verify(session).problem is None
        assert facilities.count(session, FacilityQuery(text="laoting")) == 1
    items, _, _ = features.facilities_page(store, finding.query_of(), cursor=None, limit=9, sort="name")
    assert [each["properties"]["name"] for each in items] == ["ICU_100%", "靖宇县人民医院", "乐亭县医院"]
    store.close()


def test_many_revisions_are_filled_in_batches(settings):
    """Of more than two batches none is left out."""
    store = init_workspace(settings)
    with store.writing() as session:
        facilities.save(session, SOME[0], facility_id=None, author="王", origin="test")
    store.close()
    engine = _connect(settings.workspace / DATABASE_NAME)
    step(engine, "0011")
    with engine.begin() as connection:
        columns = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(facility_revision)") if row[1] not in ("id", "name")]
        connection.exec_driver_sql(
            f"INSERT INTO facility_revision (name, {', '.join(columns)}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) "
            f"SELECT '第' || i || '诊所', {', '.join(columns)} FROM facility_revision, n")
    upgrade(engine)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT name, search_text, name_order FROM facility_revision WHERE id > 1")).all()
        assert len(found) == 10001
        assert all(told.startswith(f"{name}\n") and order == order_of(name) for name, told, order in found)
    engine.dispose()


def test_the_readings_of_places_agree_with_the_phrases_of_pypinyin():
    """Where the phrases know a place they read it as we do; each of ours is needed; the phrases are read in a process of their own."""
    words = [*_PLACES]
    code = ("import sys; from pypinyin import Style, lazy_pinyin; from pypinyin.phrases_dict import phrases_dict\n"
            "print(*(' '.join(lazy_pinyin(w, style=Style.TONE3, neutral_tone_with_five=True)) if w in phrases_dict else '-' for w in sys.argv[1:]), sep='\\n')")
    answer = subprocess.run([sys.executable, "-X", "utf8", "-c", code, *words], capture_output=True, text=True, encoding="utf-8", check=True,
                            env={name: value for name, value in os.environ.items() if name != "PYPINYIN_NO_PHRASES"})
    told = dict(zip(words, answer.stdout.splitlines(), strict=True))
    assert sum(each != "-" for each in told.values()) > 20
    others = {word: reading for word, reading in told.items() if reading not in ("-", _PLACES[word])}
    assert others == {"大夫": "da4 fu1"}  # there it is the official of old; here it is a physician
    assert all(len(word) == len(_PLACES[word].split()) for word in words)
    plain = {word: " ".join(_IN_NAMES.get(each) or commonest_reading(each) for each in word) for word in words}
    assert [word for word in words if plain[word] == _PLACES[word]] == []
