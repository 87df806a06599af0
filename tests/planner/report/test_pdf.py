"""What stands on the paper: read back from the PDF by another library."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from paper import pages_of, text_of

from planner import DISCLAIMER
from planner.findings import Finding, Severity
from planner.report.content import Arithmetic, Checklist, ChecklistLine, Line, PlanReport, StageSection, Table
from planner.report.pdf import pdf_bytes, set_pdf


def report(**more: Any) -> PlanReport:
    plain = PlanReport(
        title="TACE · TACE 1",
        patient_line="ZZPHI Anna · ID 42 · born 1951-02-03",
        state_line="DRAFT: 3 of 14 plan stages not signed; not a clearance",
        identity="Case case-1, revision 12 · plan 0123456789abcdef",
        printed_at="2026-03-04 09:30",
        draft=True,
        simulated=False,
    )
    return replace(plain, **more)


def table(rows: int, columns: int = 3) -> Table:
    heading = tuple(f"Heading{column}" for column in range(columns))
    return Table(
        "Long list", heading, tuple(tuple(f"r{row}c{column}" for column in range(columns)) for row in range(rows))
    )


def test_that_every_page_names_patient_state_revision_and_disclaimer() -> None:
    pages = pages_of(pdf_bytes(report(tables=(table(180),))))
    assert len(pages) > 2
    for number, page in enumerate(pages, start=1):
        for words in (
            "ZZPHI Anna",
            "not a clearance",
            "revision 12",
            "printed 2026-03-04 09:30",
            "Not a medical device",
        ):
            assert words in page
        assert f"page {number} of {len(pages)}" in page
    assert " ".join(DISCLAIMER.split())[:60] in pages[0]


def test_that_the_number_of_pages_is_told() -> None:
    content, pages = set_pdf(report(tables=(table(180),)))
    assert pages == len(pages_of(content))


def test_that_a_long_table_runs_over_pages_with_its_heading_and_loses_no_row() -> None:
    pages = pages_of(pdf_bytes(report(tables=(table(180),))))
    text = " ".join(pages)
    assert all(f"r{row}c2" in text for row in range(180))
    assert sum("Heading0" in page for page in pages) == len(pages)


def test_that_a_table_too_wide_for_the_page_is_turned_and_keeps_every_cell() -> None:
    wide = table(5, columns=22)
    text = text_of(pdf_bytes(report(tables=(wide,))))
    assert all(cell in text for row in wide.rows for cell in row)
    assert text.index("r0c0") < text.index("r1c0") < text.index("r0c1")


def test_that_markup_in_data_is_printed_as_it_is() -> None:
    nasty = '<b>Bobby</b> &amp; <img src="file:///etc/passwd"/> <font size="90">'
    section = StageSection("Referral", "decide", "open", lines=(Line(nasty, nasty),))
    text = text_of(pdf_bytes(report(patient_line=nasty, summary=(Line("Diagnosis", nasty),), stages=(section,))))
    assert "<b>Bobby</b> &amp;" in text
    assert '<font size="90">' in text


@pytest.mark.parametrize("name", ["王小明", "山田 たろう", "김철수", "Zoë Gårdström-Łukasz"])
def test_that_names_of_many_scripts_print(name: str) -> None:
    assert name.replace(" ", "") in text_of(pdf_bytes(report(patient_line=name))).replace(" ", "")


def test_that_characters_that_could_hide_or_turn_text_are_made_visible() -> None:
    text = text_of(pdf_bytes(report(patient_line="abc\u202edef\u200bghi")))
    assert "\u202e" not in text
    assert "\u200b" not in text


def test_that_a_draft_is_marked_across_the_page_and_a_signed_plan_is_not() -> None:
    draft, signed = text_of(pdf_bytes(report())), text_of(pdf_bytes(report(draft=False, state_line="Plan signed")))
    assert draft.count("DRAFT") == signed.count("DRAFT") + 3
    assert "SIMULATED" in text_of(pdf_bytes(report(simulated=True)))


def test_that_a_stage_prints_numbers_sources_overrides_and_what_was_not_checked() -> None:
    dose = Finding(
        "dose", Severity.WARN, "Dose is high.", measured=160.0, limit=150.0, unit="mg", source="R10", tag="M"
    )
    asked = Finding("inr-old", Severity.BLOCK, "INR is old.", source="R15", tag="S")
    section = StageSection(
        "Agent and dose",
        "plan",
        "signed",
        arithmetic=(Arithmetic("Body surface", "1.84 m²", "root of (172 x 71 / 3600)", "Mosteller", unverified=True),),
        findings=(dose,),
        overridden=((asked, "by Dr Who, 2026-03-04 09:00; reason: taken today"),),
        signatures=("Operator: Dr Who, 2026-03-04 09:10",),
        not_checked=("cystic artery",),
    )
    text = text_of(pdf_bytes(report(stages=(section,))))
    for words in (
        "WARNING: Dose is high. · measured 160 mg · limit 150 mg · unverified default, R10",
        "OVERRIDDEN (by Dr Who, 2026-03-04 09:00; reason: taken today): BLOCKS: INR is old. · R15",
        "root of (172 x 71 / 3600) · unverified default · Mosteller",
        "NOT CHECKED: cystic artery",
        "Operator: Dr Who, 2026-03-04 09:10",
    ):
        assert words in text


def test_that_the_time_out_has_a_page_of_its_own() -> None:
    lines = (ChecklistLine("Patient: name and birth date"), ChecklistLine("Images", "yes"))
    checklist = Checklist("Time-out: read aloud", (Line("Allergies", "Penicillin"),), lines)
    section = StageSection("Referral", "decide", "open")
    pages = pages_of(pdf_bytes(report(checklist=checklist, stages=(section,))))
    own = next(page for page in pages if "Time-out: read aloud" in page)
    assert "Penicillin" in own
    assert "Patient: name and birth date" in own
    assert "Referral" not in own


def test_that_missing_pictures_are_named() -> None:
    note = "pictures not available: the folder is gone"
    assert note in text_of(pdf_bytes(report(picture_note=note)))
