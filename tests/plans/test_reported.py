"""Figures reported after a plan was written: read from a table, trended, judged; what cannot be read is told with line and cure."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from plans.made_plans import plan_of
from sqlalchemy import text
from typer.testing import CliRunner

from geosvc.cli import app
from geosvc.errors import Conflict, DefinitionError, NotFound, UnreadableFile
from geosvc.plans.plan import Plan
from geosvc.plans.reasons import in_chinese
from geosvc.plans.reported import Reported, form_of, read_reported, with_reported
from geosvc.plans.verdicts import Verdict, standing_of, trend_of
from geosvc.registry import audit
from geosvc.registry.moments import PRESENT, AsOf
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.store.plan_documents import PlanDocumentRow
from geosvc.workflows import history, plan_documents, planning
from geosvc.workflows.backup import restore_backup, write_backup
from geosvc.workflows.workspace import init_workspace, open_workspace

TEXT = """  - {id: life, quote: 人均预期寿命, kind: PROC, year: 2020->2025, indicator: {unit: 岁, baseline: '78', target: '79'}}
  - {id: beds, quote: 床位数, kind: STOCK, year: 2020->2025, indicator: {compute: {stock: {measure: beds}}, baseline: 100, target: 200}}
"""
HEAD = "指标编号,指标,年份,数值,来源\n"


def made() -> Plan:
    return plan_of(TEXT)


def read(rows: str, year: int = 2024) -> Reported:
    return read_reported(HEAD + rows, made(), name="年报.csv", year=year)


def test_a_reported_value_is_trended_and_judged() -> None:
    """78 in 2020, 79 for 2025: 78.9 at the beginning of 2023 is ahead of 78.5, the straight line; before the report nobody can say."""
    plan = with_reported(made(), read("life,,2023,78.9,2023年统计公报\n"))
    statement = plan.statements[0]
    one = statement.indicators[0]
    assert [(each.year, each.text, each.source) for each in trend_of(one)] == [(2020, "78", None), (2023, "78.9", "2023年统计公报")]
    assert standing_of(statement, one, None, day="2024-01-01").verdict is Verdict.ON_COURSE
    assert standing_of(statement, one, None, day="2022-12-31").verdict is Verdict.NO_FIGURE
    assert standing_of(made().statements[0], made().statements[0].indicators[0], None, day="2024-01-01").verdict is Verdict.NO_FIGURE


@pytest.mark.parametrize(("rows", "said", "cure"), [
    ("lifes,,2023,78.9,公报\n", "no indicator 'lifes'", "life is near"),
    ("life,,2025,78.9,公报\n", "'2025'", "1900 to 2024"),
    ("life,,二〇二三,78.9,公报\n", "'二〇二三'", "1900 to 2024"),
    ("life,,2023,七十八,公报\n", "'七十八'", "such as"),
    ("life,,2023,≥78,公报\n", "'≥78'", "a number, such as 37.1"),
    ("life,,2023,——,公报\n", "'——'", "a number, such as 37.1"),
    ("life,,2023,78.9‰,公报\n", "is counted in 岁", "give the number in 岁"),
    ("life,,2024,3%,公报\n", "is counted in 岁", "give the number in 岁"),
    ("life,,2023,1,200,公报\n", "has 6 cells", "without commas"),
    ("life,,2023,78.9,\n", "source is missing", "2023年统计公报"),
    ("life,,2023,78.8,公报\nlife,,2023,78.9,年报\n", "second figure of 2023", "keep the one"),
])
def test_what_cannot_be_read_is_told_with_line_and_cure(rows: str, said: str, cure: str) -> None:
    """The other rows are read."""
    found = read(rows + "beds,,2023,120,年报\n")
    (problem,) = found.problems
    assert str(problem).startswith(f"年报.csv:{len(rows.splitlines()) + 1}: ")
    assert said in problem.text
    assert cure in problem.text
    assert in_chinese(problem.text), problem.text
    assert [each.value for each in found.figures["beds"]] == [120.0]


def test_a_table_of_tabs_and_line_ends_of_old_machines() -> None:
    found = read_reported("指标编号\t年份\t数值\t来源\rbeds\t2023\t1,200\t年报\r", made(), name="年报.csv", year=2024)
    assert [each.value for each in found.figures["beds"]] == [1200.0]


def test_a_quotation_mark_that_never_closes_swallows_no_rows() -> None:
    with pytest.raises(UnreadableFile, match=r"年报.csv:2: a quotation mark .* never closes"):
        read('life,"预期寿命,2023,78.9,公报\nbeds,,2023,120,年报\n')


def test_a_table_without_its_columns_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"年报.csv:1: .*年份 or year, 来源 or source; got 指标编号, 数值"):
        read_reported("指标编号,数值\nlife,78.9\n", made(), name="年报.csv", year=2024)
    with pytest.raises(DefinitionError, match="got nothing"):
        read_reported("", made(), name="年报.csv", year=2024)


def test_the_form_is_read_as_it_is() -> None:
    """Stored indicators with a target have an empty row; nothing that is computed has one; what was reported stays."""
    empty = form_of(made())
    assert empty == [["指标编号", "指标", "年份", "数值", "来源"], ["life", "人均预期寿命", "", "", ""]]
    assert read("life,人均预期寿命,,,\n") == Reported(figures={})
    figures = read("life,,2022,78.4,公报\nlife,,2023,78.9,公报\n").figures
    rows = form_of(made(), [("life", each) for each in figures["life"]])
    text = "\n".join(",".join(row) for row in rows)
    assert read_reported(text, made(), name="f", year=2024).figures == figures


@pytest.fixture
def workspace(tmp_path: Path) -> tuple[Store, Settings]:
    settings = Settings(workspace=tmp_path / "workspace")
    return init_workspace(settings), settings


def test_by_hand(workspace: tuple[Store, Settings], tmp_path: Path) -> None:
    """The form, filled in, is kept; what is refused leaves a message and a code."""
    def run(*arguments: str) -> tuple[int, str]:
        answer = CliRunner().invoke(app, ["plan", "report", "national-2025", *arguments, "--workspace", str(workspace[1].workspace)])
        return answer.exit_code, answer.stdout if answer.exit_code == 0 else str(answer.exception)

    code, form = run()
    assert code == 0
    empty = next(each for each in form.splitlines() if each.startswith("national-2025-027,"))
    file = tmp_path / "form.csv"
    file.write_text(form.replace(empty, empty.removesuffix(",,,") + ",2023,86.2%,公报"), "utf-8")
    assert run(str(file)) == (0, "1 figure is kept; geosvc plan show national-2025\n")
    assert "86.2%" in run()[1]
    assert run("--forget")[0] == 0
    assert run("--forget")[0] != 0
    told = CliRunner().invoke(app, ["plan", "texts", "national-2025", "--json", "--workspace", str(workspace[1].workspace)])
    gone, sent = json.loads(told.stdout)["texts"]
    assert (gone["taken_away"], sent["taken_away"], sent["until"] == gone["recorded_at"]) == (True, False, True)
    then = CliRunner().invoke(app, ["plan", "show", "national-2025", "--recorded", sent["recorded_at"], "--json", "--workspace", str(workspace[1].workspace)])
    assert "86.2%" in then.stdout
    assert "nothing was sent" in CliRunner().invoke(app, ["plan", "texts", "jingyu-2025", "--workspace", str(workspace[1].workspace)]).stdout


def first(store: Store) -> dict[str, object]:
    told = planning.plan_board(store, "national-2025", PRESENT, indicator="national-2025-027")
    return next(one for each in told["statements"] for one in each["indicators"] if one["id"] == "national-2025-027")


def test_reported_for_a_shipped_plan_kept_backed_up_and_forgotten(workspace: tuple[Store, Settings], tmp_path: Path) -> None:
    """In GBK, as spreadsheets save; a table with a fault leaves what was kept before."""
    store, _settings = workspace

    def report(rows: str, encoding: str = "utf-8") -> int:
        return plan_documents.report_figures(store, "national-2025", (HEAD + rows).encode(encoding), "年报.csv", author="李四")

    before = first(store)
    assert report("national-2025-027,,2023,86.2%,统计公报\n", "gb18030") == 1
    told = first(store)
    assert (before["verdict"], told["verdict"], told["year"]) == ("no_figure", "met", 2023)
    kept = plan_documents.reports_of(store, "national-2025")
    assert ["national-2025-027", "2023", "86.2%", "统计公报"] in [[row[0], *row[2:]] for row in kept["form"]]
    assert [(each["indicator"], each["year"], each["value"], each["source"]) for each in kept["figures"]] == [("national-2025-027", 2023, "86.2%", "统计公报")]
    assert (kept["sent"]["name"], kept["sent"]["author"]) == ("年报.csv", "李四")
    with pytest.raises(DefinitionError, match="年报.csv:2: national-2025-027"):
        report("national-2025-027,,2023,多,统计公报\n")
    with pytest.raises(DefinitionError, match="no row has a value"):
        report("")
    assert first(store) == told
    write_backup(store, tmp_path / "backup.zip")
    restore_backup(tmp_path / "backup.zip", tmp_path / "again")
    again = open_workspace(Settings(workspace=tmp_path / "again"))
    assert first(again) == told
    again.close()
    plan_documents.forget_reports(store, "national-2025", author="王五")
    assert first(store) == before
    with pytest.raises(NotFound, match="nothing is reported"):
        plan_documents.forget_reports(store, "national-2025", author="王五")
    lines = [(each["action"], each["author"]) for each in history.audit_lines(store) if each["subject"] == "plan:national-2025/reported"]
    assert lines == [("create", "李四"), ("remove", "王五")]
    assert history.verify(store).holds


def test_a_workspace_from_before_gives_its_folder_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Plan files and figures lay in a folder; bringing the workspace up to date takes them in, and leaves what cannot be read."""
    settings = Settings(workspace=tmp_path / "workspace")
    init_workspace(settings).close()
    folder = settings.workspace / "plans"
    folder.mkdir()
    (folder / "own.yaml").write_text(f"plan: {{id: own, title: 自己的规划, period: 2021-2025}}\nstatements:\n{TEXT}", "utf-8")
    (folder / "own.reported.csv").write_text(HEAD + "life,,2023,78.9,公报\n", "gb18030")
    (folder / "torn.yaml").write_text("plan: [", "utf-8")
    (folder / "national-2025.reported.csv").write_text(HEAD + 'national-2025-027,"声环境,2023,86.2%,公报\n', "utf-8")
    (folder / "nobody.reported.csv").write_text(HEAD, "utf-8")
    (folder / "a-older.yaml").write_text((folder / "own.yaml").read_text("utf-8").replace("自己的规划", "旧稿"), "utf-8")
    (folder / "folder.yaml").mkdir()
    store = init_workspace(settings)
    assert [each.year for each in plan_documents.plan_named(store, "own").statements[0].indicators[0].observed] == [2023]
    assert plan_documents.plan_named(store, "own").title == "自己的规划", "of two files the one that was in use"
    assert sorted(each.name for each in folder.iterdir()) == [
        "a-older.yaml", "folder.yaml", "national-2025.reported.csv", "nobody.reported.csv", "torn.yaml"], "what is not kept stays"
    assert "national-2025.reported.csv" in caplog.text
    shutil.rmtree(folder)
    store.close()
    init_workspace(settings).close()
    assert not folder.exists()


