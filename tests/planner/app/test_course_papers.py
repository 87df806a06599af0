"""Course report and board sheet: what was decided and done, who read what, what is missing; dates meet by links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from course_cases import hcc_case, laboratory, lesion, tace_session
from course_scene import course_case
from paper import FakeRenderer, pages_of, text_of

from planner.app.board_missing import missing_for_meeting
from planner.app.board_sheet import board_page, board_sheet, write_board_sheet
from planner.app.board_slices import NO_PLACE, SliceStrip, shown_lesion, slice_strip
from planner.app.course_report import course_report, write_course_report
from planner.app.run_items import add_link, review_link
from planner.app.templates import installed
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.disease import BoardDecision, Opinion, SeriesRef
from planner.model.follow_up import Task
from planner.model.links import FrameLink, LinkQuality
from planner.report.board_page import set_board_page
from planner.report.content import PlanReport, Table
from planner.store.actors import Actor
from planner.store.library import Library

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
BY = Actor("Dr Board", "approver", "room-2")
BASE, SIX, LOST = "1.2.3", "1.2.6", "1.2.9"
SHIFT = (12.0, -6.0, 8.0)
PLACE = (2.0, 4.0, -3.0)
TYPED = BoardDecision("decision-3", question="<b>Stop?</b> & why")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}", daily_backup=False)
    yield opened
    opened.close()


def reading(number: int, role: str, overall: str, by: str) -> ResponseReading:
    on = date(2026, 2, 20)
    return ResponseReading(f"reading-{number}", "mrecist", on, by, NOW, role=role, overall=overall, target=overall)


def case_of(**more: Any) -> Case:
    given: dict[str, Any] = {
        "lesions": (
            lesion("lesion-1", (date(2026, 1, 2), 30.0, 30.0), centre_lps_mm=PLACE, frame_uid=BASE, role="target"),
        ),
        "laboratory": laboratory("bilirubin", "umol/L", (date(2026, 5, 1), 17.0)),
        "decisions": (
            BoardDecision(
                "decision-1", held_on=date(2026, 1, 5), question="TACE?", decision="TACE of L1", carried_out="changed",
                carried_out_on=date(2026, 1, 12), carried_out_why="Only one feeder", outcome="PR",
                opinions=(Opinion("surgery", opinion="Resect", dissent=True),),
            ),
            BoardDecision("decision-2", held_on=date(2026, 6, 2), question="Repeat or stop?"),
        ),
        "readings": (reading(1, "first", "PR", "Dr One"), reading(2, "second", "SD", "Dr Two")),
        "tasks": (Task("task-1", "laboratory", "Bilirubin again", "Ward", date(2026, 5, 20), "Nurse", NOW),),
    }  # fmt: skip
    return hcc_case(tace_session(1), **{**given, **more})


def report(case: Case) -> PlanReport:
    return course_report(case, installed(), NOW)


def table(found: PlanReport, begins: str) -> Table:
    return next(each for each in found.tables if each.title.startswith(begins))


def test_that_the_course_report_says_what_was_decided_and_whether_it_was_carried_out() -> None:
    first, second = table(report(case_of()), "Decisions").rows
    assert first[2:4] == ("TACE of L1", "carried out, changed on 2026-01-12: Only one feeder")
    assert first[5] == "surgery: Resect"
    assert second[3] == "not answered whether it was carried out"


def test_that_both_readers_stand_with_their_criteria_and_where_they_differ() -> None:
    found = report(case_of())
    rows = table(found, "Response").rows
    assert {(row[1], row[2], row[3].split(";")[0]) for row in rows} == {
        ("mrecist", "Dr One (first)", "PR"),
        ("mrecist", "Dr Two (second)", "SD"),
    }
    # These readings were made by hand and stand on no observation as it is now.
    assert all("CHANGED SINCE" in row[3] for row in rows)
    assert ("2026-02-20", "mrecist", "overall", "PR", "SD", "OPEN: a third person decides") in table(
        found, "Where the two"
    ).rows


def test_that_totals_say_what_they_cannot_know_and_complications_that_nobody_asked() -> None:
    found = report(case_of())
    ledger = table(found, "Ledger")
    assert "Known sessions only; no treatment elsewhere." in ledger.title
    assert ("Doxorubicin", "40 mg") in {row[:2] for row in ledger.rows}
    assert table(found, "Complications").rows == (("TACE 1", "", "events to 30 days NOT ASKED", ""),)
    assert table(found, "Open tasks").rows == (("2026-05-20", "Bilirubin again", "Ward", "laboratory"),)
    assert "Advice, not an order" in table(found, "Next step").title


def test_that_events_stand_with_scheme_and_version() -> None:
    event = {"event": "Abscess", "on": "2026-01-20", "scheme": "CIRSE 2017", "grade": "3", "action": "Drain"}
    session = tace_session(1, events_30d={"adverse_events": [event], "none": "no"})
    rows = table(report(hcc_case(session)), "Complications").rows
    assert rows == (("TACE 1", "2026-01-20", "Abscess (CIRSE 2017 grade 3)", "Drain"),)


def test_that_the_course_report_is_printed_with_revision_and_noted(library: Library, tmp_path: Path) -> None:
    case = replace(course_case(), decisions=(TYPED,))
    revision = library.create_case(case, BY)
    pages = write_course_report(library, case, revision, installed(), tmp_path / "course.pdf", by=BY, now=NOW)
    found = pages_of(tmp_path / "course.pdf")
    assert len(found) == pages
    assert all("revision 1" in each and "SIMULATED" in each for each in found)
    assert "<b>Stop?</b> & why" in " ".join(found)
    assert library.prints(case.id)[0].what == "course"


def test_that_typed_text_is_escaped_on_the_board_sheet() -> None:
    case = case_of(decisions=(TYPED,))
    page = board_page(board_sheet(case, installed(), NOW), SliceStrip(None, (), None, (NO_PLACE,)), "identity")
    assert "<b>Stop?</b> & why" in text_of(set_board_page(page)[0])


def test_that_the_board_sheet_has_question_decision_response_and_ledger() -> None:
    sheet = board_sheet(case_of(), installed(), NOW)
    assert sheet.question == "Repeat or stop?"
    assert (sheet.decision, sheet.decision_on) == ("TACE of L1", date(2026, 1, 5))
    assert sheet.carried_out is not None
    assert sheet.carried_out.startswith("carried out, changed")
    assert [(each.criteria, each.overall) for each in sheet.response] == [("mrecist", None)]
    assert "Known sessions only" in sheet.ledger_note
    assert "Doxorubicin" in {each[0] for each in sheet.ledger}
    assert sheet.complications == ("NOT ASKED to 30 days: TACE 1",)
    assert sheet.options
    assert all(option.says for option in sheet.options)


def test_that_what_lacks_for_the_meeting_is_named_with_why() -> None:
    case = case_of()
    found = {each.code: each for each in missing_for_meeting(case, installed(), NOW.date())}
    assert found["laboratory"].source
    laboratory_lines = [
        each for each in missing_for_meeting(case, installed(), NOW.date()) if each.code == "laboratory"
    ]
    assert any("31 days old" in each.why and each.text == "Total bilirubin" for each in laboratory_lines)
    assert any(each.why == "no value" for each in laboratory_lines)
    assert {"entries", "pathology", "disagreement", "lesions", "task", "imaging"} <= set(found)
    assert "question" not in found
    assert "carried-out" not in found


def test_that_an_open_consent_an_unread_study_and_an_unreviewed_link_are_missing() -> None:
    study = SeriesRef("9.1", 1, "MR", "MR", "8.1", date(2026, 5, 20), SIX, "arterial")
    link = FrameLink("link-1", SIX, BASE, tuple(np.eye(4).ravel()), "images", quality=LinkQuality("rigid"))
    planned = replace(tace_session(2), state="planned", performed_on=None, answers={})
    case = hcc_case(tace_session(1), planned, studies=(study,), links=(link,))
    codes = {each.code for each in missing_for_meeting(case, installed(), NOW.date())}
    assert {"consent", "reading", "links", "question"} <= codes


@pytest.mark.parametrize(
    ("carried_out", "question", "why"),
    [
        (None, "Repeat or stop?", None),
        (None, None, "nobody has written one since the decision of 2026-02-02"),
        ("as-decided", "Repeat or stop?", "nobody has written one since the decision of 2026-02-02"),
    ],
)
def test_that_an_open_decision_s_question_is_a_question(
    carried_out: str | None, question: str | None, why: str | None
) -> None:
    held = date(2026, 2, 2)
    decided = BoardDecision("d-1", held, "TACE of L1", question=question, carried_out=carried_out)
    case = case_of(decisions=(decided,))
    said = [each.why for each in missing_for_meeting(case, installed(), NOW.date()) if each.code == "question"]
    assert said == ([] if why is None else [why])


def test_that_the_board_sheet_is_one_page_even_of_a_long_course() -> None:
    long = replace(course_case(), sessions=tuple(tace_session(n) for n in range(1, 21)))
    page = board_page(board_sheet(long, installed(), NOW), SliceStrip(None, (), None, (NO_PLACE,)), "identity")
    content, pages = set_board_page(page)
    assert pages == 1
    assert "SIMULATED" in text_of(content)
    assert NO_PLACE in text_of(content)


def grid(frame_uid: str) -> Grid:
    return Grid.of((20, 30, 30), origin_lps_mm=(-29, -29, -19), spacing_kji_mm=(2, 2, 2), frame_uid=frame_uid)


def spot(frame_uid: str, place: tuple[float, float, float]) -> Volume:
    """Dark, and bright within 4 mm of a place."""
    where = grid(frame_uid)
    kji = np.indices(where.size_kji, dtype=np.float64).reshape(3, -1).T
    near = np.linalg.norm(where.lps_from_kji.points(kji) - np.asarray(place), axis=1) <= 4.0
    voxels = np.where(near, 200.0, -100.0).astype(np.float32).reshape(where.size_kji)
    return Volume(voxels, where, ImageSource(f"9.{frame_uid}", modality="CT", unit="HU"))


def three_dates() -> Case:
    """The lesion's study, one with a reviewed link, one with a link that nobody has reviewed."""
    studies = tuple(
        SeriesRef(f"9.{frame}", 1, "CT", "CT", f"8.{frame}", on, frame, "arterial")
        for frame, on in ((BASE, date(2026, 1, 2)), (SIX, date(2026, 2, 20)), (LOST, date(2026, 5, 20)))
    )
    flat = np.eye(4)
    flat[:3, 3] = SHIFT
    case = case_of(studies=studies)
    for number, frame in enumerate((SIX, LOST)):
        link = FrameLink(f"link-{number}", frame, BASE, tuple(flat.ravel()), "images", quality=LinkQuality("rigid"))
        case = add_link(link)(case)
    return review_link("link-0", by=BY)(case)


