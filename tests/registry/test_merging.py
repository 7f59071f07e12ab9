"""Duplicates decided by people: merged into one, taken back exactly, or remembered as two."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geosvc.errors import Conflict, FacilityNotFound, InvalidInput, InvalidParameter, NotFound, NotUndoable
from geosvc.registry import audit, facilities, history
from geosvc.registry.facilities import Facility, PositionMethod, State
from geosvc.registry.merging import CHOOSABLE, merge, merged, unmerge
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import duplicates
from geosvc.workflows.exporting import export_facilities
from geosvc.workflows.history import changes_of

BY = {"author": "周", "reason": "同一卫生院登记两次"}
HERE = {"lon": 126.8, "lat": 42.4, "position_method": PositionMethod.SURVEYED}


def register(store, *several):
    """Register facilities and return their ids."""
    with store.writing() as session:
        return [facilities.save(session, each, facility_id=None, author="王", origin="form")[0] for each in several]


def read(store, number):
    with store.reading() as session:
        return facilities.get(session, number)


def exported(store, folder):
    """The whole registry as bytes, contacts too."""
    path = folder / "out.csv"
    export_facilities(store, path, with_contacts=True)
    return path.read_bytes()


def correct(store, number, **fields):
    with store.writing() as session:
        one = facilities.get(session, number)
        history.correct(session, number, replace(one.facility, **fields), author="李", origin="form", reason="更正")


@pytest.fixture
def pair(store):
    """A township health centre, registered twice: what one does not know, the other does."""
    return register(
        store,
        Facility(name="靖宇镇卫生院", class_code="C220", level="一级", aliases=["镇医院"], area_code="220622100",
                 identifiers=[{"scheme": "uscc", "value": "12220622412761234X"}], contact={"telephone": "0439-1"}, **HERE),
        Facility(name="靖宇县靖宇镇卫生院", class_code="C220", level="二级", address="靖宇大街1号", area_code="220622100",
                 identifiers=[{"scheme": "uscc", "value": "12220622412761234x"}, {"scheme": "local", "value": "7"}],
                 aliases=["城关卫生院"], beds=[{"kind": "authorised", "year": None, "count": 20}], contact={"officer": "赵"},
                 **(HERE | {"lon": 126.8001})),
    )


def test_the_kept_one_takes_what_the_other_knows(store, pair):
    """Names become aliases, identifiers are united, blanks are filled; what it says itself stays."""
    keep, other = pair
    done = duplicates.merge_facilities(store, keep, [other], **BY)
    one = read(store, keep).facility
    assert (one.name, one.aliases) == ("靖宇镇卫生院", ["镇医院", "靖宇县靖宇镇卫生院", "城关卫生院"])
    assert [each["value"] for each in one.identifiers] == ["12220622412761234X", "7"]
    assert (one.level, one.address, one.lon, one.beds[0]["count"]) == ("一级", "靖宇大街1号", 126.8, 20)
    assert one.contact == {"telephone": "0439-1", "officer": "赵"}
    with pytest.raises(FacilityNotFound, match=f"并入机构 {keep}"):
        correct_deleted(store, other)
    assert duplicates.where_it_went(store, other) == keep
    assert duplicates.where_it_went(store, keep) is None
    assert done["kept_id"] == keep
    assert done["others"] == [other]


def correct_deleted(store, number):
    with store.writing() as session:
        history.confirm(session, number, author="x", origin="form")


def test_a_person_chooses_field_by_field(store, pair):
    """The chosen name takes the place of the kept one's, which becomes an alias; a position is taken whole."""
    keep, other = pair
    preview = duplicates.preview_merge(store, keep, [other], fields={"name": other, "level": other, "position": other, "state": keep})
    assert {"name", "level", "position"} <= preview["choices"].keys()
    assert "contact" not in preview["facility"]
    duplicates.merge_facilities(store, keep, [other], **BY, fields={"name": other, "level": other, "position": other, "state": keep},
                                expected=preview["revisions"])
    one = read(store, keep).facility
    assert (one.name, one.level, one.lon) == ("靖宇县靖宇镇卫生院", "二级", 126.8001)
    assert one.aliases == ["镇医院", "靖宇镇卫生院", "城关卫生院"]
    assert {name: value for name, value in preview["facility"].items() if name in ("name", "aliases", "level")} == {
        "name": one.name, "aliases": one.aliases, "level": one.level}


