"""Suspected duplicates: names that mean one facility, neighbours that do not, and the laws of the score."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry.made_files import HEADER, write_csv

from geosvc.application import create_app
from geosvc.errors import InvalidParameter
from geosvc.registry import facilities, history, name_parts
from geosvc.registry.duplicates import MIN_SCORE, SAME_NAME_M, PairKind, compare, find_pairs
from geosvc.registry.facilities import Facility
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.registry.name_parts import parts_of, places_of, plain_name
from geosvc.registry.suspects import Suspects
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import importing
from geosvc.workflows.duplicates import duplicates_page

PLACES = frozenset({"靖宇县", "靖宇", "上海市", "上海", "静安区", "静安"})
METRE = 1 / 111_195  # degrees of latitude


def at(name, code="A100", *, north_m=0.0, **more):
    """A facility so many metres north of a place in 靖宇."""
    return Facility(name=name, class_code=code, lon=126.8, lat=42.4 + north_m * METRE, position_method="surveyed", **more)


def score(one, other):
    return compare(one, other, places=PLACES).score


@pytest.mark.parametrize(("one", "other"), [
    ("靖宇县靖宇镇卫生院", "靖宇镇卫生院"),
    ("靖宇县人民医院", "靖宇人民医院"),
    ("县第一人民医院", "县第１人民医院"),
    ("靖宇县第十二小学医务室", "第12小学医务室"),
    ("县医院（东院区）", "县医院(东院区)"),
    ("Ｂｅｔｔｅｒ口腔", "better口腔"),
    ("德恩氏齿科", "德恩氏口腔"),
    ("上海市静安区中心医院", "静安区中心医院"),
    ("上海交通大学附属第六人民医院", "上海市第六人民医院"),
])
def test_two_spellings_of_one_name_at_one_place_are_one(one, other):
    """Areas before the name, numerals, width, brackets and universities make no other facility."""
    told = compare(at(one), at(other), places=PLACES)
    assert (told.score, told.kind) == (1.0, PairKind.DUPLICATE)


@pytest.mark.parametrize(("one", "other"), [
    ("县第一人民医院", "县第二人民医院"), ("靖宇镇卫生院", "花园口镇卫生院"), ("靖宇县医院3号楼", "靖宇县医院5号楼"),
    ("上海皓诺口腔门诊部", "上海信诺口腔门诊部"), ("上海市中医医院", "静安区中医医院"), ("李明诊所", "王芳诊所"),
    ("县医院-消化科", "县医院-康复科"), ("永红一村卫生室", "永红二村卫生室"),
])
def test_neighbours_of_another_name_are_two(one, other):
    """Side by side, of one class, but another number, another town, another owner, another department."""
    assert score(at(one), at(other, north_m=20)) < MIN_SCORE


@pytest.mark.parametrize(("one", "other", "kind"), [
    ("上海市皮肤病医院-挂号处", "上海市皮肤病医院", "department"), ("县医院急诊", "县人民医院急诊", None),
    ("病房(上海市儿童医院)", "上海市儿童医院", "department"), ("曙光医院(西院)", "曙光医院", "branch"),
    ("顺忆口腔(顺义路)", "顺忆齿科", "branch"), ("泖港镇社区卫生服务中心范家村卫生室", "泖港镇社区卫生服务中心", "branch"),
    ("海军军医大学第二附属医院(上海长征医院)", "上海长征医院", "duplicate"),
])
def test_parts_and_places_of_a_hospital_are_told_from_duplicates(one, other, kind):
    """A counter, a ward, a second site: suspected, and named for what it is."""
    told = compare(at(one), at(other), places=PLACES)
    if kind is not None:
        assert told.score >= MIN_SCORE
        assert told.kind == kind


def test_distance_class_and_address_count():
    """Of two pairs with the same names the nearer, the one of one class, the one of one address is more alike."""
    here = at("保安诊所", "D200", address="靖宇县中心街1号")
    assert score(here, at("保安诊所", "D200", north_m=50)) > score(here, at("保安诊所", "D200", north_m=900))
    assert score(here, at("保安诊所", "D200", north_m=50)) > score(here, at("保安诊所", "X080", north_m=50))
    assert score(here, at("保安诊所", "D200", address="靖宇县中心街1号")) > score(here, at("保安诊所", "D200", address="靖宇县河南街90号"))


def test_a_name_that_says_only_the_kind_is_little_evidence():
    """Two 卫生室 at 600 m are two; two 保安卫生室 at 600 m may be one."""
    assert score(at("卫生室", "D600"), at("卫生室", "D600", north_m=600)) < score(at("保安卫生室", "D600"), at("保安卫生室", "D600", north_m=600))


def test_identifiers_decide_much():
    """The same credit code brings two spellings together, another one keeps two of the same name apart."""
    def coded(name, code):
        return at(name, identifiers=[{"scheme": "uscc", "value": code}])

    assert score(coded("靖宇县医院", "91350100M000100Y43"), coded("靖宇县第一人民医院", "91350100m000100y43")) > MIN_SCORE
    assert score(coded("靖宇县医院", "91350100M000100Y43"), coded("靖宇县医院", "12220622412761234X")) < MIN_SCORE


def test_what_is_unknown_does_not_count():
    """A facility to be located is compared by the rest; unclassified is no other class."""
    told = compare(Facility(name="保安诊所", class_code="X999"), at("保安诊所", "D200"))
    assert {each.code for each in told.reasons} == {"name"}
    assert told.distance_m is None


def test_every_pair_has_reasons_in_both_languages():
    """Whoever decides must see why."""
    told = compare(at("县第一医院", address="中心街1号", area_code="220622"), at("县第二医院", "D200", address="中心街2号", area_code="220622100"), places=PLACES)
    assert {"name", "distance", "class", "area", "address", "numbers"} == {each.code for each in told.reasons}
    assert all(each.zh and each.en and 0 <= each.value <= 1 for each in told.reasons)


def test_pairs_are_found_by_nearness_by_name_and_by_identifier():
    """Three ways to meet; a fourth pair, far and of another name, is not compared."""
    code = [{"scheme": "uscc", "value": "91350100M000100Y43"}]
    found = find_pairs([
        at("靖宇镇卫生院", "C220"), at("靖宇县靖宇镇卫生院", "C220", north_m=200),
        at("惠民诊所", "D200", north_m=20_000), at("惠民诊所", "D200", north_m=20_000 + 0.9 * SAME_NAME_M),
        at("仁和门诊部", "D100", north_m=50_000, identifiers=code), Facility(name="仁和综合门诊部", class_code="D100", identifiers=code),
        at("仁爱诊所", "D200", north_m=90_000),
    ], places=PLACES, min_score=0.6)
    assert {(pair.first, pair.second) for pair in found} == {(0, 1), (2, 3), (4, 5)}
    assert [pair.comparison.score for pair in found] == sorted((pair.comparison.score for pair in found), reverse=True)


def test_facilities_without_a_position_meet_by_name():
    """To be located, of one name: suspected; a name that is everywhere only within one area."""
    assert len(find_pairs([Facility(name="保安诊所", class_code="D200"), at("保安诊所", "D200")])) == 1
    many = [Facility(name="卫生室", class_code="D600", area_code=f"2206221{number:02d}") for number in range(80)]
    assert find_pairs(many) == []
    assert len(find_pairs([*many, Facility(name="卫生室", class_code="D600", area_code="220622107")])) == 1


def test_only_pairs_with_a_marked_one_are_asked_for():
    """A dry run asks for what the file adds."""
    three = [at("保安诊所", "D200"), at("保安诊所", "D200"), at("保安诊所", "D200")]
    assert len(find_pairs(three)) == 3
    assert {(p.first, p.second) for p in find_pairs(three, involving=np.array([False, False, True]))} == {(0, 2), (1, 2)}


def test_blocking_loses_no_pair_nearby():
    """The slow twin compares each with each: within the reach of blocking the pairs are the same."""
    rng = np.random.default_rng(5)
    names = ["靖宇县人民医院", "靖宇人民医院急诊", "县第一人民医院", "保安诊所", "保安齿科", "保安口腔(西店)", "靖宇镇卫生院", "卫生室"]
    some = [at(str(rng.choice(names)), str(rng.choice(["A100", "D200", "D600"])), north_m=float(rng.uniform(0, 280))) for _ in range(40)]
    slow = {
        (i, j): told.score for i in range(40) for j in range(i + 1, 40)
        if (told := compare(some[i], some[j], places=PLACES)).score >= MIN_SCORE
    }
    assert {(pair.first, pair.second): pair.comparison.score for pair in find_pairs(some, places=PLACES)} == slow


# -- laws ------------------------------------------------------------------------------------

PIECES = st.sampled_from(["靖宇县", "靖宇镇", "上海市", "第一", "第1", "第２", "人民", "中医", "医院", "卫生院", "诊所", "口腔", "（东院）", "-急诊", "3号楼", "保安", "村", "卫生室", " ", "ABC"])
FACILITIES = st.builds(
    lambda pieces, code, north_m, area, address, codes: Facility(
        name="".join(pieces), class_code=code, area_code=area, address=address, identifiers=[{"scheme": "uscc", "value": each} for each in codes],
        **({} if north_m is None else {"lon": 126.8, "lat": 42.4 + north_m * METRE, "position_method": "surveyed"})),
    st.lists(PIECES, min_size=1, max_size=5).filter(lambda pieces: "".join(pieces).strip()), st.sampled_from(["A100", "A511", "C220", "D200", "D600", "X999"]),
    st.none() | st.floats(0, 2500), st.sampled_from([None, "220622", "220622100", "310101"]), st.sampled_from([None, "靖宇县中心街1号", "中心街2号"]),
    st.lists(st.sampled_from(["91350100M000100Y43", "12220622412761234X"]), max_size=1),
)


@given(FACILITIES, FACILITIES)
def test_the_order_of_the_two_makes_no_difference(one, other):
    """Score, kind and reasons are symmetric, and the score lies between 0 and 1."""
    forth, back = compare(one, other, places=PLACES), compare(other, one, places=PLACES)
    assert forth == back
    assert 0 <= forth.score <= 1


@given(FACILITIES)
def test_identical_facilities_have_one(one):
    """Whatever is known of it, a facility is wholly like itself, and a duplicate of itself."""
    told = compare(one, one, places=PLACES)
    assert (told.score, told.kind) == (1.0, PairKind.DUPLICATE)


@given(st.lists(FACILITIES, min_size=2, max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_the_registry_makes_no_difference(some, random):
    """Shuffled facilities give the same pairs with the same scores."""
    order = list(range(len(some)))
    random.shuffle(order)

    def pairs(numbers):
        found = find_pairs([some[number] for number in numbers], places=PLACES, min_score=0.6)
        return sorted((*sorted((numbers[pair.first], numbers[pair.second])), pair.comparison.score) for pair in found)

    assert pairs(order) == pairs(sorted(order))


@given(st.text(min_size=1, max_size=30))
def test_any_name_can_be_taken_apart(name):
    """Names of brackets, dashes and other scripts break nothing, and normalising twice changes nothing."""
    parts = parts_of(name, PLACES)
    assert parts == parts_of(name, PLACES)
    assert plain_name(plain_name(name)) == plain_name(plain_name(plain_name(name)))


def without_places_slowly(text, places):
    """The slow obvious twin: the longest name of a place that the text begins with, again and again."""
    longest = max((each for each in places if text.startswith(each) and len(each) <= min(9, len(text) - 2)), key=len, default=None)
    if longest is None or text[len(longest)] in "镇乡街村路":
        return text
    rest = text[len(longest):]
    if not name_parts._KINDS.sub("", rest):
        return (name_parts._SUFFIX.sub("", longest) if len(longest) > 2 else longest) + rest
    return without_places_slowly(rest, places)


PLACES_OF_LETTERS = st.text(alphabet="靖宇县市", min_size=2, max_size=4)


@given(
    st.lists(PLACES_OF_LETTERS, max_size=3), st.sampled_from(["", "医院", "镇卫生院", "宇人民医院", "镇", "甲医院"]),
    st.frozensets(PLACES_OF_LETTERS, max_size=3))
def test_places_before_a_name_are_taken_off_as_if_each_were_tried(before, rest, more):
    """Names that begin with no place are told by two letters; all others are looked through."""
    text, places = "".join([*before, rest]), frozenset({*before, *more})
    assert name_parts._without_places(text, places) == without_places_slowly(text, places)
    assert name_parts._without_places(text, more) == without_places_slowly(text, more)


@given(st.text(alphabet="齿牙科有限责任公司股份预防保健口腔诊所第一", max_size=16))
def test_synonyms_are_put_in_also_where_only_one_of_their_letters_stands(name):
    """Most names hold no letter that all synonyms have; that they are not looked through changes nothing."""
    text = name_parts._ORDINAL.sub(lambda found: name_parts._number_of(found[0]), name)
    for word, instead in name_parts._SAME:
        text = text.replace(word, instead)
    assert plain_name(name) == text


def test_places_come_from_addresses_and_areas():
    """Provinces, cities and counties before an address; a 小区 is none."""
    addresses = ["上海市奉贤区南桥镇", "国和路小区1号"]
    assert places_of(addresses, ["靖宇县"]) == {"上海市", "上海", "奉贤区", "奉贤", "靖宇县", "靖宇"}
    # The same set, not one like it: what is remembered of names is found by it without comparing all places.
    assert places_of(reversed(addresses), ["靖宇县"]) is places_of(addresses, ["靖宇县"])


# -- doors -----------------------------------------------------------------------------------


@pytest.fixture
def three_pairs(store, settings, tmp_path):
    """A small registry with four spellings of two facilities."""
    rows = [["靖宇县靖宇镇卫生院", "C220", "126.8", "42.4", "WGS84"], ["靖宇镇卫生院", "C220", "126.8", "42.4", "WGS84"],
            ["靖宇镇卫生院门诊", "C220", "126.8", "42.4", "WGS84"], ["保安诊所", "D200", "126.9", "42.3", "WGS84"]]
    areas = write_csv(tmp_path / "areas.csv", [["code", "name", "level"], ["220622", "靖宇县", "county"]])
    importing.import_areas(store, areas, settings)
    importing.import_facilities(store, write_csv(tmp_path / "a.csv", [HEADER, *rows]), FacilityOptions(), settings)
    return store


def test_pages_follow_each_other_and_hold_all_pairs(three_pairs):
    """One pair a page, by keyset: all of them, each once, in order; a made-up cursor is refused."""
    everything, matched, following = duplicates_page(three_pairs)
    assert (matched, following) == (3, None)
    assert [each["kind"] for each in everything] == ["duplicate", "department", "department"]
    seen, cursor = [], None
    while True:
        page, _, cursor = duplicates_page(three_pairs, cursor=cursor, limit=1)
        seen += page
        if cursor is None:
            break
    assert seen == everything
    for wrong in ("x", "1-2", "1-2-²"):
        with pytest.raises(InvalidParameter, match="cursor"):
            duplicates_page(three_pairs, cursor=wrong)


def test_a_new_facility_is_seen_at_once(three_pairs):
    """The list follows every change of the registry."""
    before = duplicates_page(three_pairs)[1]
    with three_pairs.writing() as session:
        twin = Facility(name="保安诊所（新）", class_code="D200", lon=126.9, lat=42.3, position_method="surveyed")
        facilities.save(session, twin, facility_id=None, author="王", origin="form")
    assert duplicates_page(three_pairs)[1] == before + 1


def test_the_api_lists_pairs_with_a_link_to_the_next_page(three_pairs, settings):
    """GET /api/duplicates: read only, filters that are checked, pages that are linked."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        answer = client.get("/api/duplicates", params={"kind": "department", "limit": 1})
        body = answer.json()
        assert (body["numberMatched"], body["numberReturned"]) == (2, 1)
        (following,) = [link["href"] for link in body["links"] if link["rel"] == "next"]
        rest = client.get(following).json()
        assert rest["pairs"][0] != body["pairs"][0]
        assert {link["rel"] for link in rest["links"]} == {"self"}
        for wrong in ({"kind": "twin"}, {"min_score": 2}, {"min_score": 0.1}, {"cursor": "x"}, {"colour": "red"}):
            assert client.get("/api/duplicates", params=wrong).status_code == 400, wrong
        assert client.post("/api/duplicates").status_code == 405


