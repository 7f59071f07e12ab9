"""Lists of facilities: searched, filtered, sorted and cut into pages."""

from __future__ import annotations

import sqlite3
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import event

from geosvc.errors import InvalidParameter
from geosvc.registry import audit, facilities, history
from geosvc.registry.facilities import Facility
from geosvc.registry.revisions import content_of
from geosvc.settings import Settings
from geosvc.store import facilities as stored
from geosvc.store import facility_lists
from geosvc.store.engine import DATABASE_NAME
from geosvc.store.facilities import FacilityQuery, select_values
from geosvc.store.facility_lists import SORTS
from geosvc.store.pinyin import readings_of
from geosvc.workflows import features, finding
from geosvc.workflows.workspace import init_workspace

HOSPITAL = Facility(
    name="靖宇县人民医院", class_code="A100", short_name="县医院", area_code="220622100201", lon=126.8, lat=42.4,
    position_method="surveyed", aliases=["靖宇县第一医院", 'ICU"中心"'], source="2025 年名录",
    identifiers=[{"scheme": "uscc", "value": "12220622412761234X"}, {"scheme": "local", "value": "JG-0007"}],
)
CLINIC = Facility(name="保安村卫生室", class_code="D600", area_code="220622101202", state="closed", illustrative=True)
STATION = Facility(name="抚松县急救站", class_code="E300", area_code="220621100", lon=127.3, lat=42.3, position_method="building")


def register(store, *some):
    with store.writing() as session:
        return [facilities.save(session, each, facility_id=None, author="王", origin="test")[0] for each in some]


def found(store, **asked):
    items, matched, _ = features.facilities_page(store, finding.query_of(**asked), cursor=None, limit=100)
    assert matched == len(items)
    return [each["properties"]["name"] for each in items]


@pytest.fixture
def three(store):
    """A hospital, a closed clinic to be located, and an emergency station of the next county."""
    register(store, HOSPITAL, CLINIC, STATION)
    return store


@pytest.mark.parametrize(("text", "names"), [
    ("医院", [HOSPITAL.name]),  # two characters
    ("县", [HOSPITAL.name, STATION.name]),
    ("县医院", [HOSPITAL.name]),  # the short name
    ("第一医院", [HOSPITAL.name]),  # an alias
    ('icu"中心"', [HOSPITAL.name]),  # small letters find large ones, and what JSON has to escape
    ("jg-0007", [HOSPITAL.name]), ("412761234", [HOSPITAL.name]), ("2", [HOSPITAL.name, CLINIC.name]),
    ("靖宇 医院", [HOSPITAL.name]), ("靖宇　急救", []), ("急救 抚松", [STATION.name]),
    ("scheme", []), ("[", []), ("%", []), ("_", []), ("医_院", []), ("\\", []), ("'; DROP TABLE facility; --", []),
    ("jg", []), ("ICU", [HOSPITAL.name]), ("ＩＣＵ", [HOSPITAL.name]), ("cu", [HOSPITAL.name]), ("0007", [HOSPITAL.name]), ("local", []),
    ("u9756", []), ("   ", [HOSPITAL.name, CLINIC.name, STATION.name]),
])
def test_a_search_finds_what_a_facility_is_called_by(three, text, names):
    """Name, short name, alias, identifier and number; every word must be found; no sign has a meaning of its own."""
    assert found(three, text=text) == names


@pytest.mark.parametrize(("text", "names"), [
    ("%", ["甲"]), ("_", ["甲"]), ("'", ["甲"]), ("[", []), ("]", []), (",", []), ('"', [HOSPITAL.name]), ("\\", []),
])
def test_a_sign_is_found_where_it_stands(three, text, names):
    """Signs are text like any other: wildcards and quotes, and what a list is written with does not count."""
    register(three, replace(CLINIC, name="甲", aliases=["百分之百%_'", "乙"]))
    assert found(three, text=text) == names