def test_both_histories_stay_readable(store, pair):
    """The kept one shows what it took over, the other where it went; the log holds and names the merge."""
    keep, other = pair
    duplicates.merge_facilities(store, keep, [other], **BY)
    assert [each["kind"] for each in changes_of(store, keep)[0]] == ["merge", "create"]
    (gone, made) = changes_of(store, other)[0]
    assert (gone["kind"], gone["reason"], made["kind"]) == ("merged", f"并入机构 {keep}：{BY['reason']}", "create")
    with store.reading() as session:
        assert audit.verify(session).holds
        assert [each["action"] for each in audit.lines(session, subject="merge:1", limit=9)] == ["merge"]


def test_many_go_into_one_at_once(store):
    """A group is one merge, and one taking back."""
    ids = register(store, *(Facility(name=f"永红{place}卫生室", class_code="D600") for place in "甲乙丙丁"))
    duplicates.merge_facilities(store, ids[2], [ids[0], ids[1], ids[3]], **BY)
    assert read(store, ids[2]).facility.aliases == ["永红甲卫生室", "永红乙卫生室", "永红丁卫生室"]
    entries, matched, _ = duplicates.queue_page(store, state="merged", limit=10)
    assert (matched, [each["name"] for each in entries[0]["others"]]) == (1, ["永红甲卫生室", "永红乙卫生室", "永红丁卫生室"])
    told = duplicates.unmerge_facilities(store, entries[0]["id"], author="周")
    assert told["restored"] == [ids[0], ids[1], ids[3]]
    assert duplicates.queue_page(store, state="merged", limit=10)[:2] == ([], 0)


def test_a_chain_of_merges_leads_to_its_end(store):
    """A into B, then B into C: the address of A leads to C; only the last can be taken back first."""
    a, b, c = register(store, *(Facility(name=f"保安{place}诊所", class_code="D200") for place in "甲乙丙"))
    first = duplicates.merge_facilities(store, b, [a], **BY)
    second = duplicates.merge_facilities(store, c, [b], **BY)
    assert duplicates.where_it_went(store, a) == c
    assert read(store, c).facility.aliases == ["保安乙诊所", "保安甲诊所"]
    for keep_edits in (False, True):
        with pytest.raises(NotUndoable, match="take that back first"):
            duplicates.unmerge_facilities(store, first["id"], author="周", keep_edits=keep_edits)
    duplicates.unmerge_facilities(store, second["id"], author="周")
    duplicates.unmerge_facilities(store, first["id"], author="周")
    assert [read(store, each).facility.aliases for each in (a, b, c)] == [[], [], []]


@pytest.mark.parametrize(("others", "more", "error", "says"), [
    ([1], {}, InvalidInput, "into itself"), ([], {}, InvalidInput, "at least one"), ([99], {}, FacilityNotFound, "99"),
    ([2], {"reason": " "}, InvalidInput, "reason"), ([2], {"expected": {1: 99}}, Conflict, "no revision 99"),
    ([2], {"expected": {3: 3}}, InvalidInput, "not one of those"), ([2], {"fields": {"colour": 2}}, InvalidInput, "colour"),
    ([2], {"fields": {"aliases": 2}}, InvalidInput, "aliases"), ([2], {"fields": {"name": 3}}, InvalidInput, "not merged"),
    (list(range(2, 99)), {}, InvalidInput, "more than 50"), ([3], {}, FacilityNotFound, "deleted"),
])
def test_what_cannot_be_merged_is_refused_and_nothing_is_stored(store, pair, tmp_path, others, more, error, says):
    """Itself, none, one that is not there or deleted, another revision, a field that is none."""
    (third,) = register(store, Facility(name="乱登", class_code="D200"))
    assert (*pair, third) == (1, 2, 3)
    with store.writing() as session:
        history.delete(session, third, author="王", origin="form", reason="误登记")
    before = exported(store, tmp_path)
    with pytest.raises(error, match=says):
        duplicates.merge_facilities(store, 1, others, **(BY | more))
    assert exported(store, tmp_path) == before
    assert duplicates.queue_page(store, state="merged", limit=5)[1] == 0