def test_the_command_lists_them(three_pairs, settings, monkeypatch, capsys):
    """The JSON of the command holds what the API holds; the text shows the reasons."""
    from geosvc.cli import app

    command = importlib.import_module("geosvc.cli.duplicates")
    assert command._MIN_SCORE == MIN_SCORE
    for options in (["--json"], ["--kind", "duplicate"]):
        app(["duplicates", "--workspace", str(settings.workspace), *options], standalone_mode=False)
        told = capsys.readouterr().out
        if "--json" in options:
            assert json.loads(told)["kinds"] == {"duplicate": 1, "department": 2}
        else:
            assert "1 suspected pair (1 duplicate)" in told
            assert "名称相同" in told


# -- names that sound alike, centres and their stations --------------------------------------


@pytest.mark.parametrize(("one", "other"), [("靖宇镇卫生院", "静宇镇卫生院"), ("李明诊所", "黎明诊所"), ("德恩齿科", "得恩口腔")])
def test_names_that_are_read_alike_are_suspected_and_say_so(one, other):
    """A slip of the input method; the reason shows both spellings, in both languages."""
    told = compare(at(one), at(other, north_m=20), places=PLACES)
    assert MIN_SCORE < told.score < 1
    reason = next(each for each in told.reasons if each.code == "name")
    assert "读音" in reason.zh
    assert "read alike" in reason.en
    assert one[:2] in reason.zh + reason.en