@pytest.mark.parametrize(("asked", "names"), [
    ({"class_prefix": "a"}, [HOSPITAL.name]), ({"class_prefix": "X"}, []), ({"state": "closed"}, [CLINIC.name]),
    ({"area": "220622"}, [HOSPITAL.name, CLINIC.name]), ({"area": "2206221002"}, [HOSPITAL.name]),
    ({"located": False}, [CLINIC.name]), ({"located": True, "area": "220621"}, [STATION.name]),
    ({"illustrative": True}, [CLINIC.name]), ({"illustrative": False}, [HOSPITAL.name, STATION.name]),
    ({"source": "名录"}, [HOSPITAL.name]), ({"bbox": (127.0, 42.0, 128.0, 43.0)}, [STATION.name]),
    ({"bbox": (127.0, 42.0, 128.0, 43.0), "text": "医院"}, []), ({"updated_since": "2020-01-01"}, [HOSPITAL.name, CLINIC.name, STATION.name]),
    ({"updated_since": "2999-01-01"}, []), ({"text": "县", "class_prefix": "E", "state": "operating"}, [STATION.name]),
])
def test_filters_restrict_and_add_up(three, asked, names):
    """Each filter alone and some together; what has no position lies in no box."""
    assert found(three, **asked) == names


@pytest.mark.parametrize("asked", [
    {"state": "open"}, {"text": "词 " * 9}, {"text": "长" * 201}, {"source": "长" * 201}, {"updated_since": "gestern"}, {"date": "2026-13-01"},
])
def test_a_question_that_means_nothing_is_refused(asked):
    """The refusal says what was expected."""
    with pytest.raises(InvalidParameter, match="must be|at most|expected|month"):
        finding.query_of(**asked)


NAMES = st.text(alphabet="甲乙丙安西ab%_' 医1", min_size=1, max_size=4).filter(str.strip)
SOME = st.lists(
    st.builds(
        Facility, name=NAMES, class_code=st.sampled_from(["A100", "A210", "D600"]), state=st.sampled_from(["operating", "closed"]),
        area_code=st.sampled_from([None, "220621", "220622100"]), aliases=st.lists(NAMES, max_size=2),
    ), min_size=1, max_size=12)


def said(text):
    """Return a text in one spelling: width and small letters."""
    return unicodedata.normalize("NFKC", text).lower()


def read_as(name):
    """Return, for each stretch of characters that have a reading, their syllables; signs are passed over."""
    stretches = [[]]
    plain = unicodedata.normalize("NFKC", name)
    for each, reading in zip(plain, readings_of(plain), strict=True):
        if reading is not None:
            stretches[-1].append(reading[:-1])
        elif each.isalnum():
            stretches.append([])
    return [each for each in stretches if each]


def sounds_like(name, word):
    """Say whether a word is what a name is read as: from one of its syllables on, or its initials; two letters from its beginning only."""
    word = word.replace("'", "").replace("ü", "v")
    if len(word) < 2 or not (word.isascii() and word.isalpha()):
        return False
    for at, syllables in enumerate(read_as(name)):
        for begin in range(len(syllables)):
            from_here = ("".join(syllables[begin:]), "".join(each[0] for each in syllables[begin:]))
            if any(each.startswith(word) for each in from_here) and (len(word) > 2 or (at, begin) == (0, 0)):
                return True
    return False


def word_found(each, word):
    """The slow obvious twin of a search for one word."""
    one, word = each.facility, said(word)
    called = [said(text) for text in (one.name, one.short_name or "", *one.aliases)]
    codes = [said(identifier["value"]) for identifier in one.identifiers]
    latin = any("a" <= letter <= "z" for letter in word)
    if latin and not any(letter.isdigit() for letter in word):
        codes = []  # "jg" would find all whose numbers begin with it
    return any(word in text for text in (*called, *codes)) or word == str(each.id) or sounds_like(one.name, word)