def test_somebody_else_was_quicker(store, pair):
    """A revision that was changed meanwhile is a conflict that names the field."""
    keep, other = pair
    seen = duplicates.preview_merge(store, keep, [other])["revisions"]
    correct(store, other, note="新")
    with pytest.raises(Conflict) as caught:
        duplicates.merge_facilities(store, keep, [other], **BY, expected=seen)
    assert caught.value.changed.keys() == {"note"}


# -- taking back -----------------------------------------------------------------------------


def test_a_later_edit_stands_in_the_way_and_is_named(store, pair, tmp_path):
    """Who, when, what; on demand the others come back and the edit stays."""
    keep, other = pair
    before = exported(store, tmp_path)
    done = duplicates.merge_facilities(store, keep, [other], **BY)
    correct(store, keep, note="迁入新址", aliases=[*read(store, keep).facility.aliases, "新名"])
    merged_and_edited = exported(store, tmp_path)
    with pytest.raises(NotUndoable, match="correction of facility 1") as caught:
        duplicates.unmerge_facilities(store, done["id"], author="周")
    assert [(each["facility_id"], each["author"]) for each in caught.value.later] == [(keep, "李")]
    assert exported(store, tmp_path) == merged_and_edited
    told = duplicates.unmerge_facilities(store, done["id"], author="周", keep_edits=True)
    assert ([each["kind"] for each in told["edits_kept"]], told["restored"]) == (["correction"], [other])
    one = read(store, keep).facility
    assert (one.note, one.aliases, one.address, one.beds) == ("迁入新址", ["镇医院", "新名"], None, [])
    assert one.contact == {"telephone": "0439-1"}
    correct(store, keep, note=None, aliases=["镇医院"])
    assert exported(store, tmp_path) == before


def test_looking_or_taking_the_edit_back_does_not_stand_in_the_way(store, pair, tmp_path):
    """A confirmation changes nothing; an edit that was corrected back neither."""
    keep, other = pair
    before = exported(store, tmp_path)
    done = duplicates.merge_facilities(store, keep, [other], **BY)
    with store.writing() as session:
        history.confirm(session, keep, author="李", origin="form")
    correct(store, keep, note="误")
    correct(store, keep, note=None)
    duplicates.unmerge_facilities(store, done["id"], author="周")
    assert exported(store, tmp_path) == before


def test_a_merge_is_taken_back_once(store, pair):
    """Twice, or one that never was, is refused; the audit log names who took it back."""
    keep, other = pair
    done = duplicates.merge_facilities(store, keep, [other], **BY)
    duplicates.unmerge_facilities(store, done["id"], author="吴", reason="是两家")
    with pytest.raises(NotUndoable, match="already"):
        duplicates.unmerge_facilities(store, done["id"], author="吴")
    with pytest.raises(NotFound, match="no merge 77"):
        duplicates.unmerge_facilities(store, 77, author="吴")
    with store.reading() as session:
        lines = audit.lines(session, subject=f"merge:{done['id']}", limit=9)
        assert [(each["action"], each["author"], each["reason"]) for each in lines] == [("unmerge", "吴", "是两家"), ("merge", "周", BY["reason"])]
        assert audit.verify(session).holds


def test_a_merge_changed_past_the_log_is_found(store, pair):
    """The row of a merge is answered for by its line."""
    duplicates.merge_facilities(store, *pair[:1], pair[1:], **BY)
    with store.writing() as session:
        from sqlalchemy import text
        session.execute(text("UPDATE facility_merge SET kept_id = 2"))
    with store.reading() as session:
        assert "past the log" in audit.verify(session).problem


