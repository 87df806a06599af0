"""The summary of a referral: what the other hospital has to know of a case, as lines and tables, text and PDF.

The plain text and the PDF are set from the same lines; nothing is in one that is not in the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from planner.app.report_words import day, patient_line
from planner.clinical.laboratory import analytes
from planner.model.case import Case
from planner.model.people import LabValue
from planner.report.content import Line, PlanReport, Table
from planner.units import UNKNOWN, shown, symbol
from planner.workflow.due import due_items
from planner.workflow.ledgers import ledger_of
from planner.workflow.template import Template

TITLE = "Referral summary"
STATE = "Written from the case as it stands; not a plan and not an order."


@dataclass(frozen=True, slots=True)
class ReferralSummary:
    """What a referral says, to be set as text or as PDF."""

    patient_line: str
    lines: tuple[Line, ...]
    tables: tuple[Table, ...]
    simulated: bool
    identity: str
    made_on: date


def referral_summary(
    case: Case,
    templates: Mapping[str, Template],
    today: date,
    *,
    to: str = "",
    reason: str = "",
    by: str = "",
    revision: int | None = None,
) -> ReferralSummary:
    """The summary of a case on a day.

    Parameters
    ----------
    to, reason, by
        Whom it is for, why, and who sends it; empty is not said.
    """
    tables = (
        _sessions(case),
        _prior(case),
        _lesions(case),
        _laboratory(case),
        _doses(case, templates),
        _decisions(case),
        _next_steps(case, today),
    )
    return ReferralSummary(
        patient_line=patient_line(case.patient, today),
        lines=_lines(case, to, reason, by),
        tables=tuple(table for table in tables if table.rows),
        simulated=case.simulated,
        identity=f"case {case.id}" + ("" if revision is None else f" · revision {revision}"),
        made_on=today,
    )


def summary_text(summary: ReferralSummary) -> str:
    """The summary as plain text, one value per line."""
    out = [TITLE, STATE, f"Made on {summary.made_on.isoformat()}, {summary.identity}"]
    if summary.simulated:
        out.append("SIMULATED - teaching data, not a patient")
    out += ["", _plain(summary.patient_line), ""]
    for line in summary.lines:
        note = f" ({_plain(line.note)})" if line.note else ""
        out.append(f"{line.label}: {_plain(line.value)}{note}")
    for table in summary.tables:
        out += ["", table.title]
        for row in table.rows:
            cells = (f"{head}: {_plain(cell)}" for head, cell in zip(table.heading, row, strict=True) if cell)
            out.append("- " + "; ".join(cells))
    return "\n".join(out) + "\n"


def summary_pdf(summary: ReferralSummary) -> bytes:
    """The summary as an A4 PDF."""
    from planner.report.pdf import pdf_bytes

    return pdf_bytes(
        PlanReport(
            title=TITLE,
            patient_line=summary.patient_line,
            state_line=STATE,
            identity=summary.identity,
            printed_at=summary.made_on.isoformat(),
            draft=False,
            simulated=summary.simulated,
            summary=summary.lines,
            tables=summary.tables,
        )
    )


def _plain(text: str) -> str:
    """One line without control characters: what is typed cannot add lines of its own."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _lines(case: Case, to: str, reason: str, by: str) -> tuple[Line, ...]:
    known = case.diagnosis
    tnm = f"TNM {known.tnm}" if known.tnm else ""
    allergies = "; ".join(f"{each.substance}: {each.reaction or 'reaction not told'}" for each in case.allergies)
    asked = {"no": "none, asked", None: "not asked"}.get(case.allergies_asked, "not listed")
    reading = max(case.readings, key=lambda each: (each.on, each.read_at.isoformat()), default=None)
    course = case.courses[-1] if case.courses else None
    implants = "; ".join(
        f"{each.name}{f' ({each.site})' if each.site else ''}"
        f"{f', exchange due {each.exchange_due.isoformat()}' if each.exchange_due else ''}"
        for each in case.implants
    )
    facts = (
        Line("To", to),
        Line("From", by),
        Line("Reason", reason),
        Line(
            "Diagnosis", known.text, "; ".join(each for each in (known.histology or "", known.proof or "", tnm) if each)
        ),
        Line("Stage", case.disease_stage or ""),
        Line("Purpose", (course.intent if course else None) or case.intent or ""),
        Line("Course", course.title if course else "", (course.principle or "") if course else ""),
        Line("Wishes of the patient", (course.patient_wishes or "") if course else ""),
        Line("Responsible physician", case.responsible_physician or ""),
        Line("Allergies and reactions", allergies or asked),
        Line("Devices in the body", implants),
        Line("Last response", "" if reading is None else reading.overall or "not evaluable", _read(case)),
        Line("Treated elsewhere", case.outside_sessions or "unknown"),
    )
    return tuple(each for each in facts if each.value)