def by_hand(everything, asked, order):
    """The slow obvious twin: all of them, looked through and sorted."""
    def kept(each):
        one = each.facility
        return (
            all(word_found(each, word) for word in (asked.get("text") or "").split())
            and one.class_code.startswith(asked.get("class_prefix") or "") and one.state == (asked.get("state") or one.state)
            and (one.area_code or "").startswith(asked.get("area") or "")
        )

    def by_name(each):
        plain = unicodedata.normalize("NFKC", each.facility.name).upper()
        return [(reading or letter, letter) for letter, reading in zip(plain, readings_of(plain), strict=True)]

    keys = {"id": lambda each: each.id, "name": by_name, "class": lambda each: each.facility.class_code, "updated": lambda each: each.recorded_at}
    return [each.id for each in sorted(filter(kept, everything), key=lambda each: (keys[order.by](each), each.id), reverse=order.descending)]


def pages(store, query, sort, limit, between=lambda: None):
    """Follow the next links to the end; ``between`` happens after each page."""
    seen, cursor = [], None
    while True:
        items, matched, cursor = features.facilities_page(store, query, cursor=cursor, limit=limit, sort=sort)
        seen.append(([each["id"] for each in items], matched))
        if cursor is None:
            return seen
        between()


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    some=SOME, sort=st.sampled_from(finding.SORT_WORDS), limit=st.integers(1, 5), data=st.data(),
    text=st.none() | st.text(alphabet="甲乙丙aB%_医 ", max_size=3) | st.sampled_from(["an", "xian", "xi'an", "yb", "jia yi", "ybj", "nx"]), class_prefix=st.sampled_from([None, "A", "A2", "D600"]),
    state=st.sampled_from([None, "closed"]), area=st.sampled_from([None, "2206", "220622"]), first=st.sampled_from([1, 5, 1500]),
    few=st.sampled_from([0, 1, 5]),
)
def test_pages_are_what_a_person_would_cut_by_hand(tmp_path_factory, some, sort, limit, data, text, class_prefix, state, area, first, few):
    """Any search, filter, order and page size, after changes and deletions, gives what the slow obvious way gives.

    Also where a page lies beyond the rows that a search looks at first.
    """
    store = init_workspace(Settings(workspace=tmp_path_factory.mktemp("list") / "w"))
    patch = pytest.MonkeyPatch()
    patch.setattr(facility_lists, "_SOUGHT_FIRST", first)
    patch.setattr(facility_lists, "_FETCHED_FIRST", first)
    patch.setattr(facility_lists, "_FEW", few)
    try:
        ids = register(store, *some)
        with store.writing() as session:
            for number in data.draw(st.lists(st.sampled_from(ids), max_size=3, unique=True)):
                history.delete(session, number, author="王", origin="test", reason="不存在")
        asked = {"text": text, "class_prefix": class_prefix, "state": state, "area": area}
        order = finding.order_of(sort)
        with store.reading() as session:
            expected = by_hand(facilities.find(session, FacilityQuery()), asked, order)
        told = pages(store, finding.query_of(**asked), sort, limit)
        assert [number for page, _ in told for number in page] == expected
        assert {matched for _, matched in told} == {len(expected)}
        assert all(len(page) == limit for page, _ in told[:-1])
    finally:
        patch.undo()
        store.close()


@pytest.mark.parametrize("sort", finding.SORT_WORDS)
@pytest.mark.parametrize("text", [None, "室"])
def test_what_did_not_change_between_pages_is_neither_lost_nor_doubled(store, sort, text):
    """While somebody pages, others add, rename and delete: all untouched facilities appear exactly once."""
    ids = register(store, *(replace(CLINIC, name=f"第{chr(0x4e00 + 37 * n % 50)}卫生室") for n in range(20)))
    touched = iter(ids[::4])

    def meanwhile():
        number = next(touched, None)
        with store.writing() as session:
            facilities.save(session, replace(CLINIC, name="一号新卫生室"), facility_id=None, author="李", origin="test")
            facilities.save(session, replace(CLINIC, name="龥末卫生室"), facility_id=None, author="李", origin="test")
            if number is not None:
                history.delete(session, number, author="李", origin="test", reason="不存在")

    told = [number for page, _ in pages(store, finding.query_of(text=text), sort, 7, meanwhile)[:20] for number in page]
    untouched = set(ids) - set(ids[::4])
    assert [number for number in told if number in untouched] == [number for number in dict.fromkeys(told) if number in untouched]
    assert untouched <= set(told)


