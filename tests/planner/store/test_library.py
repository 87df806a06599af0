"""The library keeps every revision, overwrites nothing, and finds cases."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from stored_cases import COLLEAGUE, DOCTOR, make_case, make_session, override, region, sign_off

from planner.errors import InputRefused, StoreError
from planner.model.items import PlanItem
from planner.store.actors import Action, SaveReason
from planner.store.library import Library, SavedElsewhere, SeriesPlace


def test_that_a_case_comes_back_equal_with_its_revision(library: Library) -> None:
    case = make_case()
    assert library.create_case(case, DOCTOR) == 1
    assert library.open_case(case.id, DOCTOR) == (case, 1)


def test_that_each_save_is_a_new_revision_and_old_ones_stay_readable(library: Library) -> None:
    first = make_case(title="one")
    library.create_case(first, DOCTOR)
    second = replace(first, title="two")
    assert library.save(second, 1, DOCTOR, SaveReason.SIGN) == 2
    assert library.open_revision(first.id, 1) == first
    assert library.open_case(first.id, DOCTOR) == (second, 2)
    assert [(each.revision, each.parent, each.reason, each.is_head) for each in library.history(first.id)] == [
        (2, 1, "sign", True),
        (1, None, "created", False),
    ]


def test_that_saving_what_is_current_writes_nothing(library: Library) -> None:
    case = make_case()
    library.create_case(case, DOCTOR)
    changed = replace(case, title="two")
    assert library.save(changed, 1, DOCTOR) == 2
    # A retry after a lost answer comes with the old base.
    assert library.save(changed, 1, DOCTOR) == 2
    assert len(library.history(case.id)) == 2


def test_that_the_loser_of_a_race_is_kept_as_a_branch(library: Library) -> None:
    case = make_case()
    library.create_case(case, DOCTOR)
    winner, loser = replace(case, title="winner"), replace(case, title="loser")
    library.save(winner, 1, DOCTOR)
    with pytest.raises(SavedElsewhere) as caught:
        library.save(loser, 1, COLLEAGUE)
    assert (caught.value.branch_revision, caught.value.head_revision, caught.value.head_author) == (3, 2, "dr.test")
    assert library.open_case(case.id, DOCTOR) == (winner, 2)
    assert library.open_revision(case.id, 3) == loser
    assert [each.is_branch for each in library.history(case.id)] == [True, False, False]
    assert library.verify_chain(case.id).intact
    # The person chose the branch: saved on top of the head it becomes current.
    assert library.save(loser, 2, COLLEAGUE) == 4


def test_that_of_many_threads_saving_from_one_base_exactly_one_wins(library: Library) -> None:
    case = make_case()
    library.create_case(case, DOCTOR)
    outcomes: list[str] = []
    start = threading.Barrier(6)

    def save(number: int) -> None:
        start.wait()
        try:
            library.save(replace(case, title=f"title {number}"), 1, DOCTOR)
            outcomes.append("saved")
        except SavedElsewhere:
            outcomes.append("branch")

    threads = [threading.Thread(target=save, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(outcomes) == ["branch"] * 5 + ["saved"]
    titles = {library.open_revision(case.id, number).title for number in range(2, 8)}
    assert titles == {f"title {number}" for number in range(6)}
    assert library.verify_chain(case.id).intact


def test_that_a_case_is_never_created_over_another(library: Library) -> None:
    library.create_case(make_case(), DOCTOR)
    with pytest.raises(StoreError) as caught:
        library.create_case(make_case(title="other"), DOCTOR)
    assert caught.value.code == "case-exists"
    assert library.open_case("case-1", DOCTOR)[0].title == "HCC in segment VIII"


@pytest.mark.parametrize(
    "search", ["zphi-0042", "zoe", "ZOË", "hepatocell", "viii hcc", "draft", "1951-02-03", "first tace", "case-1"]
)
def test_that_the_search_finds_by_any_part_without_case_or_accents(library: Library, search: str) -> None:
    library.create_case(make_case(), DOCTOR)
    library.create_case(replace(make_case("case-2", name="Other", title="x"), diagnosis=make_case().diagnosis), DOCTOR)
    assert "case-1" in [each.case_id for each in library.list_cases(search)]


@pytest.mark.parametrize("search", ["zoe absent", "%", "_", "\\"])
def test_that_the_search_finds_nothing_where_a_word_is_missing(library: Library, search: str) -> None:
    library.create_case(make_case(), DOCTOR)
    assert library.list_cases(search) == ()


def test_that_the_list_tells_what_a_case_holds_and_begins_with_the_newest(library: Library) -> None:
    library.create_case(make_case(), DOCTOR)
    library.create_case(make_case("case-2"), DOCTOR)
    library.save(replace(make_case(), title="changed"), 1, COLLEAGUE)
    listed = library.list_cases()
    assert [(each.case_id, each.revision, each.updated_by) for each in listed] == [
        ("case-1", 2, "dr.other"),
        ("case-2", 1, "dr.test"),
    ]
    assert listed[0].facts.sessions[0].state == "draft"
    assert listed[0].facts.lesions == 1


def test_that_cases_of_a_patient_are_found_by_two_identifiers(library: Library) -> None:
    patient = make_case().patient
    library.create_case(make_case(), DOCTOR)
    assert library.same_patient("ZZPHI-0042", "HOSPITAL", patient.birth_date) == ("case-1",)
    assert library.same_patient("ZZPHI-0042", "HOSPITAL", None) == ()
    assert library.same_patient("ZZPHI-0042", None, patient.birth_date) == ()


def test_that_an_unknown_case_is_refused(library: Library) -> None:
    with pytest.raises(InputRefused) as caught:
        library.open_case("case-9", DOCTOR)
    assert caught.value.code == "unknown-case"


def test_that_plan_items_of_unknown_types_survive(library: Library) -> None:
    body = {"shape": [1, 2.5, None, {"deep": ["µ", True]}]}
    item = PlanItem("item-9", "hologram-of-2031", "?", "1.2.3", body, schema=7)
    case = replace(make_case(), sessions=(make_session("session-1", item),))
    library.create_case(case, DOCTOR)
    assert library.open_case(case.id, DOCTOR)[0] == case


def test_that_a_blob_comes_back_and_is_stored_once(library: Library) -> None:
    name = library.put_blob(b"\x80\x01 bits")
    assert library.put_blob(b"\x80\x01 bits") == name
    assert library.get_blob(name) == b"\x80\x01 bits"
    with pytest.raises(StoreError) as caught:
        library.get_blob("0" * 64)
    assert caught.value.code == "blob-missing"


def test_that_a_revision_never_points_to_bytes_nobody_has(library: Library) -> None:
    case = make_case()
    library.create_case(case, DOCTOR)
    broken = replace(case, sessions=(make_session("session-1", region("a" * 64)),))
    with pytest.raises(StoreError) as caught:
        library.save(broken, 1, DOCTOR)
    assert caught.value.code == "blob-missing"
    assert library.open_case(case.id, DOCTOR) == (case, 1)
    assert len(library.history(case.id)) == 1


def test_that_a_digest_in_somebodys_words_is_no_reference(library: Library) -> None:
    words = '"sha256":"' + "a" * 64 + '"'
    library.create_case(make_case(title=words), DOCTOR)
    assert library.open_case("case-1", DOCTOR)[0].title == words


def test_that_only_blobs_no_revision_uses_are_swept(library: Library) -> None:
    used, idle, journalled = (library.put_blob(content) for content in (b"used", b"idle", b"journalled"))
    library.create_case(replace(make_case(), sessions=(make_session("session-1", region(used)),)), DOCTOR)
    assert library.sweep_blobs() == 0
    assert library.sweep_blobs(timedelta(0), keep=frozenset({journalled})) == 1
    assert library.get_blob(used) == b"used"
    assert library.get_blob(journalled) == b"journalled"
    with pytest.raises(StoreError):
        library.get_blob(idle)


def test_that_signatures_and_overrides_are_indexed_once_and_audited(library: Library, library_file: Path) -> None:
    case = make_case()
    library.create_case(case, DOCTOR)
    session = replace(make_session(), signoffs=(sign_off(),), overrides=(override(),))
    signed = replace(case, sessions=(session,))
    library.save(signed, 1, DOCTOR, SaveReason.SIGN)
    library.save(replace(signed, title="later"), 2, DOCTOR)
    actions = [each.action for each in library.audit_trail(case.id)]
    assert actions == ["case-created", "saved", "signed", "overridden", "saved"]
    with sqlite3.connect(library_file) as raw:
        assert raw.execute("SELECT revision, stage, signed_by FROM signature").fetchall() == [(2, "consent", "Dr Test")]


def test_that_prints_are_remembered(library: Library) -> None:
    library.create_case(make_case(), DOCTOR)
    assert library.record_print("case-1", 1, "session-1", "a" * 64, DOCTOR) == 1
    assert library.record_print("case-1", 1, "session-1", "b" * 64, COLLEAGUE) == 2
    assert [(each.number, each.revision, each.printed_by) for each in library.prints("case-1")] == [
        (2, 1, "dr.other"),
        (1, 1, "dr.test"),
    ]


def test_that_a_lease_informs_and_stops_nobody(library: Library) -> None:
    case = make_case()
    library.create_case(case, DOCTOR)
    mine, nobody = library.take_lease(case.id, DOCTOR)
    assert nobody is None
    renewed, nobody = library.take_lease(case.id, DOCTOR, mine.token)
    assert nobody is None
    assert renewed.since == mine.since
    theirs, other = library.take_lease(case.id, COLLEAGUE)
    assert other is not None
    assert "dr.test has this open at room-2" in other.sentence()
    assert "dr.other" in (library.list_cases()[0].open_elsewhere or "")
    library.release_lease(mine)
    assert library.list_cases()[0].open_elsewhere is not None
    library.release_lease(theirs)
    assert library.list_cases()[0].open_elsewhere is None
    assert library.save(replace(case, title="x"), 1, DOCTOR) == 2


def test_that_places_of_images_can_be_corrected(library: Library) -> None:
    library.create_case(make_case(), DOCTOR)
    place = SeriesPlace("1.2.840.1", 1, "/mnt/a", None, "c" * 64)
    library.note_series("case-1", place, DOCTOR)
    moved = replace(place, files_root="/mnt/b")
    library.note_series("case-1", moved, DOCTOR, Action.RELINKED)
    assert library.series_places("case-1") == (moved,)
    assert [each.action for each in library.audit_trail("case-1")][-2:] == ["images-attached", "images-relinked"]