def held() -> dict[str, Volume]:
    moved = tuple(float(a - b) for a, b in zip(PLACE, SHIFT, strict=True))
    assert len(moved) == 3
    return {
        f"9.{BASE}#1": spot(BASE, PLACE),
        f"9.{SIX}#1": spot(SIX, (moved[0], moved[1], moved[2])),
        f"9.{LOST}#1": spot(LOST, PLACE),
    }


def test_that_the_same_place_is_shown_over_the_dates_through_reviewed_links_only(library: Library) -> None:
    renderer = FakeRenderer()
    strip = slice_strip(library, three_dates(), renderer, held())
    assert [each.on for each in strip.slices] == [date(2026, 1, 2), date(2026, 2, 20)]
    assert strip.left_out == ("2026-05-20 left out: no reviewed match with the study of the lesion",)
    (sheet,) = renderer.sheets
    for panel in sheet.panels:
        height, width = panel.picture.shape
        middle = panel.picture[height // 2, width // 2]
        assert middle > panel.picture[height // 2, width // 2 + 60]
    assert "reviewed by Dr Board" in (strip.picture.caption if strip.picture else "")
    assert "posture and breath differ" in " ".join(sheet.caption)


def test_that_without_images_or_place_the_strip_says_why(library: Library) -> None:
    case = three_dates()
    library.create_case(case, BY)
    lost = slice_strip(library, case, FakeRenderer(), {})
    assert lost.picture is None
    assert len(lost.left_out) == 3
    nowhere = replace(case, lesions=(replace(case.lesions[0], centre_lps_mm=None),))
    assert slice_strip(library, nowhere, FakeRenderer(), held()).left_out == (NO_PLACE,)
    far = replace(case, lesions=(replace(case.lesions[0], centre_lps_mm=(500.0, 0.0, 0.0)),))
    assert "do not show the place" in slice_strip(library, far, FakeRenderer(), held()).left_out[0]


def test_that_a_simulated_strip_is_burned_in(library: Library) -> None:
    renderer = FakeRenderer()
    slice_strip(library, replace(three_dates(), simulated=True), renderer, held())
    assert "SIMULATED" in renderer.sheets[0].caption[0]


def test_that_the_board_sheet_is_written_and_noted(library: Library, tmp_path: Path) -> None:
    case = three_dates()
    revision = library.create_case(case, BY)
    file = tmp_path / "board.pdf"
    given: dict[str, Any] = {"renderer": FakeRenderer(), "volumes": held(), "by": BY, "now": NOW}
    assert write_board_sheet(library, case, revision, installed(), file, **given) == 1
    (text,) = pages_of(file)
    for words in ("Repeat or stop?", "2026-05-20 left out", "Missing for the meeting", "Last decision, 2026-01-05"):
        assert words in text
    assert library.prints(case.id)[0].what == "board"


def test_that_the_sheet_shows_the_confirmed_new_lesion_before_the_target() -> None:
    placed = {"centre_lps_mm": (0.0, 0.0, 0.0), "frame_uid": "1.2"}
    days = (date(2026, 1, 5), date(2026, 7, 5))
    target = lesion("lesion-1", (days[0], 35, 35), (days[1], 24, 0), role="target", **placed)
    fresh = lesion("lesion-3", (days[1], 16, 16), role="new", first_seen_on=days[1], **placed)
    case = hcc_case(lesions=(target, fresh))
    assert shown_lesion(case) == target
    confirmed = replace(fresh, identity_by="Dr R", identity_on=days[1])
    assert shown_lesion(replace(case, lesions=(target, confirmed))) == confirmed
    assert shown_lesion(replace(case, lesions=(target, confirmed)), "lesion-1") == target