@pytest.mark.parametrize(("sort", "cursor"), [
    ("name", "WyJuYW1lIiwi5LmZIiwxXQ"), ("name", "12"), ("name", "%%%"), ("name", "W10"), (None, "-1"), (None, "²"), ("class", finding.cursor_of(finding.order_of("name"), ("甲", 1))),
    ("name", finding.cursor_of(finding.Order(by="name"), ("\ud800", 1))), ("size", None), ("--name", None),
])
def test_a_made_up_cursor_or_order_is_refused(three, sort, cursor):
    """A cursor of another order would skip facilities without a word: of another column, or of names by code points as once."""
    with pytest.raises(InvalidParameter):
        features.facilities_page(three, FacilityQuery(), cursor=cursor, limit=2, sort=sort)


def test_an_account_of_one_county_finds_and_counts_its_own_only(three):
    """Search, count, classes and what is remembered of them stop at the border."""
    limited = three.limited_to(["220621"])
    assert found(limited, text="县") == [STATION.name]
    assert features.classes_in_use(three) == ["A100", "D600", "E300"]
    assert features.classes_in_use(limited) == ["E300"]
    assert (features.count_to_be_located(three), features.count_to_be_located(limited)) == (1, 0)


def test_what_is_remembered_is_forgotten_with_the_next_change(three):
    """Counts on pages are never those from before a change, by whichever door it came."""
    assert features.classes_in_use(three) == ["A100", "D600", "E300"]
    (number,) = register(three, replace(CLINIC, class_code="X001"))
    assert features.classes_in_use(three) == ["A100", "D600", "E300", "X001"]
    assert features.count_to_be_located(three) == 2
    with three.writing() as session:
        history.delete(session, number, author="王", origin="test", reason="不存在")
    assert features.classes_in_use(three) == ["A100", "D600", "E300"]
    assert features.count_to_be_located(three) == 1