@pytest.mark.parametrize(("one", "other"), [("仁爱诊所", "人艾诊所"), ("第一医院", "第依医院"), ("abc诊所", "abd诊所")])
def test_sound_alone_is_little_at_a_distance(one, other):
    """Two kilometres apart a sound makes no suspicion; numbers and Latin letters have none."""
    assert score(at(one), at(other, north_m=2_000)) < MIN_SCORE


def test_facilities_that_sound_alike_meet_in_one_area_without_a_position():
    """To be located, one township, one sound: compared; of two townships not."""
    def one(name, area):
        return Facility(name=name, class_code="C220", area_code=area)

    assert len(find_pairs([one("靖宇镇卫生院", "220622100"), one("静宇镇卫生院", "220622100")])) == 1
    assert find_pairs([one("靖宇镇卫生院", "220622100"), one("静宇镇卫生院", "220622101")]) == []


@pytest.mark.parametrize(("one", "other", "kind"), [
    ("小东门街道社区卫生服务中心", "小东门街道府谷社区卫生服务站", "branch"), ("东风新村社区卫生服务中心", "东风新村卫生服务站", "branch"),
    ("龙华街道社区卫生服务中心(盛大花园社区卫生服务站)", "盛大花园社区卫生服务站", "duplicate"), ("靖宇镇卫生院", "靖宇镇医院", "duplicate"),
])
def test_a_station_is_not_its_centre(one, other, kind):
    """A centre and its station are two; a station that both name is one."""
    assert compare(at(one), at(other), places=PLACES).kind == kind


