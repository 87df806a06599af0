"""Needles of a session: structures and their table, search, live measuring, edits, and the read-out for the room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from needle_bench import scene
from needle_walks import template
from shapes import FRAME
from stored_cases import DOCTOR, make_case, make_session

from planner.app.item_edits import rename_item
from planner.app.needle_live import LiveNeedle, live_needle
from planner.app.needle_paths import (
    NeedleTask,
    SeriesFacts,
    SessionSearch,
    copy_parallel,
    lock_needle,
    measure_needle,
    move_needle,
    operator_readout,
    put_found_path,
    put_needle,
    search_paths,
)
from planner.app.needle_structures import (
    StructureStore,
    effective_rules,
    regions_from_automatic,
    regions_from_labels,
    seed_structures,
    structure_states,
    structures_digest,
)
from planner.errors import InputRefused, UsageError
from planner.findings import Finding
from planner.geometry.patient_positions import PatientPosition
from planner.imaging import Label, LabelMap
from planner.imaging.masks import Mask
from planner.imaging.volumes import ImageSource
from planner.model.case import Case
from planner.model.document import Document
from planner.model.items import PlanItem
from planner.model.needle_items import NeedlePathBody
from planner.model.needle_reading import needle_of
from planner.model.session import Answer, Session
from planner.planning.needle_readout import ReadOut
from planner.planning.needles import Needle, between_deg
from planner.store.library import Library

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
SERIES = "2.25.1#1"
SOURCE = ImageSource("2.25.1", modality="CT", study_date="2026-03-04")
ABLATION = template("ablation")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def document(library: Library) -> Document:
    """A session with the bench's structures: the ball is the stomach, the tube a vessel, the plate a rib."""
    made = scene()
    session = make_session()
    document = Document(replace(make_case(), sessions=(session,)))
    names = dict(zip(("stomach", "portal_vein", "rib_left_7"), (each.mask for each in made.obstacles), strict=True))
    masks = {"skin": made.body, "liver": made.organ, "lesion": made.target, **names}
    document.apply("structures", regions_from_automatic(library, session, masks, SOURCE, by=DOCTOR))
    return document


def _session(document: Document) -> Session:
    return document.case.sessions[0]


def _item(document: Document, name: str) -> PlanItem:
    return next(item for item in _session(document).items if item.name == name)


def _task(document: Document, **changes: object) -> NeedleTask:
    target = next(item for item in _session(document).items if item.body.get("structure") == "lesion")
    made = NeedleTask(
        FRAME, target.id, organ="liver", diameter_mm=1.6, usable_length_mm=90.0, series=SERIES, gauge="16 G"
    )
    return replace(made, **changes)


def _found(document: Document, library: Library) -> SessionSearch:
    return search_paths(StructureStore(library), _session(document), ABLATION, _task(document))


def _with_rows(document: Document, *rows: dict[str, object]) -> Session:
    answers = MappingProxyType({"structures": MappingProxyType({"structures": Answer(list(rows))})})
    return replace(_session(document), answers=answers)


def test_that_label_maps_become_regions_in_one_step_and_unknown_labels_are_named(library: Library) -> None:
    made = scene()
    voxels = made.organ.full().astype(np.uint8)
    voxels[made.obstacles[0].mask.full()] = 2
    labels = {1: Label(1, "liver", "liver"), 2: Label(2, "stomach", "stomach"), 3: Label(3, "colon", "colon")}
    maps = (LabelMap(voxels, made.organ.grid, {**labels, 4: Label(4, "thing")}),)
    session = make_session()
    document = Document(replace(make_case(), sessions=(session,)))
    rules = effective_rules(session, ABLATION, "liver")
    edit, left_out = regions_from_labels(library, session, maps, SOURCE, by=DOCTOR, only=rules)
    document.apply("labels", edit)
    assert [item.body["structure"] for item in _session(document).items] == ["stomach"]
    assert left_out == ("liver", "colon", "thing")
    everything, _ = regions_from_labels(library, session, maps, SOURCE, by=DOCTOR)
    document.apply("labels", everything)
    assert [item.body["structure"] for item in _session(document).items] == ["liver", "stomach"]
    assert document.undo()
    assert document.undo()
    assert _session(document).items == ()


