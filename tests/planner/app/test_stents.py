"""Stents of a session: put, moved, changed and paired in one step each; their findings, their sheet."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from paper import pages_of, text_of
from stored_cases import DOCTOR, make_case, make_session
from tace_walk import profiles, tace

from planner import DISCLAIMER
from planner.app.marking import new_item, put_item
from planner.app.report_front import Identity
from planner.app.stent_sheet import (
    SizedLumen,
    image_report,
    on_one_page,
    stent_report,
    write_image_sheet,
    write_stent_sheet,
)
from planner.app.stents import (
    NO_LUMEN,
    STALE,
    change_size,
    deployment_of,
    judge_again,
    lumen_facts,
    lumen_line,
    move_stent,
    pair_stents,
    put_stent,
    remove_stent,
    stale_words,
    stent_proposals,
)
from planner.app.templates import Installed
from planner.errors import UsageError
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.model import codec
from planner.model.case import Case
from planner.model.items import PlanItem
from planner.model.packed import packed
from planner.model.session import Session
from planner.model.vessel_items import LUMEN, LumenBody, LumenMark, StenosisMeasures, StentBody
from planner.model.vessel_reading import body_digest, lumen_of, stent_of
from planner.report.pdf import set_pdf
from planner.store.library import Library

FRAME = "1.2.3"
NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
LENGTH = 120.0


def lumen(item_id: str = "lumen-1", *marks: tuple[str, float], least: float = 6.0) -> PlanItem:
    """A windpipe of 14 mm that runs down, with a stricture from 50 to 70 mm."""
    along = np.arange(0.0, LENGTH + 0.25, 0.5)
    narrow = 0.5 + 0.5 * np.cos(np.pi * np.clip((np.abs(along - 60.0) - 5.0) / 5.0, 0.0, 1.0))
    width = 14.0 - (14.0 - least) * narrow
    points = np.column_stack([50.0 + 6.0 * np.sin(along / 40.0), np.full_like(along, 45.0), 130.0 - along])
    table = np.column_stack([points, width, width, width, width, np.zeros_like(along), np.zeros_like(along)])
    stenosis = StenosisMeasures(50.0, 70.0, 60.0, least, 100.0 * (1.0 - least / 14.0), 14.0, 14.0, 14.0)
    marked = tuple(LumenMark(name, at, (0.0, 0.0, 130.0 - at)) for name, at in marks)
    clicks = ((50.0, 45.0, 130.0), (50.0, 45.0, 10.0))
    body = LumenBody("airway", packed(table), clicks, "minimal-path", "trachea", LENGTH, marked, stenosis, "1.2.9#1")
    return new_item(LUMEN, body, name="Trachea", frame_uid=FRAME, by=DOCTOR, tool="lumen", item_id=item_id)


def planned(*items: PlanItem) -> tuple[Case, Session]:
    case = replace(make_case(), sessions=(make_session("session-1", *items),))
    return case, case.sessions[0]


def with_stent(case: Case, stent_id: str = "stent-1", lumen_id: str = "lumen-1", index: int = 0) -> Case:
    session = case.sessions[0]
    sized = stent_proposals(session, lumen_id)
    return put_stent(session, lumen_id, sized, sized.proposals[index], by=DOCTOR, stent_id=stent_id)(case)


def body_in(case: Case, stent_id: str = "stent-1") -> StentBody:
    item = case.sessions[0].item(stent_id)
    assert item is not None
    return stent_of(item)


def test_that_a_stored_lumen_says_what_is_needed_to_size_a_stent() -> None:
    item = lumen()
    facts = lumen_facts(lumen_of(item))
    assert facts.kind == "airway"
    assert facts.length_mm == pytest.approx(lumen_line(item).length_mm)
    assert facts.typical_mm(0.0, 40.0) == pytest.approx(14.0)


def test_that_a_stent_is_stored_with_its_findings_and_the_digest_of_its_lumen() -> None:
    case, session = planned(lumen("lumen-1", ("carina", 65.0)))
    body = body_in(with_stent(case))
    assert (body.diameter_mm, body.length_mm, body.start_mm) == (16.0, 40.0, 40.0)
    assert (body.site, body.indication, body.type, body.device) == ("trachea", "malignant", "covered", None)
    assert body.oversize_percent == pytest.approx(100.0 / 7.0)
    assert body.lumen_digest == body_digest(session.items[0])
    assert ("crosses-carina", "block") in {(each.code, each.severity) for each in body.findings}
    assert all(each.source for each in body.findings if each.severity == "block")


def test_that_a_product_keeps_its_delivery_and_its_name() -> None:
    case, session = planned(lumen())
    sized = stent_proposals(session, "lumen-1")
    index = next(n for n, each in enumerate(sized.proposals) if each.device == "generic-airway-covered")
    assert body_in(with_stent(case, index=index)).device == "generic-airway-covered"


def test_that_moving_a_stent_judges_it_there() -> None:
    case = with_stent(planned(lumen("lumen-1", ("carina", 100.0)))[0])
    assert "landing-short" not in {each.code for each in body_in(case).findings}
    moved = move_stent(case.sessions[0], "stent-1", 65.0)(case)
    body = body_in(moved)
    assert (body.start_mm, body.end_mm) == (65.0, 105.0)
    assert {"landing-short", "crosses-carina"} <= {each.code for each in body.findings}
    with pytest.raises(UsageError, match="outside the measured lumen"):
        move_stent(case.sessions[0], "stent-1", 500.0)


def test_that_another_size_keeps_the_middle_and_drops_a_product_that_is_not_made_so() -> None:
    case, session = planned(lumen())
    sized = stent_proposals(session, "lumen-1")
    index = next(n for n, each in enumerate(sized.proposals) if each.device == "generic-airway-covered")
    case = with_stent(case, index=index)
    longer = body_in(change_size(case.sessions[0], "stent-1", length_mm=60.0)(case))
    assert (longer.start_mm, longer.end_mm, longer.device) == (30.0, 90.0, "generic-airway-covered")
    odd = body_in(change_size(case.sessions[0], "stent-1", diameter_mm=19.0)(case))
    assert odd.device is None
    assert "oversize" in {each.code for each in odd.findings}
    bare = body_in(change_size(case.sessions[0], "stent-1", type_key="bare")(case))
    assert (bare.type, bare.device) == ("bare", None)
    chosen = body_in(change_size(case.sessions[0], "stent-1", device="generic-airway-bare")(case))
    assert (chosen.type, chosen.device) == ("bare", "generic-airway-bare")
    with pytest.raises(UsageError, match="not made in"):
        change_size(case.sessions[0], "stent-1", device="dumon-trachea", diameter_mm=19.0)
    with pytest.raises(UsageError, match="above 0"):
        change_size(case.sessions[0], "stent-1", length_mm=0.0)


def test_that_a_pair_is_made_and_parted_in_one_step() -> None:
    case, _ = planned(lumen("lumen-1"), lumen("lumen-2"))
    case = with_stent(with_stent(with_stent(case), "stent-2", "lumen-2"), "stent-3", "lumen-2")
    paired = pair_stents(case.sessions[0], "stent-1", "stent-2", drained_share=0.6)(case)
    assert (body_in(paired).partner, body_in(paired, "stent-2").partner) == ("stent-2", "stent-1")
    assert body_in(paired).drained_share == 0.6
    again = pair_stents(paired.sessions[0], "stent-1", "stent-3")(paired)
    assert (body_in(again).partner, body_in(again, "stent-2").partner) == ("stent-3", None)
    alone = remove_stent("session-1", "stent-3")(again)
    assert body_in(alone).partner is None
    assert alone.sessions[0].item("stent-3") is None
    with pytest.raises(UsageError, match="own partner"):
        pair_stents(case.sessions[0], "stent-1", "stent-1")


def straight(item_id: str, kind: str, site: str, lean: float, width_mm: float) -> PlanItem:
    """40 mm straight down, then 80 mm that lean to a side; the stricture lies from 70 to 90 mm."""
    along = np.arange(0.0, LENGTH + 0.25, 0.5)
    beyond = np.maximum(along - 40.0, 0.0)
    points = np.column_stack([lean * beyond, np.zeros_like(along), -np.minimum(along, 40.0) - 0.8 * beyond])
    width = np.where(beyond > 0.0, width_mm, 16.0)
    table = np.column_stack([points, width, width, width, width, np.zeros_like(along), np.zeros_like(along)])
    stenosis = StenosisMeasures(70.0, 90.0, 80.0, 5.0, 50.0, width_mm, width_mm, width_mm)
    marks = (LumenMark("carina", 40.0, (0.0, 0.0, -40.0)),) if kind == "airway" else ()
    clicks = ((0.0, 0.0, 0.0), (lean * 80.0, 0.0, -104.0))
    body = LumenBody(kind, packed(table), clicks, "minimal-path", site, LENGTH, marks, stenosis)
    return new_item(LUMEN, body, name=item_id, frame_uid=FRAME, by=DOCTOR, tool="lumen", item_id=item_id)


def test_that_a_pair_in_the_airway_stores_the_sizes_of_a_y_by_its_three_lumens_and_loses_them_alone() -> None:
    right = straight("lumen-1", "airway", "main-bronchus", -0.6, 12.0)
    case, _ = planned(right, straight("lumen-2", "airway", "main-bronchus", 0.6, 10.0))
    case = with_stent(with_stent(case), "stent-2", "lumen-2")
    paired = pair_stents(case.sessions[0], "stent-2", "stent-1")(case)
    said = [each for each in body_in(paired).findings if each.code == "pair-y"]
    assert said == [each for each in body_in(paired, "stent-2").findings if each.code == "pair-y"]
    trunk, one, other = (float(word) for word in re.findall(r"(\d+) mm", said[0].text))
    assert trunk > one > other
    assert said[0].source
    alone = remove_stent("session-1", "stent-2")(paired)
    assert not [each for each in body_in(alone).findings if each.code.startswith("pair-")]


def test_that_two_stents_side_by_side_are_judged_in_the_lumen_they_share_whenever_one_changes() -> None:
    case, _ = planned(straight("lumen-1", "vein", "svc", -0.6, 8.0), straight("lumen-2", "vein", "svc", 0.6, 8.0))
    case = with_stent(with_stent(case), "stent-2", "lumen-2")
    paired = pair_stents(case.sessions[0], "stent-1", "stent-2")(case)
    assert "pair-too-wide" not in {each.code for each in body_in(paired).findings}
    assert any("Side by side in 16.0 mm" in each.text for each in body_in(paired).findings)
    wide = change_size(paired.sessions[0], "stent-1", diameter_mm=24.0)(paired)
    for stent in ("stent-1", "stent-2"):
        assert "pair-too-wide" in {each.code for each in body_in(wide, stent).findings}
        assert any("planned" in each.text and "24" in each.text for each in body_in(wide, stent).findings)


def test_that_an_edited_lumen_makes_its_stent_stale_until_it_is_judged_again() -> None:
    case = with_stent(planned(lumen())[0])
    assert stale_words(case.sessions[0], body_in(case)) == ""
    changed = put_item("session-1", lumen("lumen-1", ("carina", 60.0)))(case)
    assert stale_words(changed.sessions[0], body_in(changed)) == STALE
    judged = judge_again(changed.sessions[0], "stent-1")(changed)
    assert stale_words(judged.sessions[0], body_in(judged)) == ""
    assert "crosses-carina" in {each.code for each in body_in(judged).findings}
    gone = replace(case.sessions[0], items=case.sessions[0].items[1:])
    assert stale_words(gone, body_in(case)) == NO_LUMEN


def test_that_a_planned_stent_is_laid_in_its_lumen() -> None:
    case = with_stent(planned(lumen("lumen-1", ("carina", 100.0)))[0])
    laid = deployment_of(case.sessions[0], "stent-1")
    assert laid.waist_mm == pytest.approx(6.0, abs=0.1)
    assert laid.landing_proximal_mm == pytest.approx(10.0)
    assert laid.marks[0].from_end_mm == pytest.approx(20.0)


def test_that_a_proposal_without_a_size_is_not_put() -> None:
    item = lumen()
    body = lumen_of(item)
    bare = replace(item, body=MappingProxyType(codec.to_json(replace(body, stenosis=None))))
    _, session = planned(bare)
    sized = stent_proposals(session, "lumen-1")
    with pytest.raises(UsageError, match="no size"):
        put_stent(session, "lumen-1", sized, sized.proposals[0], by=DOCTOR)


@pytest.fixture(scope="module")
def tube() -> Volume:
    item = lumen()
    grid = Grid.of((140, 90, 100), frame_uid=FRAME)
    from scipy.spatial import cKDTree

    facts = lumen_facts(lumen_of(item))
    line = lumen_line(item).points_lps_mm
    lps = grid.lps_from_kji.points(np.indices(grid.size_kji).reshape(3, -1).T.astype(np.float64))
    gap, at = cKDTree(line).query(lps, distance_upper_bound=9.0)
    width = np.append(facts.diameter_mm, 0.0)[np.minimum(at, len(line))]
    voxels = np.where(gap < width / 2.0, -950, np.where(gap < width / 2.0 + 2.0, 60, -90)).reshape(grid.size_kji)
    source = ImageSource("1.2.9", modality="CT", unit="HU", patient_name="ZZPHI^Tube", study_date="2026-05-01")
    return Volume(voxels.astype(np.int16), grid, source)


def sheet_case() -> Case:
    """A case whose session plans a stent; nobody has signed anything."""
    case, session = planned(lumen("lumen-1", ("carina", 100.0), ("<b>vocal</b> cords", 5.0)))
    profile = next(iter(profiles().values()))
    template = replace(session.template, profile=profile.id, profile_version=profile.version)
    case = replace(case, sessions=(replace(session, template=template),))
    return with_stent(case)


def test_that_the_sheet_is_one_page_with_sizes_findings_and_identity(tube: Volume) -> None:
    installed = Installed({"tace": tace()}, profiles())
    identity = Identity(12, "ab" * 32, "cd" * 32)
    case = sheet_case()
    content, pages = set_pdf(stent_report(case, "session-1", "stent-1", installed, identity, NOW, volume=tube))
    said = text_of(content)
    assert pages == 1
    for words in (
        "16 x 40 mm",
        "50 to 70 mm along",
        "57 %",
        "revision 12",
        DISCLAIMER,
        "unverified default",
    ):
        assert words in said
    assert "15.4 to 16.8 mm" in said
    assert "<b>vocal</b> cords" in said


def test_that_a_sheet_with_much_to_say_stays_on_one_page(tube: Volume) -> None:
    names = ("carina", "left upper lobe", "vocal cords", "side branch", "branch", "right upper lobe", "fistula")
    item = lumen("lumen-1", *((name, 44.0 + 4.0 * number) for number, name in enumerate(names)))
    _, session = planned(item)
    sized = stent_proposals(session, "lumen-1", indication="fistula", type_wish="covered", way_mm=3.0)
    facts = lumen_facts(lumen_of(item))
    report = image_report(tube, SizedLumen(facts, lumen_line(item), "CT thorax"), sized, NOW)
    content, pages = on_one_page(report)
    assert pages == 1
    assert len(report.stages[0].findings) >= 6
    assert all(each.text in text_of(content) for each in report.stages[0].findings)


def test_that_the_sheet_names_marks_and_images_in_words_and_says_below_where_a_stent_is_narrower() -> None:
    installed = Installed({"tace": tace()}, profiles())
    case = sheet_case()
    marked = lumen("lumen-1", ("lobar-bronchus", 100.0))
    case = put_item("session-1", marked)(case)
    case = change_size(case.sessions[0], "stent-1", diameter_mm=10.0)(case)
    report = stent_report(case, "session-1", "stent-1", installed, Identity(1, "a" * 64, None), NOW)
    said = " ".join(f"{each.value} {each.note}" for each in report.summary)
    assert "29 % below the lumen" in said
    assert "Lobar bronchus 20 mm beyond" in said
    assert "images that are not in this case" in said
    assert "1.2.9" not in said


def test_that_a_stale_stent_says_so_on_paper_and_images_that_are_missing_are_named() -> None:
    installed = Installed({"tace": tace()}, profiles())
    changed = put_item("session-1", lumen("lumen-1", least=5.0))(sheet_case())
    report = stent_report(changed, "session-1", "stent-1", installed, Identity(1, "a" * 64, None), NOW)
    assert STALE in report.warnings[0]
    assert "not pictured" in report.picture_note


def test_that_a_print_is_remembered_and_an_unwritable_place_leaves_nothing(tmp_path: Path, tube: Volume) -> None:
    library = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}", daily_backup=False)
    try:
        case = sheet_case()
        revision = library.create_case(case, DOCTOR)
        installed = Installed({"tace": tace()}, profiles())
        out = tmp_path / "sheet.pdf"
        given = (library, case, revision, "session-1", "stent-1", installed)
        assert write_stent_sheet(*given, out, by=DOCTOR, now=NOW, volume=tube) == 1
        assert "page 1 of 1" in pages_of(out)[0]
        with pytest.raises(UsageError, match="cannot be written"):
            write_stent_sheet(*given, tmp_path / "nowhere" / "sheet.pdf", by=DOCTOR, now=NOW)
    finally:
        library.close()


def test_that_a_sheet_of_images_says_that_it_belongs_to_no_case(tmp_path: Path, tube: Volume) -> None:
    item = lumen()
    _, session = planned(item)
    facts = lumen_facts(lumen_of(item))
    sized = stent_proposals(session, "lumen-1")
    report = image_report(tube, SizedLumen(facts, lumen_line(item), "CT thorax"), sized, NOW)
    out = tmp_path / "sheet.pdf"
    assert write_image_sheet(out, report) == 1
    said = text_of(out)
    assert "in no case" in said
    assert "DRAFT" in said
    assert "ZZPHI Tube" in said
    assert not report.simulated
    digital = replace(tube, source=replace(tube.source, patient_id="SELDINGER-DEMO"))
    assert image_report(digital, SizedLumen(facts, lumen_line(item), "CT thorax"), sized, NOW).simulated
