"""The technical record: what was done, from the record; what nobody recorded is printed as such."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from paper import FakeRenderer, text_of
from tace_walk import SESSION, tace, walked, with_answers

from planner.app.record_sections import RunView, margins_table, runs_table
from planner.app.report_front import Identity
from planner.app.technical_record import NO_RECORD_IMAGES, runs_of, technical_record, write_technical_record
from planner.app.templates import Installed
from planner.errors import UsageError
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.edits import with_session
from planner.model.items import PlanItem
from planner.model.needle_items import ABLATION_MARGIN, AblationMarginBody, MarginNumbers
from planner.report.content import PlanReport, Table
from planner.report.pdf import pdf_bytes
from planner.store.actors import Actor
from planner.store.library import Library
from planner.workflow.dossier import technical_print
from planner.workflow.profiles import load_profiles

INSTALLED = Installed({"tace": tace()}, dict(load_profiles()))
BY = Actor("Dr Print", "approver", "room-2")
IDENTITY = Identity(7, "ab" * 32, "cd" * 32)


@pytest.fixture(scope="module")
def case() -> Case:
    return walked().case


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}", daily_backup=False)
    yield opened
    opened.close()


def record(case: Case, **more: Any) -> PlanReport:
    return technical_record(case, SESSION, INSTALLED, IDENTITY, walked().now, **more)


def table(report: PlanReport, begins: str) -> Table:
    return next(each for each in report.tables if each.title.startswith(begins))


def line(report: PlanReport, section: str, label: str) -> str:
    stage = next(each for each in report.stages if each.title == section)
    return next(each.value for each in stage.lines if each.label == label)


def test_that_it_says_what_worked_what_was_given_and_the_lots(case: Case) -> None:
    report = record(case)
    again = dict(table(report, "For the next time").rows)
    assert again["What failed"] == "Simmons 1 did not hold in the coeliac trunk"
    assert again["View that worked"] == "RAO 25, cranial 10, supine"
    assert again["Access"].endswith("(from the plan)")
    assert ("doxorubicin", "30 mg", "") in table(report, "Given").rows
    assert ("Doxorubicin", "", "DX-2231", "Injections") in table(report, "Devices and drugs").rows
    assert table(report, "Complications").rows[0][:4] == ("Post-embolisation syndrome", "2026-05-13", "CIRSE 2017", "2")
    assert not report.draft
    assert "Dr M. Keller (Operator)" in report.state_line


def test_that_the_plan_is_left_out_and_every_record_field_is_in(case: Case) -> None:
    report = record(case)
    wanted = [stage.title for stage in tace().stages if stage.phase.is_record]
    assert [each.title for each in report.stages] == wanted
    assert line(report, "Completion", "Remarks") == "not recorded"
    assert line(report, "Sign-out", "Procedure as done") == "cTACE of L1 by A8 and L2 by A6."


def test_that_an_empty_record_is_printed_not_recorded_and_is_a_draft(case: Case) -> None:
    session = replace(case.sessions[0], answers={}, signoffs=(), overrides=(), items=())
    report = record(with_session(case, session))
    assert report.draft
    assert "stages of the record not signed" in report.state_line
    assert {value for _, value in table(report, "For the next time").rows} == {"not recorded"}
    assert table(report, "Given").rows == (("not recorded", "", ""),)
    assert table(report, "Complications").title == "Complications (events to 30 days NOT ASKED)"
    assert table(report, "Complications").rows[0][0] == "not recorded"
    assert {each.value for each in report.summary if each.label in ("As done", "Ended as", "Performed on")} == {
        "not recorded"
    }


def test_that_a_margin_stands_with_its_registration_error(case: Case) -> None:
    numbers = MarginNumbers(minimum_mm=4.2, mean_mm=6.0, percentile_5_mm=4.5, covered_fraction=1.0, uncovered_ml=0.0)
    body = AblationMarginBody("achieved", "region-1", None, numbers, required_mm=5.0, registration_error_mm=1.5)
    unknown = replace(body, registration_error_mm=None)
    items = tuple(
        PlanItem(name, ABLATION_MARGIN, name, "1.2.3", codec.to_json(each))
        for name, each in (("known", body), ("unknown", unknown))
    )
    session = replace(case.sessions[0], items=items)
    rows = margins_table(with_session(case, session), session, tace()).rows
    assert rows[0][1:4] == ("4.20 mm", "4.50 mm", "± 1.50 mm")
    assert rows[1][1:4] == ("not measurable", "not measurable", "unknown")


def test_that_runs_are_listed_with_their_angles_or_why_not(case: Case) -> None:
    runs = (RunView("dsa-before, 2026-05-12", -25.0, 10.0, 1200.0), RunView("lost", None, None, None, "not read: gone"))
    assert runs_table(runs).rows == (
        ("dsa-before, 2026-05-12", "RAO 25 CRA 10", "1200 mm"),
        ("lost", "not read: gone", "–"),
    )
    assert runs_table(()).rows == (("not recorded", "", ""),)


def test_that_the_runs_of_the_session_are_found_and_one_that_is_not_here_says_so(case: Case, library: Library) -> None:
    day = case.sessions[0].answer("sign_out", "performed_on")
    of_the_day = SeriesRef("7.1", 1, "XA", "Coeliac", "6.1", date.fromisoformat(day), "5.1", kind="angio")
    other_day = replace(of_the_day, series_uid="7.2", study_date=date(2025, 1, 1))
    named = replace(other_day, series_uid="7.3", description="Before")
    session = replace(case.sessions[0], series_roles={"dsa-before": "7.3#1"})
    changed = replace(with_session(case, session), studies=(of_the_day, other_day, named))
    library.create_case(changed, BY)
    found = runs_of(library, changed, session)
    assert [each.name for each in found] == ["Coeliac, 2026-05-12", "dsa-before Before, 2025-01-01"]
    assert all(each.problem.startswith("not read: ") and each.primary_deg is None for each in found)


def test_that_the_paper_carries_digest_and_escapes_what_was_typed(case: Case) -> None:
    typed = with_answers(case, "completion", remark="<b>bold</b> & more")
    text = text_of(pdf_bytes(record(typed)))
    assert "<b>bold</b> & more" in text
    assert "record " in text
    assert "revision 7" in text
    assert record(case).identity != record(typed).identity
    assert record(replace(case, simulated=True)).simulated


def test_that_the_print_is_noted_so_that_the_checklist_finds_it(case: Case, library: Library, tmp_path: Path) -> None:
    revision = library.create_case(case, BY)
    file = tmp_path / "record.pdf"
    given: dict[str, Any] = {"renderer": FakeRenderer(), "volumes": {}, "by": BY, "now": walked().now}
    write_technical_record(library, case, revision, SESSION, INSTALLED, file, **given)
    assert library.prints(case.id)[0].what == technical_print(case.sessions[0], tace())
    text = text_of(file)
    assert NO_RECORD_IMAGES in text
    assert "pictures not available" in text
    with pytest.raises(UsageError, match="another place"):
        write_technical_record(library, case, revision, SESSION, INSTALLED, tmp_path / "no" / "x.pdf", **given)
