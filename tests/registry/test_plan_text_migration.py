"""A workspace whose plan texts had no history is brought up to date and keeps everything."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from geosvc.registry import audit
from geosvc.store.audit import FIRST, Said, content_sha256, sealed
from geosvc.store.engine import DATABASE_NAME, _connect
from geosvc.store.migrate import upgrade
from geosvc.workflows import plan_documents
from geosvc.workflows.workspace import init_workspace

FILE = {"plan": "own", "part": "file", "text": "plan: {id: own, title: 自己的规划, period: 2021-2025}\nstatements:\n  - {id: a, quote: 床位数, kind: GOV, recorded: 不计算}\n"}
GONE = {"plan": "own", "part": "reported", "text": "x"}


def old_workspace(folder):
    """Make a workspace of schema 0014 with a plan file that was sent, changed, and a table that was sent and forgotten, all in its log."""
    folder.mkdir(parents=True)
    engine = _connect(folder / DATABASE_NAME)
    upgrade(engine, "0014")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO plan_document (plan, part, name, text, recorded_at, author) VALUES (:plan, :part, 'own.yaml', :text, '2026-01-02', '王')"), FILE)
        seal = FIRST
        for number, (action, content) in enumerate([("create", {**FILE, "text": "old"}), ("change", FILE), ("create", GONE), ("remove", GONE)], start=1):
            said = Said(at="2026-01-01", author="王", action=action, subject=f"plan:own/{content['part']}", revision=None, reason=None, origin=None,
                        content=content_sha256(content))
            line = sealed(said, number, seal)
            seal = line["hash"]
            connection.execute(text("INSERT INTO audit (id, at, author, action, subject, revision, reason, origin, content, previous, hash) VALUES "
                                    "(:id, :at, :author, :action, :subject, :revision, :reason, :origin, :content, :previous, :hash)"), line)
    return engine


def test_the_texts_are_there_and_their_lines_still_answer(settings):
    """The log from before holds, and after a change too; what was there first is known then."""
    old_workspace(settings.workspace).dispose()
    store = init_workspace(settings)
    assert plan_documents.plan_named(store, "own").title == "自己的规划"
    assert plan_documents.reports_of(store, "own")["sent"] is None
    with store.reading() as session:
        assert audit.verify(session).problem is None
    plan_documents.add_plan(store, FILE["text"].replace("自己的规划", "新的").encode(), "new.yaml", author="李")
    assert [each["name"] for each in plan_documents.texts_sent(store, "own")] == ["new.yaml", "own.yaml"]
    assert plan_documents.plan_named(store, "own", "2026-01-03").title == "自己的规划"
    with store.reading() as session:
        assert audit.verify(session).problem is None
    store.close()


def test_the_way_back_keeps_what_is_there(settings):
    """Downgrading to the schema from before leaves the texts of today."""
    old_workspace(settings.workspace).dispose()
    store = init_workspace(settings)
    plan_documents.add_plan(store, FILE["text"].replace("自己的规划", "新的").encode(), "new.yaml", author="李")
    store.close()
    config = Config()
    config.set_main_option("script_location", "geosvc:store/migrations")
    config.set_main_option("path_separator", "os")
    engine = _connect(settings.workspace / DATABASE_NAME)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0014")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT plan, part, name FROM plan_document")).all() == [("own", "file", "new.yaml")]
    engine.dispose()