def test_that_automatic_structures_never_replace_what_a_person_drew(document: Document, library: Library) -> None:
    stomach = _item(document, "Stomach")
    drawn = replace(stomach, tool="brush")
    session = replace(_session(document), items=(drawn,))
    again = Document(replace(document.case, sessions=(session,)))
    masks = {"stomach": scene().organ, "lung": scene().organ, "gas": Mask.empty(scene().organ.grid)}
    again.apply("automatic", regions_from_automatic(library, session, masks, SOURCE, by=DOCTOR))
    items = _session(again).items
    assert [item.body["structure"] for item in items] == ["stomach", "lung"]
    assert items[0] == drawn


def test_that_a_row_changes_the_distances_and_the_digest(document: Document) -> None:
    before = effective_rules(_session(document), ABLATION, "liver")
    changed = _with_rows(
        document,
        {"structure": "stomach", "status": "segmented", "hard_mm": 9.0},
        {"structure": "heart", "status": "absent"},
        {"structure": "implant_2", "status": "not-segmented", "hard_mm": 4.0, "desired_mm": 6.0},
    )
    rules = effective_rules(changed, ABLATION, "liver")
    stomach = rules.structure("stomach")
    assert stomach is not None
    assert (stomach.hard_mm, stomach.desired_mm) == (9.0, 10.0)
    assert rules.structures[-1].structure == "implant_2"
    states = {state.key: state for state in structure_states(changed, ABLATION, "liver")}
    assert (states["stomach"].status, states["stomach"].changed) == ("segmented", True)
    assert (states["heart"].status, states["heart"].changed) == ("absent", False)
    assert states["bone"].status == "segmented"
    assert states["bowel"].status == "not-segmented"
    assert structures_digest(changed, rules, FRAME) != structures_digest(_session(document), before, FRAME)
    assert structures_digest(_session(document), before, FRAME) == structures_digest(_session(document), before, FRAME)


def test_that_the_table_is_seeded_and_keeps_what_a_person_wrote(document: Document) -> None:
    session = replace(
        _with_rows(document, {"structure": "heart", "status": "absent"}), template=_session(document).template
    )
    case = replace(document.case, sessions=(session,))
    seeded = seed_structures(session.id, ABLATION, "liver", by="Dr Test", now=NOW)(case)
    rows = {row["structure"]: row for row in seeded.sessions[0].answer("structures", "structures")}
    assert rows["heart"]["status"] == "absent"
    assert rows["stomach"]["status"] == "segmented"
    assert rows["bowel"]["status"] == "not-segmented"
    assert seed_structures(session.id, ABLATION, "liver", by="Dr Test", now=NOW)(seeded) is seeded


def test_that_a_search_of_the_session_avoids_its_regions_and_names_what_was_not_checked(
    document: Document, library: Library
) -> None:
    made = _found(document, library)
    # A row that many structures stand for is measured as one: the rib counts as bone, the portal vein as vessels.
    assert set(made.found.setting.obstacles.keys) == {"stomach", "vessels", "bone"}
    assert made.found.feasible > 0
    assert "gallbladder" in made.found.not_checked
    assert made.found.admissible == 0
    absent = [{"structure": key, "status": "absent"} for key in made.found.not_checked]
    settled = search_paths(StructureStore(library), _with_rows(document, *absent), ABLATION, _task(document))
    assert settled.found.not_checked == ()
    assert settled.found.admissible == settled.found.feasible == made.found.feasible
    assert settled.digest != made.digest


def test_that_a_session_without_skin_or_target_cannot_be_searched(document: Document, library: Library) -> None:
    store = StructureStore(library)
    bare = replace(_session(document), items=tuple(i for i in _session(document).items if i.name != "Skin"))
    with pytest.raises(UsageError) as no_skin:
        search_paths(store, bare, ABLATION, _task(document))
    assert no_skin.value.code == "no-skin"
    with pytest.raises(UsageError) as no_target:
        search_paths(store, _session(document), ABLATION, _task(document, region_id=None))
    assert no_target.value.code == "no-target"
    with pytest.raises(UsageError) as no_needles:
        search_paths(store, _session(document), template("tace"), _task(document))
    assert no_needles.value.code == "no-needle-rules"