def _read(case: Case) -> str:
    reading = max(case.readings, key=lambda each: (each.on, each.read_at.isoformat()), default=None)
    return (
        "" if reading is None else f"{reading.criteria}, images of {reading.on.isoformat()}, read by {reading.read_by}"
    )


def _sessions(case: Case) -> Table:
    rows = tuple(
        (day(each.performed_on or each.planned_on), each.title, each.state.value, each.state_reason or "")
        for each in sorted(case.sessions, key=lambda each: each.performed_on or each.planned_on or date.max)
    )
    return Table("Sessions", ("Day", "Session", "State", "Reason"), rows)


def _prior(case: Case) -> Table:
    rows = tuple(
        (
            day(each.on),
            each.kind,
            each.description,
            each.where or "where unknown",
            "" if each.amount is None else f"{each.substance or ''} {shown(each.amount, each.unit)}".strip(),
        )
        for each in sorted(case.prior_treatments, key=lambda each: each.on or date.min)
    )
    return Table("Prior treatments", ("Day", "Kind", "What", "Where", "Amount"), rows)


def _lesions(case: Case) -> Table:
    rows = []
    for each in case.lesions:
        seen = each.latest
        rows.append(
            (
                each.name,
                " ".join(part for part in (each.organ, each.segment or "") if part),
                shown(seen.longest_mm if seen else None, "mm"),
                shown(seen.viable_mm if seen else None, "mm"),
                day(seen.study_date if seen else None),
            )
        )
    return Table("Lesions, latest sizes", ("Lesion", "Where", "Longest", "Viable", "Study"), tuple(rows))


def _laboratory(case: Case) -> Table:
    """The newest value of each analyte, with its day."""
    newest: dict[str, LabValue] = {}
    for each in sorted(case.laboratory, key=lambda value: value.taken_on):
        newest[each.analyte] = each
    rows = tuple((_name(each.analyte), _value(each), each.taken_on.isoformat()) for each in newest.values())
    return Table("Laboratory, newest values", ("Analyte", "Value", "Taken"), rows)


def _name(key: str) -> str:
    known = analytes().get(key)
    return key if known is None else known.name


def _value(each: LabValue) -> str:
    """As the laboratory printed it; nothing is converted."""
    if each.value is None:
        return each.text or UNKNOWN
    return f"{each.comparator}{each.value:g} {symbol(each.unit)}".strip()


def _doses(case: Case, templates: Mapping[str, Template]) -> Table:
    ledger = ledger_of(case, templates)
    rows = tuple((each.substance, shown(each.amount, each.unit), str(each.entries)) for each in ledger.totals)
    return Table(f"Doses over the course. {ledger.note}", ("Substance", "Total", "Entries"), rows)


def _decisions(case: Case) -> Table:
    rows = tuple(
        (day(each.held_on), each.decision, each.carried_out or "open", each.outcome or "") for each in case.decisions
    )
    return Table("Decisions of the meeting", ("Day", "Decision", "Carried out", "Outcome"), rows)


def _next_steps(case: Case, today: date) -> Table:
    rows = tuple(
        (day(each.due_on), each.kind, each.text, each.owner or "", _unverified(each.tag))
        for each in due_items(case, today)
    )
    return Table("Next steps", ("By", "Kind", "What", "Who", "Basis"), rows)


def _unverified(tag: str | None) -> str:
    return "unverified default" if tag in ("M", "P") else ""