def test_a_table_that_cannot_be_read_any_more_stands_in_nobodys_way(workspace: tuple[Store, Settings]) -> None:
    """Readers become stricter: its plan says what is wrong, the other plans stay, and it can be forgotten."""
    store, _settings = workspace
    with store.writing() as session:
        session.add(PlanDocumentRow(plan="national-2025", part="reported", name="旧.csv", text=HEAD + 'a,"b,2023,1,c\n', recorded_at="2026-01-01T00:00:00Z", author="李四"))
        session.add(PlanDocumentRow(plan="torn", part="file", name="torn.yaml", text="plan: [", recorded_at="2026-01-01T00:00:00Z", author="李四"))
    plans = plan_documents.plans_of(store)
    assert "torn" not in plans
    assert [str(each) for each in plans["national-2025"].problems] == [
        '旧.csv:2: a quotation mark (") opens in this row and never closes; close it, or take it away']
    assert not plans["jingyu-2025"].problems
    told = plan_documents.reports_of(store, "national-2025")
    assert (told["sent"]["name"], told["figures"], len(told["problems"])) == ("旧.csv", [], 1)
    plan_documents.forget_reports(store, "national-2025", author="王五")
    plan_documents.remove_plan(store, "torn", author="王五")
    assert plan_documents.reports_of(store, "national-2025")["sent"] is None