def test_runs_of_before_are_good_again(store, pair):
    """What is computed names the first revision of a content: after taking back it is the one from before."""
    with store.reading() as session:
        before = facilities.marks(session, FacilityQuery())
    done = duplicates.merge_facilities(store, pair[0], pair[1:], **BY)
    duplicates.unmerge_facilities(store, done["id"], author="周")
    with store.reading() as session:
        assert facilities.marks(session, FacilityQuery()) == before


def test_the_registry_of_that_day_is_still_known(store, pair, tmp_path):
    """recorded= before the merge gives both as they were known then."""
    before = exported(store, tmp_path)
    with store.reading() as session:
        moment = max(each.recorded_at for each in facilities.find(session, FacilityQuery()))
    duplicates.merge_facilities(store, pair[0], pair[1:], **BY)
    path = tmp_path / "then.csv"
    export_facilities(store, path, with_contacts=True, recorded=moment)
    assert path.read_bytes().splitlines()[1:] == before.splitlines()[1:]


def test_a_later_state_that_is_known_already_takes_over_what_was_the_same(store, pair):
    """An update from next year on keeps its own level and gets the address that both lacked."""
    keep, other = pair
    with store.writing() as session:
        one = facilities.get(session, keep).facility
        history.update(session, keep, replace(one, level="三级", name="靖宇镇中心卫生院"), valid_from="2099-01-01", author="李", origin="form")
    duplicates.merge_facilities(store, keep, [other], **BY, fields={"level": other})
    with store.reading() as session:
        then = facilities.get(session, keep, FacilityQuery(valid_at="2099-06-01")).facility
    assert (then.level, then.name, then.address) == ("三级", "靖宇镇中心卫生院", "靖宇大街1号")
    assert set(then.aliases) == {"镇医院", "靖宇镇卫生院", "靖宇县靖宇镇卫生院", "城关卫生院"}


TEXTS = st.none() | st.sampled_from(["甲", "乙", "=1+1", "x,y"])
WHOLE = st.builds(
    lambda name, place, identifiers, **rest: Facility(
        name=name, identifiers=[{"scheme": scheme, "value": value} for scheme, value in identifiers],
        **({} if place is None else {"lon": place[0], "lat": place[1], "position_method": "geocoded", "raw_x": str(place[0]), "raw_y": str(place[1]), "raw_datum": "WGS84"}),
        **rest),
    st.sampled_from(["靖宇镇卫生院", "静宇镇卫生院", "保安诊所"]), st.none() | st.tuples(st.floats(126, 127), st.floats(42, 43)),
    st.lists(st.tuples(st.sampled_from(["uscc", "licence", "local", "其他"]), st.sampled_from(["A1", "a1", "B2"])), max_size=3, unique_by=lambda pair: pair[0]),
    class_code=st.sampled_from(["C220", "D200", "X999"]), level=TEXTS, address=TEXTS, note=TEXTS, short_name=TEXTS,
    area_code=st.none() | st.just("220622100"), state=st.sampled_from(list(State)), illustrative=st.booleans(),
    opened_on=st.none() | st.sampled_from(["2001", "2003年5月", "建国初期", "2099-01-01"]),
    aliases=st.lists(st.sampled_from(["旧名", "俗名", "保安诊所"]), max_size=2, unique=True),
    contact=st.dictionaries(st.sampled_from(["telephone", "officer"]), st.sampled_from(["1", "2"])),
    capabilities=st.lists(st.just({"code": "发热门诊", "value": "yes"}), max_size=1),
)


