"""What the rows of identity and the cells of the response say, without a window."""

from __future__ import annotations

from datetime import date

import pytest

from planner.clinical.response_course_types import Assessment, LesionTimepoint, Timepoint
from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.disease import Lesion, Observation
from planner.model.people import Patient
from planner.planning.lesion_matching import Identity, IdentityKind
from planner.workflow.course_ledger import LedgerRow, Quantity
from viewers.panels.identity_content import CONFIRMS, KIND_MARKS, IdentityLine
from viewers.panels.ledger_panel import cells_of, share_of
from viewers.panels.response_content import ResponseView, lesion_cell, summary_rows

FIRST, LATER = date(2026, 5, 1), date(2026, 6, 24)


def line(kind: IdentityKind, earlier: int, later: int) -> IdentityLine:
    from planner.app.lesion_identity import ProposedIdentity

    names = tuple(f"L{number}" for number in range(earlier)), tuple(f"R{number}" for number in range(later))
    identity = Identity(kind, names[0], names[1], None, (), ())
    row = ProposedIdentity(identity, "", names[0], names[1], None, False, (), False)
    return IdentityLine(row, KIND_MARKS[kind], "", "", "", "", "", None)


@pytest.mark.parametrize(
    ("kind", "earlier", "later", "confirm", "joined"),
    [
        (IdentityKind.SAME, 1, 1, "Confirm: the same", None),
        (IdentityKind.SPLIT, 1, 2, "Confirm: split", None),
        (IdentityKind.MERGED, 2, 1, "Confirm: merged", None),
        (IdentityKind.NEW, 0, 1, None, None),
        (IdentityKind.AMBIGUOUS, 1, 2, None, "Split into these"),
        (IdentityKind.AMBIGUOUS, 2, 1, None, "Merged into this"),
        (IdentityKind.AMBIGUOUS, 1, 1, None, None),
    ],
)
def test_that_a_new_or_ambiguous_one_cannot_be_confirmed_as_proposed(
    kind: IdentityKind, earlier: int, later: int, confirm: str | None, joined: str | None
) -> None:
    row = line(kind, earlier, later)
    assert row.confirm == confirm
    assert (row.joined[0] if row.joined else None) == joined
    assert (IdentityKind.NEW in CONFIRMS, IdentityKind.AMBIGUOUS in CONFIRMS) == (False, False)


def view(*points: Timepoint, findings: tuple[Finding, ...] = (), seen: tuple[Observation, ...] = ()) -> ResponseView:
    case = Case("case-1", Patient("T-1", "Test^One"), lesions=(Lesion("l1", "L1", observations=seen),))
    found = Assessment("mrecist", FIRST, points, findings)
    return ResponseView(case, "mrecist", "first", found, (FIRST, LATER))


def test_that_a_cell_says_why_it_is_not_evaluable() -> None:
    why = Finding(
        "viability-on-oil", Severity.WARN, "L1, 2026-06-24: viability is not read from CT with oil.", subject="l1"
    )
    point = Timepoint(
        LATER, "mm", lesions=(LesionTimepoint("l1", "target", "NE", note="viable diameter not measured"),)
    )
    shown = view(point, findings=(why,), seen=(Observation(LATER, modality="CT"),))
    assert lesion_cell(shown, shown.case.lesions[0], LATER).text == "NE · Lipiodol: MR or not evaluable"
    plain = view(point, seen=(Observation(LATER, modality="CT"),))
    assert lesion_cell(plain, plain.case.lesions[0], LATER).text == "NE · viable diameter not measured"
    assert lesion_cell(plain, plain.case.lesions[0], FIRST).text == "not read"


def test_that_unknown_is_never_shown_as_no_or_zero() -> None:
    point = Timepoint(LATER, "mm", new_lesion=None, overall=None)
    rows = {label: cells[1].text for label, cells in summary_rows(view(point))}
    assert rows["New lesion"] == "unknown"
    assert rows["Response"] == "open"
    assert rows["Sum of targets (mm)"] == "not evaluable"
    assert rows["Change from baseline"] == "–"


def test_that_a_flag_stands_beside_the_response_and_none_beside_none() -> None:
    points = [Timepoint(LATER, "mm", overall="PD", flag=flag) for flag in (None, "increase-lt-5mm")]
    said = [{label: cells[1].text for label, cells in summary_rows(view(each))}["Response"] for each in points]
    assert said == ["PD", "PD · increase-lt-5mm"]


def ledger_row(window: float | None, limit: float | None) -> LedgerRow:
    quantity = Quantity("air-kerma", "Gy", "Air kerma", "R12", "M", window_days=60, by_place=True)
    return LedgerRow(quantity, 7.0, None, window, limit, None, (), 0)


def test_that_a_share_is_of_the_window_and_unknown_without_limit() -> None:
    assert share_of(ledger_row(2.5, 5.0)) == 0.5
    assert share_of(ledger_row(None, 5.0)) is None
    assert share_of(ledger_row(2.5, None)) is None
    cells = cells_of(ledger_row(2.5, None))
    assert (cells[3], cells[5]) == ("no limit in the profile", "not recorded")