def test_two_who_report_at_once_are_told(workspace: tuple[Store, Settings]) -> None:
    """Whoever took the form before the other one sent is refused; what was sent stays."""
    store, _settings = workspace

    def report(value: str, seen: str | None) -> int:
        rows = f"national-2025-027,,2023,{value},公报\n"
        return plan_documents.report_figures(store, "national-2025", (HEAD + rows).encode(), "年报.csv", author="李四", seen=seen)

    assert report("86.2%", "none") == 1
    first_seen = plan_documents.reports_of(store, "national-2025")["sent"]["recorded_at"]
    with pytest.raises(Conflict, match="李四 sent 年报.csv") as told:
        report("1%", "none")
    assert str(in_chinese(str(told.value))).startswith("李四 刚刚报了 年报.csv")
    assert report("86.4%", first_seen) == 1
    with pytest.raises(Conflict):
        report("1%", first_seen)
    plan_documents.forget_reports(store, "national-2025", author="李四")
    with pytest.raises(Conflict, match="was forgotten"):
        report("1%", first_seen)
    assert report("86.5%", None) == 1
    plan_documents.forget_reports(store, "national-2025", author="李四")


def test_removing_a_plan_that_hides_a_published_one_forgets_its_figures_too(workspace: tuple[Store, Settings]) -> None:
    store, _settings = workspace
    own = f"plan: {{id: national-2025, title: 县里的, period: 2021-2025}}\nstatements:\n{TEXT}"
    plan_documents.add_plan(store, own.encode(), "own.yaml", author="李四")
    plan_documents.report_figures(store, "national-2025", (HEAD + "life,,2023,78.9,公报\n").encode(), "年报.csv", author="李四")
    plan_documents.remove_plan(store, "national-2025", author="李四")
    assert plan_documents.reports_of(store, "national-2025")["sent"] is None
    assert not plan_documents.plan_named(store, "national-2025").problems


