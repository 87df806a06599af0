"""The printed plan of a session: what it says of a signed one, a draft, and one without images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from paper import FakeRenderer, pages_of, text_of
from tace_walk import SESSION, at, profiles, tace, walked, with_answers

from planner.app.reporting import Identity, report_of, session_report
from planner.app.sessions import plan_revision_digest
from planner.app.templates import Installed
from planner.errors import UsageError
from planner.model.case import Case
from planner.report.content import PlanReport
from planner.store.actors import Actor
from planner.store.library import Library
from planner.workflow.signing import override

BY = Actor("Dr Print", "approver", "room-2")
IDENTITY = Identity(12, "ab" * 32, "cd" * 32)


@pytest.fixture(scope="module")
def installed() -> Installed:
    return Installed({"tace": tace()}, profiles())


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}", daily_backup=False)
    yield opened
    opened.close()


def values(installed: Installed, case: Case, now_day_after: int = 40) -> PlanReport:
    now = at(walked().now.date() + timedelta(days=now_day_after))
    return report_of(case, SESSION, installed, IDENTITY, now)


def test_that_a_signed_plan_says_by_whom_and_that_it_is_no_clearance(installed: Installed) -> None:
    report = values(installed, walked().case)
    assert not report.draft
    assert report.state_line.startswith("Plan signed by Dr M. Keller (Consultant) on 2026-05-11")
    assert report.state_line.endswith("not a clearance")


def test_that_a_draft_counts_the_stages_that_are_not_signed(installed: Installed) -> None:
    walk = walked(until="agent_dose")
    report = report_of(walk.case, SESSION, installed, IDENTITY, walk.now)
    assert report.draft
    assert report.state_line == "DRAFT: 4 of 14 plan stages not signed; not a clearance"


def test_that_a_plan_changed_after_signing_is_a_draft_again(installed: Installed) -> None:
    walk = walked(until="sign_in")
    signed = report_of(walk.case, SESSION, installed, IDENTITY, walk.now)
    changed = report_of(
        with_answers(walk.case, "agent_dose", prepared_maximum=60.0, second_person_maximum=60.0),
        SESSION,
        installed,
        IDENTITY,
        walk.now,
    )
    assert not signed.draft
    assert changed.draft
    assert "changed since" in changed.state_line


def test_that_overrides_stand_on_page_one_and_on_the_time_out_page(installed: Installed) -> None:
    walk = walked(until="agent_dose")
    blocked = next(
        finding
        for finding in walk.status().stage("agent_dose").findings
        if finding.blocks and finding.overridable and finding.code == "required-empty"
    )
    case = override(
        walk.case, SESSION, tace(), walk.profile, "agent_dose",
        code=blocked.code, subject=blocked.subject, by="Dr Bold", reason="as agreed by phone", now=walk.now,
    )  # fmt: skip
    report = report_of(case, SESSION, installed, IDENTITY, walk.now)
    assert report.warnings[0].startswith("Overrides: 1")
    assert report.checklist is not None
    said = [line.value for line in report.checklist.facts if line.label == "Override"]
    assert len(said) == 1
    assert "Dr Bold" in said[0]
    assert "as agreed by phone" in said[0]


def test_that_typed_doses_are_printed_as_typed_with_the_arithmetic_beside_them(installed: Installed) -> None:
    report = values(installed, walked().case)
    typed = {line.label: line.value for line in report.dose_lines}
    assert typed["Prepared maximum"] == "50 mg"
    assert typed["Lipiodol, at most"] == "10 mL"
    surface = next(item for item in report.doses if item.label.startswith("Body surface (Mosteller)"))
    assert "172" in surface.arithmetic
    assert "71" in surface.arithmetic
    assert surface.unverified


def test_that_ledger_lesions_and_identity_are_there(installed: Installed) -> None:
    case = walked().case
    report = values(installed, case)
    titles = [table.title for table in report.tables]
    assert any(title.startswith("Ledger. Known sessions only") for title in titles)
    lesions = next(table for table in report.tables if table.title.startswith("Lesions"))
    assert "confirmed complete by" in lesions.title
    assert [row[0] for row in lesions.rows] == ["L1", "L2"]
    assert [row[3] for row in lesions.rows] == ["35 mm", "18 mm"]
    ledger = next(table for table in report.tables if table.title.startswith("Ledger"))
    assert next(row for row in ledger.rows if row[0] == "doxorubicin")[1] == "45 mg"
    for words in ("revision 12", "abababababababab", "cdcdcdcdcdcdcdcd", "tace", tace().digest[:16]):
        assert words in report.identity
    assert "ab" * 32 in [line.value for line in report.identity_lines]


def test_that_allergies_nobody_asked_for_are_not_called_none(installed: Installed) -> None:
    case = replace(walked(until="fitness").case, allergies=(), allergies_asked=None, medication=())
    report = report_of(case, SESSION, installed, IDENTITY, at(walked().now.date()))
    said = {line.label: line.value for line in report.summary}
    assert said["Allergies"].startswith("NOT CHECKED")
    assert said["Anticoagulant or antiplatelet"].startswith("NOT CHECKED")


def test_that_after_the_time_out_the_paper_shows_the_values_it_pinned(installed: Installed) -> None:
    case = walked().case
    later = replace(case, patient=replace(case.patient, weight_kg=99.0), lesion_list_confirmed=None)
    report = values(installed, later)
    assert "71 kg" in report.patient_line
    assert any("confirmed complete by" in table.title for table in report.tables)


def test_that_a_print_without_images_says_so_and_is_remembered(
    installed: Installed, library: Library, tmp_path: Path
) -> None:
    case = walked().case
    revision = library.create_case(case, BY)
    out, renderer = tmp_path / "plan.pdf", FakeRenderer()
    pages = session_report(
        library, case, revision, SESSION, installed, out,
        renderer=renderer, volumes={}, by=BY, now=walked().now,
    )  # fmt: skip
    text = text_of(out)
    assert pages == len(pages_of(out))
    assert "pictures not available: The images" in text
    assert "are not found" in text
    assert plan_revision_digest(case, SESSION) in text.replace(" ", "")
    assert renderer.asked == []
    printed = library.prints(case.id)
    assert [(each.revision, each.printed_by) for each in printed] == [(revision, "Dr Print")]
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".part"] == []


def test_that_a_file_that_cannot_be_written_is_refused_and_not_counted_as_printed(
    installed: Installed, library: Library, tmp_path: Path
) -> None:
    case = walked().case
    revision = library.create_case(case, BY)
    with pytest.raises(UsageError) as refused:
        session_report(
            library, case, revision, SESSION, installed, tmp_path / "no-such-folder" / "plan.pdf",
            renderer=FakeRenderer(), volumes={}, by=BY, now=walked().now,
        )  # fmt: skip
    assert refused.value.code == "cannot-write"
    assert library.prints(case.id) == ()


def test_that_chinese_names_and_markup_in_the_case_reach_the_paper(
    installed: Installed, library: Library, tmp_path: Path
) -> None:
    case = walked().case
    named = replace(case, patient=replace(case.patient, name="ZZPHI^Wang=王^小明"), title="<i>x</i>")
    # Whatever is pinned wins after the time-out, so the name is set before it.
    open_plan = walked(until="sign_in").case
    named = replace(open_plan, patient=named.patient, responsible_physician="<b>Dr</b> & Co")
    revision = library.create_case(named, BY)
    out = tmp_path / "plan.pdf"
    session_report(
        library, named, revision, SESSION, installed, out,
        renderer=FakeRenderer(), volumes={}, by=BY, now=walked(until="sign_in").now,
    )  # fmt: skip
    text = text_of(out)
    assert "王 小明" in text or "王小明" in text
    assert "<b>Dr</b> & Co" in text