def test_lists_are_answered_from_indices_alone(three, settings, monkeypatch):
    """Every order and filter is a walk over an index that knows all: 100,000 wide rows are never read for a page.

    But for the names of a few that a search found, which are looked up.
    """
    monkeypatch.setattr(facility_lists, "_FEW", 0)
    asked = [{}, {"text": "医院"}, {"class_prefix": "D", "state": "closed"}, {"area": "2206"}, {"located": False}, {"illustrative": True},
             {"bbox": (126.0, 42.0, 128.0, 43.0)}, {"source": "名录"}, {"updated_since": "2026-01-01"}]
    statements = []
    with sqlite3.connect(settings.workspace / DATABASE_NAME) as reader:
        @event.listens_for(three._engine, "before_cursor_execute")
        def _note(_connection, _cursor, statement, parameters, _context, _many):
            statements.append((statement, parameters))

        for each in asked:
            for sort in SORTS:
                features.facilities_page(three, finding.query_of(**each), cursor=None, limit=2, sort=sort)
        plans = {
            statement: [row[3] for row in reader.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in statements if statement.startswith(("SELECT facility_revision.id \n", "SELECT count", "WITH"))
        }
    assert len(plans) > len(asked)
    for statement, plan in plans.items():
        touching = [step for step in plan if "facility_revision" in step]
        assert touching, statement
        assert all("COVERING INDEX" in step for step in touching), (statement, plan)


def test_a_word_that_many_names_hold_is_not_looked_for_in_all_of_them(store):
    """A page that the first rows fill is taken from them; where they do not, all rows are searched, once."""
    register(store, *(replace(CLINIC, name=f"第{number}卫生室") for number in range(20)), *(replace(STATION, name=f"{number}号急救站") for number in range(20)))
    statements = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def _note(_connection, _cursor, statement, _parameters, _context, _many):
        statements.append(statement)

    with pytest.MonkeyPatch.context() as patch:
        # Of the first 23 a clinic name fills a page, and three are stations: too few for one.
        for first, text, searched in ((10, "卫生室", 0), (10, "急救", 1), (23, "急救", 1), (30, "急救", 0)):
            patch.setattr(facility_lists, "_SOUGHT_FIRST", first)
            statements.clear()
            items, matched, _ = features.facilities_page(store, finding.query_of(text=text), cursor=None, limit=5)
            assert (len(items), matched) == (5, 20)
            assert sum(each.startswith("WITH") for each in statements) == searched


@pytest.mark.parametrize("at_once", [1, 2, 3, 2000])
def test_groups_read_together_stay_with_their_facilities(three, monkeypatch, at_once):
    """The JSON of many rows is read in one call: each gets its own groups back, the empty ones too."""
    full = replace(HOSPITAL, name="丙", beds=[{"kind": "actual", "year": None, "count": 7}], contact={"telephone": "1"})
    register(three, replace(CLINIC, name="甲", aliases=["a,b", "]["]), CLINIC, full)
    monkeypatch.setattr(stored, "_READ_AT_ONCE", at_once)
    names = ("facility_id", "name", "aliases", "beds", "identifiers", "contact")
    with three.reading() as session:
        one_by_one = [[each.id, *(getattr(each.facility, name) for name in names[1:])] for each in facilities.find(session, FacilityQuery())]
        assert [*select_values(session, FacilityQuery(), names)] == one_by_one


@pytest.mark.parametrize(("text", "names"), [
    ("jyxrmyy", [HOSPITAL.name]), ("jingyu", [HOSPITAL.name]), ("JingYu", [HOSPITAL.name]), ("jingyux", [HOSPITAL.name]), ("rmyy", [HOSPITAL.name]),
    ("renmin yiyuan", [HOSPITAL.name]), ("靖宇 rmyy", [HOSPITAL.name]), ("wss", [CLINIC.name]), ("bacwss", [CLINIC.name]), ("jijiu", [STATION.name]),
    ("xian", [HOSPITAL.name, STATION.name]),
    ("jy", [HOSPITAL.name]), ("ba", [CLINIC.name]), ("yy", []), ("ws", []), ("j", []),  # two letters from the beginning only
    ("ingyu", []), ("uxian", []), ("en", []), ("yyx", []), ("jingrm", []), ("diyiyiyuan", []), ("xyy", []),  # from a syllable on, and of the name
    ("jy1", []), ("jyx rmyy ws", []),
])
def test_a_search_finds_what_a_name_is_read_as(three, text, names):
    """靖宇县人民医院 is found by its initials and its syllables, and by no other stretch of letters."""
    assert found(three, text=text) == names


def test_a_word_does_not_reach_from_one_text_into_the_next(store):
    """The texts stand in one column: a word is found within one of them only, and what the name holds is asked of the name alone."""
    register(store, replace(CLINIC, name="甲乙", short_name="丙丁", aliases=["戊", "己"], identifiers=[{"scheme": "local", "value": "7"}, {"scheme": "uscc", "value": "8"}]))
    assert [text for text in ("甲乙", "丙丁", "戊", "己", "7", "8") if not found(store, text=text)] == []
    assert [text for text in ("乙丙", "丁戊", "戊己", "己7", "78", "yb", "jyj") if found(store, text=text)] == []
    with store.reading() as session:
        told = {name: facilities.count(session, FacilityQuery(name_contains=name)) for name in ("甲", "乙", "甲乙", "丙", "戊", "7", "Jia", "%")}
    assert told == {"甲": 1, "乙": 1, "甲乙": 1, "丙": 0, "戊": 0, "7": 0, "Jia": 0, "%": 0}


@pytest.mark.parametrize(("name", "words", "not_these"), [
    ("重庆市长寿区医院", ("chongqing", "cqs", "changshou", "csq"), ("zhongqing", "zhangshou")),
    ("长春市儿童医院", ("changchun", "ccs"), ("zhangchun",)), ("西安路诊所", ("xian", "xi'an", "xal"), ()),
    ("吕绿女子医院", ("lvlv", "lülü", "llnz"), ("lulu",)), ("第2人民(中心)医院", ("rmzxyy", "di"), ("drm", "d2", "zx")),
    ("ＩＣＵ中心", ("icu", "zx", "zhongxin"), ("icuzx",)),
])
def test_readings_of_places_and_what_people_type(store, name, words, not_these):
    """County names have their own readings; ü is v; a digit parts initials, brackets do not."""
    register(store, replace(CLINIC, name=name))
    assert {word: found(store, text=word) for word in words} == {word: [name] for word in words}
    assert {word: found(store, text=word) for word in not_these} == {word: [] for word in not_these}


def test_names_are_in_the_order_of_a_dictionary(store):
    """By syllable, tone and character, one character after the other; signs, digits and Latin letters before Chinese."""
    expected = ["(旧)诊所", "2号诊所", "10号诊所", "A诊所", "b诊所", "安远诊所", "巴诊所", "崇州诊所", "重庆诊所", "靖宇县医院", "靖诊所", "静宇诊所", "重症中心", "卒中心"]
    expected = sorted(expected[:3]) + expected[3:]
    register(store, *(replace(CLINIC, name=each) for each in reversed(expected)))
    items = [each["properties"]["name"] for each in features.facilities_page(store, FacilityQuery(), cursor=None, limit=99, sort="name")[0]]
    assert items == expected


LETTERS = st.text(alphabet="靖宇重庆长安乐县医院第 1２aBcＩ%_'\"\\[]*?^-()（·é\u0301ßΣ\ud800\n", min_size=1, max_size=7)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=LETTERS.filter(lambda text: text.strip() and "\ud800" not in text), aliases=st.lists(LETTERS, max_size=2), code=LETTERS, data=st.data())
def test_any_part_of_what_a_facility_is_called_by_is_found_and_nothing_else(one_store, name, aliases, code, data):
    """The stored texts answer as the slow obvious twin does, whatever signs stand in names and words."""
    store = one_store
    one = replace(CLINIC, name=name, aliases=aliases, identifiers=[{"scheme": "local", "value": code.replace("\ud800", "")}])
    (number,) = register(store, one)
    with store.reading() as session:
        (each,) = facilities.find(session, FacilityQuery(ids=[number]))
        words = data.draw(st.lists(st.one_of(
            LETTERS, st.sampled_from(["jy", "jyx", "jing", "yu", "xian", "chong", "cqy", "chang", "ca", "lex", "yiyuan", "yy", "dy"]),
            st.builds(lambda text, a, b: text[a : b + 1], st.sampled_from([name, *aliases, code]), st.integers(0, 6), st.integers(0, 6)),
        ).filter(lambda text: "\ud800" not in text), min_size=1, max_size=6))
        for word in filter(None, (part for text in words for part in text.split())):
            told = facilities.count(session, FacilityQuery(text=word, ids=[number])) == 1
            assert told == word_found(each, word), (word, each)


@pytest.fixture(scope="module")
def one_store(tmp_path_factory):
    """A registry for many examples: each looks at the facility that it adds only."""
    store = init_workspace(Settings(workspace=tmp_path_factory.mktemp("words") / "w"))
    yield store
    store.close()


def test_what_is_derived_is_no_content(three):
    """The texts of a search are in no seal, no difference and no export of what a facility is."""
    with three.writing() as session:
        history.confirm(session, 1, author="王", origin="test", reason=None)
    with three.reading() as session:
        rows = stored.select_history(session, 1)
        assert rows[0].search_text == rows[1].search_text
        assert rows[0].same_as == rows[1].id
        assert not stored.DERIVED & set(content_of(rows[0]))
        assert audit.verify(session).problem is None
    with sqlite3.connect(three.folder / DATABASE_NAME) as writer:
        writer.execute("UPDATE facility_revision SET search_text = '', search_sounds = '', name_order = ''")
    with three.reading() as session:
        assert audit.verify(session).problem is None