def test_what_was_sent_before_is_still_known(workspace: tuple[Store, Settings]) -> None:
    """A plan that is replaced, reported for, and removed: each moment has the texts that were there then, and the log holds."""
    store, _settings = workspace
    for title in ("初稿", "定稿"):
        plan_documents.add_plan(store, f"plan: {{id: own, title: {title}, period: 2021-2025}}\nstatements:\n{TEXT}".encode(), f"{title}.yaml", author="李四")
    plan_documents.add_plan(store, f"plan: {{id: own, title: 定稿, period: 2021-2025}}\nstatements:\n{TEXT}".encode(), "again.yaml", author="王五")
    plan_documents.report_figures(store, "own", (HEAD + "life,,2023,78.9,公报\n").encode(), "年报.csv", author="李四")
    plan_documents.remove_plan(store, "own", author="王五")
    sent = plan_documents.texts_sent(store, "own")
    assert sorted((each["part"], each["name"], each["author"], each["taken_away"]) for each in sent) == sorted([
        ("file", "初稿.yaml", "李四", False), ("file", "定稿.yaml", "李四", False), ("file", "定稿.yaml", "王五", True),
        ("reported", "年报.csv", "李四", False), ("reported", "年报.csv", "王五", True)]), "the same text again is no other one"
    first_sent, second_sent, reported = (next(each["recorded_at"] for each in sent if each["name"] == name and not each["taken_away"]) for name in ("初稿.yaml", "定稿.yaml", "年报.csv"))
    assert "own" not in plan_documents.plans_of(store)
    with pytest.raises(NotFound):
        plan_documents.plan_text(store, "own")
    assert [planning.plan_board(store, "own", AsOf(recorded_at=moment))["title"] for moment in (first_sent, second_sent)] == ["初稿", "定稿"]
    assert "title: 初稿" in plan_documents.plan_text(store, "own", first_sent)
    assert plan_documents.reports_of(store, "own", second_sent)["figures"] == []
    assert [each["value"] for each in plan_documents.reports_of(store, "own", reported)["figures"]] == ["78.9"]
    with pytest.raises(NotFound):
        planning.plan_board(store, "own", AsOf(recorded_at="2020-01-01T00:00:00.000000Z"))
    lines = [(each["action"], each["author"]) for each in history.audit_lines(store) if each["subject"] == "plan:own/file"]
    assert lines == [("create", "李四"), ("change", "李四"), ("remove", "王五")]
    assert history.verify(store).holds
    plan_documents.add_plan(store, f"plan: {{id: own, title: 又一稿, period: 2021-2025}}\nstatements:\n{TEXT}".encode(), "own.yaml", author="李四")
    assert plan_documents.plan_named(store, "own").title == "又一稿"
    assert plan_documents.reports_of(store, "own")["sent"] is None, "what was removed with the plan is not back with it"
    assert history.verify(store).holds
    plan_documents.remove_plan(store, "own", author="王五")
    assert plan_documents.texts_sent(store, "jingyu-2025") == []
    with pytest.raises(NotFound):
        plan_documents.texts_sent(store, "nobody")


def test_a_text_changed_past_the_log_is_noticed(workspace: tuple[Store, Settings]) -> None:
    """Also one in whose place another stands, and one that is believed again."""
    store, _settings = workspace
    for value in ("86.2%", "86.3%"):
        plan_documents.report_figures(store, "national-2025", (HEAD + f"national-2025-027,,2023,{value},公报\n").encode(), "年报.csv", author="李四")

    def verified_after(change: str) -> str:
        with store.writing() as session:
            session.execute(text(change))
            problem = str(audit.verify(session).problem)
            session.rollback()
        return problem

    old = "(SELECT replaces FROM plan_document WHERE replaces IS NOT NULL AND superseded_at IS NULL AND plan = 'national-2025')"
    assert "was changed past the log" in verified_after(f"UPDATE plan_document SET text = text || '#' WHERE id = {old}")
    assert "is gone" in verified_after(f"DELETE FROM plan_document WHERE id = {old}")
    assert "is believed again" in verified_after(f"UPDATE plan_document SET superseded_at = '2020-01-01T00:00:00.000000Z' WHERE id = {old}")
    plan_documents.forget_reports(store, "national-2025", author="李四")