def test_that_a_chosen_path_becomes_a_needle_with_what_was_measured(document: Document, library: Library) -> None:
    made = _found(document, library)
    path = made.found.paths(1)[0]
    document.apply("path", put_found_path("session-1", made, path, name="Needle 1", by=DOCTOR))
    item = _item(document, "Needle 1")
    body = needle_of(item)
    assert body.measured is not None
    assert body.purpose == "ablation"
    assert body.measured.structures_digest == made.digest
    assert body.measured.length_mm == pytest.approx(path.needle.length_mm)
    assert body.measured.clearances_mm["stomach"] == pytest.approx(path.clearances["stomach"].mm)
    assert body.measured.rejected_because == ()
    assert not body.measured.admissible
    assert item.source_uids == ("2.25.1",)
    live = _live(document, library, body)
    again = live.measure(Needle.of(body.entry_lps_mm, body.tip_lps_mm, body.diameter_mm))
    assert again.clearances_mm["stomach"] == pytest.approx(body.measured.clearances_mm["stomach"], abs=0.1)
    assert again.score == pytest.approx(body.measured.score, abs=0.02)
    assert again.structures_digest == body.measured.structures_digest


def _live(document: Document, library: Library, body: NeedlePathBody) -> LiveNeedle:
    ends = np.array([body.entry_lps_mm, body.tip_lps_mm])
    return live_needle(StructureStore(library), _session(document), ABLATION, _task(document), ends)


def _placed(document: Document, name: str = "Needle 1") -> PlanItem:
    tip = scene().target.centroid_lps_mm()
    assert tip is not None
    entry = tip + (0.0, -45.0, 5.0)
    body = NeedlePathBody(
        (float(entry[0]), float(entry[1]), float(entry[2])), (float(tip[0]), float(tip[1]), float(tip[2])),
        "ablation", 1.6,
    )  # fmt: skip
    document.apply("needle", put_needle("session-1", body, frame_uid=FRAME, name=name, by=DOCTOR))
    return _item(document, name)


def test_that_a_dragged_needle_is_measured_live_and_says_what_it_breaks(document: Document, library: Library) -> None:
    item = _placed(document)
    body = needle_of(item)
    live = _live(document, library, body)
    needle = Needle.of(body.entry_lps_mm, body.tip_lps_mm, body.diameter_mm)
    found = live.clearances(needle)
    assert set(found) == {"stomach", "vessels", "bone"}
    depths, profile = live.profile_mm(needle, 0.5)
    assert depths[0] == 0.0
    assert depths[-1] == pytest.approx(needle.length_mm)
    assert profile["stomach"].min() == pytest.approx(found["stomach"].mm, abs=0.3)
    now = live.measure(needle)
    assert any("stomach" in said for said in now.rejected_because)
    assert now.organ_mm is not None
    away = np.array([1000.0, 0.0, 0.0])
    beyond = live.measure(Needle.of(needle.entry_lps_mm + away, needle.tip_lps_mm + away))
    assert not beyond.admissible
    assert {"stomach", "vessels", "bone"} <= set(beyond.not_checked)
    assert set(beyond.clearances_mm.values()) == {None}


def test_that_a_moved_needle_never_keeps_old_numbers_and_a_locked_one_stays(
    document: Document, library: Library
) -> None:
    item = _placed(document)
    live = _live(document, library, needle_of(item))
    body = needle_of(item)
    now = live.measure(Needle.of(body.entry_lps_mm, body.tip_lps_mm, body.diameter_mm))
    document.apply("measure", measure_needle("session-1", item, now))
    item = _item(document, "Needle 1")
    assert needle_of(item).measured == now
    x, y, z = body.entry_lps_mm
    document.apply("move", move_needle("session-1", item, (x + 10.0, y, z), body.tip_lps_mm))
    moved = needle_of(_item(document, "Needle 1"))
    assert moved.entry_lps_mm == (x + 10.0, y, z)
    assert moved.measured is None
    document.apply("lock", lock_needle("session-1", _item(document, "Needle 1"), True))
    with pytest.raises(UsageError) as locked:
        move_needle("session-1", _item(document, "Needle 1"), (x, y, z), body.tip_lps_mm)
    assert locked.value.code == "needle-locked"
    document.apply("unlock", lock_needle("session-1", _item(document, "Needle 1"), False))
    with pytest.raises(InputRefused):
        move_needle("session-1", _item(document, "Needle 1"), body.tip_lps_mm, body.tip_lps_mm)
    document.apply("name", rename_item("session-1", _item(document, "Needle 1"), "Antenna A"))
    assert _item(document, "Antenna A").id == item.id
    while document.undo():
        pass
    assert not any(each.id == item.id for each in _session(document).items)