@given(data=st.data(), some=st.lists(WHOLE, min_size=2, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_taking_back_is_exact(data, some, store, tmp_path):
    """Law: whatever is merged, with whatever choices, the export after taking back is the one from before, byte for byte."""
    ids = register(store, *some)
    before = exported(store, tmp_path)
    keep, *others = data.draw(st.permutations(ids))
    fields = data.draw(st.dictionaries(st.sampled_from(CHOOSABLE), st.sampled_from(ids)))
    done = duplicates.merge_facilities(store, keep, others, **BY, fields=fields)
    assert exported(store, tmp_path) != before
    duplicates.unmerge_facilities(store, done["id"], author="周")
    assert exported(store, tmp_path) == before


@given(kept=WHOLE, others=st.lists(WHOLE, min_size=1, max_size=3))
def test_nothing_that_was_known_is_lost(kept, others):
    """Law: every name, alias, identifier and filled field of all is in the one; merging with itself changes nothing."""
    one = merged(kept, others)
    assert {one.name, *one.aliases} == {name for each in (kept, *others) for name in (each.name, *each.aliases)}
    held = {(each["scheme"], each["value"].upper()) for each in one.identifiers}
    assert held == {(pair["scheme"], pair["value"].upper()) for each in (kept, *others) for pair in each.identifiers}
    for name in ("level", "address", "note", "short_name", "lon", "area_code"):
        known = [getattr(each, name) for each in (kept, *others) if getattr(each, name) is not None]
        assert getattr(one, name) == (known[0] if known else None)
    again = merged(one, [one])
    assert again == one


# -- answers ---------------------------------------------------------------------------------


@pytest.fixture
def neighbours(store):
    """Three that look alike: 靖宇镇卫生院 twice and its sound."""
    return register(store, *(Facility(name=name, class_code="C220", area_code="220622100", address="靖宇县靖宇大街1号", **HERE)
                             for name in ("靖宇镇卫生院", "靖宇县靖宇镇卫生院", "静宇镇卫生院")))


def open_pairs(store):
    return {(each["first"]["id"], each["second"]["id"]) for each in duplicates.duplicates_page(store)[0]}


def test_an_answer_is_remembered_and_can_be_taken_back(store, neighbours):
    """Said to be two: gone from the queue, through corrections, until somebody takes it back."""
    a, b, c = neighbours
    assert open_pairs(store) == {(a, b), (a, c), (b, c)}
    told = duplicates.answer_pairs(store, [(b, a), (a, c)], author="周", reason="两家")
    assert (told["answered"], told["unchanged"]) == (2, 0)
    assert open_pairs(store) == {(b, c)}
    correct(store, a, address="新址", lon=126.8002, contact={"telephone": "1"})
    assert open_pairs(store) == {(b, c)}
    assert duplicates.answer_pairs(store, [(a, b)], author="吴")["unchanged"] == 1
    entries, matched, following = duplicates.queue_page(store, state="not_duplicate", limit=1)
    assert (matched, entries[0]["answer"]["author"], entries[0]["answer"]["reason"]) == (2, "周", "两家")
    assert duplicates.queue_page(store, state="not_duplicate", limit=1, cursor=following)[0][0]["first"]["id"] == a
    duplicates.take_back_answers(store, [(a, b)], author="吴")
    assert open_pairs(store) == {(a, b), (b, c)}
    with store.reading() as session:
        assert audit.verify(session).holds
        assert {each["action"] for each in audit.lines(session, limit=99)} >= {"answer", "take back"}


def test_a_pair_that_became_more_alike_by_name_is_asked_again(store):
    """Judged as 靖宇镇 and 永红镇, one is renamed to the other's name: asked again, with the earlier answer."""
    a, b = register(store, Facility(name="靖宇镇卫生院", class_code="C220", **HERE), Facility(name="靖安镇卫生院", class_code="C220", **HERE))
    duplicates.answer_pairs(store, [(a, b)], author="周")
    correct(store, b, name="静宇镇卫生院")
    (entry,), _, _ = duplicates.duplicates_page(store)
    assert (entry["answer"]["author"], entry["answer"]["judged"][1]["name"]) == ("周", "靖安镇卫生院")
    duplicates.answer_pairs(store, [(a, b)], author="吴")
    assert open_pairs(store) == set()
    correct(store, b, name="靖安镇卫生院")
    assert open_pairs(store) == set()


def test_answers_outlive_a_merge_that_is_taken_back(store, neighbours):
    """A merged facility is in no queue; back again, its answers stand."""
    a, b, c = neighbours
    duplicates.answer_pairs(store, [(a, c), (b, c)], author="周")
    done = duplicates.merge_facilities(store, a, [b], **BY)
    assert open_pairs(store) == set()
    assert duplicates.queue_page(store, state="not_duplicate", limit=9)[1] == 1
    duplicates.unmerge_facilities(store, done["id"], author="周")
    assert open_pairs(store) == {(a, b)}


@pytest.mark.parametrize(("pairs", "error", "says"), [
    ([], InvalidInput, "no pair"), ([(1, 1)], InvalidInput, "two different"), ([(1, 2, 3)], InvalidInput, "two different"),
    ([(1, 2), (1, 99)], FacilityNotFound, "99"), ([(n, n + 1) for n in range(501)], InvalidInput, "more than the 500"),
])
def test_answers_are_all_taken_or_none(store, neighbours, pairs, error, says):
    """One that is wrong refuses all of them."""
    with pytest.raises(error, match=says):
        duplicates.answer_pairs(store, pairs, author="周")
    assert duplicates.queue_page(store, state="not_duplicate", limit=9)[1] == 0
    with pytest.raises(InvalidInput):
        duplicates.take_back_answers(store, [(1, 2)], author="周")
    with pytest.raises(InvalidInput, match="merged"):
        duplicates.answer_pairs(store, [(1, 2)], author="周", answer="same")


def test_queues_are_asked_for_by_area_and_by_what_they_are(store, neighbours):
    """An area shows its own pairs; a queue, a cursor that is none is refused."""
    duplicates.answer_pairs(store, [neighbours[:2]], author="周")
    assert duplicates.queue_page(store, area="220622", limit=9)[1] == 2
    assert duplicates.queue_page(store, area="9", limit=9)[1] == 0
    assert duplicates.queue_page(store, state="not_duplicate", area="220622100", limit=9)[1] == 1
    assert duplicates.queue_page(store, state="not_duplicate", area="9", limit=9)[1] == 0
    for wrong in ({"state": "closed"}, {"state": "merged", "cursor": "x"}, {"state": "open", "cursor": "1"}):
        with pytest.raises(InvalidParameter):
            duplicates.queue_page(store, **wrong, limit=9)


# -- limited to areas ------------------------------------------------------------------------


def test_an_editor_of_one_area_decides_about_its_facilities_only(store):
    """Neither merges, answers nor queues reach beyond the areas of an account."""
    inside, twin, outside = register(
        store, *(Facility(name="保安诊所", class_code="D200", area_code=code, **HERE) for code in ("220622100", "220622101", "220623100")))
    limited = store.limited_to(["220622"])
    assert open_pairs(limited) == {(inside, twin)}
    assert len(open_pairs(store)) == 3
    with pytest.raises(FacilityNotFound):
        duplicates.merge_facilities(limited, inside, [outside], **BY)
    with pytest.raises(FacilityNotFound):
        duplicates.answer_pairs(limited, [(inside, outside)], author="周")
    duplicates.answer_pairs(store, [(inside, outside)], author="管")
    elsewhere = duplicates.merge_facilities(store, outside, [twin], **BY)
    assert duplicates.queue_page(limited, state="not_duplicate", limit=9)[1] == 0
    assert duplicates.queue_page(limited, state="merged", limit=9)[1] == 0
    with pytest.raises(NotFound, match="there is no merge"):
        duplicates.unmerge_facilities(limited, elsewhere["id"], author="周")
    duplicates.unmerge_facilities(store, elsewhere["id"], author="管")
    assert duplicates.merge_facilities(limited, inside, [twin], **BY)["kept_id"] == inside


def test_merging_works_in_a_session_of_the_caller(store, pair):
    """The registry's own verbs take a session: what fails later in it takes the merge along."""
    with pytest.raises(RuntimeError), store.writing() as session:
        merge(session, pair[0], pair[1:], author="周", reason="同一家", origin="form")
        raise RuntimeError
    with pytest.raises(NotFound), store.writing() as session:
        unmerge(session, 1, author="周")
    assert read(store, pair[1]).facility.name == "靖宇县靖宇镇卫生院"