def test_a_facility_is_known_by_its_former_names():
    """Whom the list calls by an alias is suspected, as after a merge and a new import."""
    assert score(at("靖宇县第一人民医院", aliases=["城关医院"]), at("城关医院")) > 0.9 > MIN_SCORE > score(at("靖宇县第一人民医院"), at("城关医院"))


# -- kept up to date -------------------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_kept_is_what_would_be_found_anew(data, store):
    """Law: after any edits, deletions and new addresses the kept pairs are those of a registry read from scratch."""
    kept = Suspects()
    with store.writing() as session:
        for one in data.draw(st.lists(FACILITIES, min_size=1, max_size=6)):
            facilities.save(session, one, facility_id=None, author="王", origin="form")
    with store.reading() as session:
        kept.refresh(session)
    for _ in range(data.draw(st.integers(1, 4))):
        with store.writing() as session:
            there = [each for each, _ in facilities.marks(session, FacilityQuery())]  # others from the examples before
            number = there[-1 - data.draw(st.integers(0, 5)) % len(there)]
            change = data.draw(FACILITIES | st.sampled_from([None, "新疆维吾尔自治区靖宇市保安路1号"]))
            if change is None and len(there) > 1:
                history.delete(session, number, author="王", origin="form", reason="x")
            else:
                seen = facilities.get(session, number).facility
                history.correct(session, number, replace(seen, address=change) if isinstance(change, str) else change or seen, author="王", origin="form")
        anew = Suspects()
        with store.reading() as session:
            kept.refresh(session)
            anew.refresh(session)
        assert kept.pairs == anew.pairs
        assert kept.ordered == anew.ordered
        assert kept.places == anew.places