def test_that_a_parallel_copy_stays_parallel_whichever_end_is_dragged(document: Document) -> None:
    item = _placed(document)
    body = needle_of(item)
    document.apply("copy", copy_parallel("session-1", item, (15.0, 0.0, 0.0), name="Needle 2", by=DOCTOR))
    copy = _item(document, "Needle 2")
    assert needle_of(copy).parallel_to == item.id
    assert needle_of(copy).measured is None
    x, y, z = needle_of(copy).tip_lps_mm
    document.apply("move", move_needle("session-1", copy, needle_of(copy).entry_lps_mm, (x, y + 6.0, z - 2.0)))
    moved = needle_of(_item(document, "Needle 2"))
    first, second = Needle.of(body.entry_lps_mm, body.tip_lps_mm), Needle.of(moved.entry_lps_mm, moved.tip_lps_mm)
    assert between_deg(first.hub_lps, second.hub_lps) < 1e-6
    assert second.length_mm == pytest.approx(first.length_mm)
    np.testing.assert_allclose(moved.tip_lps_mm, (x, y + 6.0, z - 2.0))


def _facts(**changes: object) -> SeriesFacts:
    made = SeriesFacts(SERIES, scene().body.grid, NOW, PatientPosition(), scene().body)
    return replace(made, **changes)


def _today(document: Document, library: Library, role: str = "today") -> tuple[PlanItem, Session]:
    made = _found(document, library)
    document.apply("path", put_found_path("session-1", made, made.found.paths(1)[0], name="Needle 1", by=DOCTOR))
    return _item(document, "Needle 1"), replace(_session(document), series_roles=MappingProxyType({role: SERIES}))


def test_that_the_operator_reads_out_from_todays_scan_in_todays_position_only(
    document: Document, library: Library
) -> None:
    item, session = _today(document, library)
    given = operator_readout(item, session, _facts(), date(2026, 3, 4))
    assert isinstance(given, ReadOut)
    measured = needle_of(item).measured
    assert measured is not None
    assert given.depth_mm == pytest.approx(measured.length_mm)
    planning = replace(session, series_roles=MappingProxyType({"planning": SERIES}))
    cases = (
        (planning, _facts(), date(2026, 3, 4), "no series of this session is today's scan"),
        (session, _facts(series="2.25.9#1"), date(2026, 3, 4), "not today's scan"),
        (session, _facts(taken_at=None), date(2026, 3, 4), "date and time"),
        (session, _facts(), date(2026, 3, 5), "2026-03-04"),
        (session, _facts(position=None), date(2026, 3, 4), "how the patient lies"),
        (session, _facts(position=PatientPosition("prone")), date(2026, 3, 4), "scanned prone, planned supine"),
    )
    for its, facts, day, why in cases:
        refused = operator_readout(item, its, facts, day)
        assert isinstance(refused, Finding), why
        assert refused.text.startswith("Planning picture, re-scan: ")
        assert why in refused.text
        assert refused.blocks
    moved = move_needle("session-1", item, (0.0, 0.0, 100.0), (0.0, 30.0, 100.0))
    case: Case = moved(replace(document.case, sessions=(session,)))
    unmeasured = next(each for each in case.sessions[0].items if each.id == item.id)
    assert isinstance(operator_readout(unmeasured, session, _facts(), date(2026, 3, 4)), Finding)


def test_that_fields_are_kept_between_searches_until_a_structure_changes(document: Document, library: Library) -> None:
    store = StructureStore(library)
    search_paths(store, _session(document), ABLATION, _task(document))
    first = dict(store.fields)
    search_paths(store, _session(document), ABLATION, _task(document))
    assert dict(store.fields) == first
    session = _session(document)
    kept = tuple(item for item in session.items if item.body.get("structure") != "stomach")
    search_paths(store, replace(session, items=kept), ABLATION, _task(document))
    assert set(store.fields) < set(first)