def test_another_registry_in_the_same_place_is_read_anew(store, three_pairs, settings):
    """A log that is not the one that was read (a backup restored) is found by its seals."""
    kept = Suspects()
    with three_pairs.reading() as session:
        kept.refresh(session)
        assert len(kept.pairs) == 3
        kept._line = (kept._line[0] - 1, "another seal")
        kept._forget([1])
        kept.refresh(session)
    assert len(kept.pairs) == 3


def test_the_commands_decide(three_pairs, settings, capsys):
    """Merge, take back, remember: the same verbs as over HTTP, by the author of the settings."""
    from geosvc.cli import app

    def run(*told):
        app([*told, "--workspace", str(settings.workspace)], standalone_mode=False)
        return capsys.readouterr().out

    assert "2 went into 1; take it back with: geosvc unmerge 1" in run("merge", "1", "2", "--reason", "同一家", "--field", "name=2")
    with three_pairs.reading() as session:
        assert facilities.get(session, 1).facility.name == "靖宇镇卫生院"
    assert "there again: 2" in run("unmerge", "1")
    assert "remembered" in run("not-duplicate", "1", "2")
    assert duplicates_page(three_pairs)[1] == 2
    assert "taken back" in run("not-duplicate", "1", "2", "--take-back")
    assert duplicates_page(three_pairs)[1] == 3
    with pytest.raises(Exception, match="FIELD=ID"):
        run("merge", "1", "2", "--reason", "x", "--field", "name=二")
