"""The first pages of a printed plan: summary, warnings, lesions, vessel paths, medication, laboratory, ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from planner.app.marking import region_of, vessel_path_of
from planner.app.report_words import (
    NOT_RECORDED,
    answer_words,
    bound_words,
    day,
    short,
)
from planner.model.case import Case
from planner.model.disease import Lesion
from planner.model.items import REGION, VESSEL_PATH, PlanItem
from planner.model.session import Session
from planner.planning.arteries import arteries
from planner.report.content import Line, Table
from planner.units import UNKNOWN, shown
from planner.workflow.ledgers import CaseLedger
from planner.workflow.status import SessionStatus
from planner.workflow.template import Phase, Profile, Template

ANTITHROMBOTIC = frozenset(
    {"warfarin", "doac", "clopidogrel", "aspirin", "lmwh-prophylactic", "lmwh-therapeutic", "ufh", "anti-vegf"}
)
"""Kinds of medicine (``medication.kind`` of the spine) whose hold and restart stand on the first page."""
DECISION = ("decision", "decision")
"""Stage and field of the spine that hold the meeting's decision."""
ANTICOAGULATION = ("fitness", "anticoagulation")
"""Stage and field of the spine that say whether anticoagulants were asked for."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one paper from another.

    Attributes
    ----------
    plan_digest
        Of the session's plan, see `planner.app.sessions.plan_revision_digest`.
    audit_head
        Head of the case's audit trail when it was printed; None outside a library.
    """

    revision: int
    plan_digest: str
    audit_head: str | None


def identity_text(case: Case, template: Template, profile: Profile, identity: Identity) -> str:
    """One line for the foot of every page."""
    head = "none" if identity.audit_head is None else short(identity.audit_head)
    return (
        f"Case {case.id}, revision {identity.revision} · plan {short(identity.plan_digest)} · audit {head} · "
        f"template {template.id} {template.version} ({short(template.digest)}) · "
        f"profile {profile.id} {profile.version} ({short(profile.digest)})"
    )


def identity_lines(
    case: Case, session: Session, template: Template, profile: Profile, identity: Identity
) -> tuple[Line, ...]:
    """The identity in full, so that a paper can be compared with the library digit by digit."""
    started = session.template
    return (
        Line("Case", case.id, f"revision {identity.revision}"),
        Line("Session", session.id, session.title),
        Line("Plan digest (SHA-256)", identity.plan_digest),
        Line("Audit head (SHA-256)", identity.audit_head or UNKNOWN),
        Line("Template", f"{template.id} {template.version}", template.digest),
        Line("Started with template", f"{started.id} {started.version}", started.digest),
        Line("Institution profile", f"{profile.id} {profile.version}", profile.digest),
        *(
            Line("Images", each.description or each.series_uid, f"{each.series_uid}#{each.part}")
            for each in case.studies
        ),
    )


def summary(case: Case, session: Session, template: Template, live: Case) -> tuple[Line, ...]:
    """What the team must know before it reads a stage.

    Parameters
    ----------
    case, session
        As the plan is judged by: after the time-out what it pinned.
    live
        The case today, for where the session stands in its life.
    """
    diagnosis = case.diagnosis
    staged = " ".join(
        part for part in (diagnosis.tnm, f"({diagnosis.tnm_edition})" if diagnosis.tnm_edition else "") if part
    )
    histology = bound_words(case, session, template, "diagnosis.histology")
    proof = bound_words(case, session, template, "diagnosis.proof")
    return (
        Line("Diagnosis", diagnosis.text or NOT_RECORDED, staged or ""),
        Line("Histology", histology, f"proved by: {proof}"),
        Line("Intent", bound_words(case, session, template, "intent")),
        Line("Stage", case.disease_stage or NOT_RECORDED),
        Line("Responsible physician", case.responsible_physician or NOT_RECORDED),
        Line("Session", session.title, _session_note(live, live.session(session.id) or session)),
        Line("Technique", _technique(session, template)),
        *safety_lines(case, session, template),
        Line("Decision of the meeting", *_decision(case, session, template)),
    )


def safety_lines(case: Case, session: Session, template: Template) -> tuple[Line, ...]:
    """Allergies and anticoagulants: on page one and on the time-out page."""
    return (Line("Allergies", _allergies(case, session, template)), *_anticoagulants(case, session, template))


def time_out_lines(case: Case, session: Session, template: Template, patient: str) -> tuple[Line, ...]:
    """Who, what and where, as the team reads it aloud; doses and overrides follow."""
    procedure = f"{template.title}: {_technique(session, template)}"
    lesions = [f"{each.name} (segment {each.segment or UNKNOWN})" for each in case.lesions]
    places = [
        Line(table.title, "; ".join(" · ".join(part for part in row if part) for row in table.rows))
        for table in positions_tables(case, session, template)
    ]
    return (
        Line("Patient", patient),
        Line("Procedure", procedure, session.title),
        Line("Lesions", ", ".join(lesions) or "none listed"),
        *places,
        *safety_lines(case, session, template),
    )


def _session_note(case: Case, session: Session) -> str:
    number = [each.id for each in case.sessions].index(session.id) + 1
    performed = f", performed {day(session.performed_on)}" if session.performed_on else ""
    planned = f", planned for {day(session.planned_on)}" if session.planned_on else ""
    reason = f" ({session.state_reason})" if session.state_reason else ""
    return f"{number} of {len(case.sessions)}, {session.state.value}{reason}{planned}{performed}"


def _technique(session: Session, template: Template) -> str:
    from planner.workflow.values import technique_of

    chosen = technique_of(session)
    return next((each.label for each in template.techniques if each.code == chosen), chosen or NOT_RECORDED)


def _allergies(case: Case, session: Session, template: Template) -> str:
    listed = [
        " ".join(
            part
            for part in (
                each.substance,
                f"({each.grade})" if each.grade else "",
                each.reaction or "",
                f"premedication: {each.premedication}" if each.premedication else "",
            )
            if part
        )
        for each in case.allergies
    ]
    asked = bound_words(case, session, template, "allergies_asked")
    if listed:
        return "; ".join(listed)
    return "NOT CHECKED: allergies were not asked for" if asked == NOT_RECORDED else asked


def _anticoagulants(case: Case, session: Session, template: Template) -> Iterator[Line]:
    found = [each for each in case.medication if each.kind in ANTITHROMBOTIC]
    for each in found:
        held = "no hold entered" if each.hold_from is None else f"hold from {day(each.hold_from)}"
        restart = "NO RESTART ENTERED" if each.restart_on is None else f"restart {day(each.restart_on)}"
        decided = f"decided by {each.hold_decided_by}" if each.hold_decided_by else ""
        dose = f" {each.dose}" if each.dose else ""
        yield Line("Anticoagulant or antiplatelet", f"{each.name}{dose}: {held}, {restart}", decided)
    if not found:
        asked = answer_words(case, session, template, *ANTICOAGULATION)
        value = "NOT CHECKED: nobody answered" if asked is None else f"none listed; asked: {asked}"
        yield Line("Anticoagulant or antiplatelet", value)


def _decision(case: Case, session: Session, template: Template) -> tuple[str, str]:
    words = answer_words(case, session, template, *DECISION)
    if words is not None:
        return words, ""
    latest = max(case.decisions, key=lambda each: (each.held_on is not None, str(each.held_on)), default=None)
    if latest is None or not latest.decision:
        return NOT_RECORDED, ""
    dissent = [f"{each.discipline}: {each.opinion}" for each in latest.opinions if each.dissent]
    note = f"dissent: {'; '.join(dissent)}" if dissent else ""
    return f"{latest.decision} ({day(latest.held_on)})", note


def warnings(session: Session, status: SessionStatus) -> tuple[str, ...]:
    """Overrides, what blocks, changed signatures and what the session as a whole has to say."""
    blocking = sum(finding.blocks for each in status.stages for finding in each.findings)
    warned = sum(finding.severity.value == "warn" for each in status.stages for finding in each.findings)
    unseen = sum(finding.code == "not-checked" for each in status.stages for finding in each.findings)
    counts = [f"Overrides: {len(status.overrides)}", f"blocking findings that stand: {blocking}"]
    counts += [f"warnings: {warned}", f"NOT CHECKED: {unseen}"]
    said = [" · ".join(counts)]
    said += [finding.text for finding in status.findings]
    if session.state_reason:
        said.append(f"Session {session.state.value}: {session.state_reason}")
    return tuple(said)


def lesion_table(case: Case, session: Session) -> Table:
    """Every lesion of the case; what this session's regions say stands beside the latest observation."""
    confirmed = case.lesion_list_confirmed
    if case.lesion_list_is_confirmed and confirmed is not None:
        title = f"Lesions (list confirmed complete by {confirmed.by}, {day(confirmed.on)})"
    else:
        title = "Lesions (the list is NOT CONFIRMED complete)"
    heading = ("Lesion", "Organ", "Segment", "Longest", "Viable", "Volume", "Measured on", "Marked", "Before")
    return Table(title, heading, tuple(_lesion_row(each, session) for each in case.lesions))


def _lesion_row(lesion: Lesion, session: Session) -> tuple[str, ...]:
    seen = lesion.latest
    marked = any(_lesion_of(item) == lesion.id for item in session.items)
    return (
        lesion.name,
        lesion.organ,
        lesion.segment or UNKNOWN,
        shown(seen.longest_mm if seen else None, "mm"),
        shown(seen.viable_mm if seen else None, "mm"),
        shown(seen.volume_ml if seen else None, "mL"),
        day(seen.study_date if seen else None),
        "yes" if marked else "no",
        lesion.prior_treatment or UNKNOWN,
    )


def _lesion_of(item: PlanItem) -> str | None:
    return region_of(item).lesion_id if item.type == REGION else None


def vessel_table(case: Case, session: Session) -> Table:
    """Each path from access to tumour in its named segments, with length and diameter."""
    heading = ("Path", "Segment", "Length", "Mean diameter", "Smallest", "To", "Remark")
    rows = [row for item in session.items if item.type == VESSEL_PATH for row in _path_rows(case, item)]
    return Table("Vessel paths", heading, tuple(rows))


def _path_rows(case: Case, item: PlanItem) -> Iterator[tuple[str, ...]]:
    body = vessel_path_of(item)
    names = [lesion.name for each in body.lesion_ids if (lesion := case.lesion(each)) is not None]
    review = "copied, not looked at" if item.inherited_from else ""
    to = ", ".join(names)
    for number, segment in enumerate(body.segments):
        known = arteries().get(segment.artery)
        doubt = "low confidence" if segment.low_confidence else ""
        yield (
            item.name if number == 0 else "",
            known.name if known else segment.artery,
            shown(segment.end_mm - segment.start_mm, "mm"),
            shown(segment.mean_diameter_mm, "mm"),
            shown(segment.minimum_diameter_mm, "mm"),
            to if number == len(body.segments) - 1 else "",
            ", ".join(part for part in (doubt, review) if part),
        )
    if not body.segments:
        yield item.name, "no segment named", UNKNOWN, UNKNOWN, UNKNOWN, to, review


def medication_table(case: Case) -> Table:
    heading = ("Medicine", "Dose", "Last dose", "Hold from", "Restart", "Decided by", "Note")
    rows = tuple(
        (
            each.name,
            each.dose or "",
            day(each.last_dose_on),
            day(each.hold_from),
            day(each.restart_on),
            each.hold_decided_by or "",
            each.note or "",
        )
        for each in case.medication
    )
    return Table("Medicines, with hold and restart", heading, rows)


def treatments_table(case: Case) -> Table:
    heading = ("Date", "Treatment", "Description", "Where", "Dose", "Outcome")
    rows = tuple(
        (
            day(each.on),
            each.kind,
            each.description,
            {"inside": "here", "outside": "elsewhere"}.get(each.where or "", "unknown"),
            "" if each.amount is None else f"{each.substance or ''} {shown(each.amount, each.unit)}".strip(),
            each.outcome or "",
        )
        for each in case.prior_treatments
    )
    asked = {"yes": "treated elsewhere too", "no": "no treatment elsewhere"}.get(
        case.outside_sessions or "", "treatments elsewhere: unknown"
    )
    return Table(f"Earlier treatments ({asked})", heading, rows)


def ledger_table(case: Case, ledger: CaseLedger) -> Table:
    """Totals over all known sessions, with the sentence that says what they cannot know."""
    sessions = {each.id: each.title for each in case.sessions}
    heading = ("Substance", "Total", "Per body surface", "Amounts")
    rows = []
    for total in ledger.totals:
        parts = [
            f"{shown(each.amount, each.unit)} ({day(each.on)}, {sessions.get(each.origin, each.origin)})"
            for each in ledger.entries
            if (each.substance, each.unit) == (total.substance, total.unit)
        ]
        area = shown(total.per_m2, f"{total.unit}/m2") if total.per_m2 is not None else UNKNOWN
        rows.append((total.substance, shown(total.amount, total.unit), area, "; ".join(parts)))
    return Table(f"Ledger. {ledger.note}", heading, tuple(rows))


def positions_tables(case: Case, session: Session, template: Template) -> tuple[Table, ...]:
    """The tables of the plan that say where to treat which lesion: those with a column of lesions."""
    from planner.app.report_words import cell
    from planner.workflow.template import FieldKind
    from planner.workflow.values import value_of

    found: list[Table] = []
    for stage in template.stages:
        if stage.phase is not Phase.PLAN:
            continue
        for described in stage.fields:
            kinds = {column.kind for column in described.columns}
            rows = value_of(case, session, stage.id, described) if FieldKind.LESIONS in kinds else None
            if not rows:
                continue
            used = [column for column in described.columns if any(row.get(column.id) is not None for row in rows)]
            cells = tuple(tuple(cell(case, session, column, row) for column in used) for row in rows)
            found.append(Table(f"{stage.title}: {described.label}", tuple(column.label for column in used), cells))
    return tuple(found)


def title_of(session: Session, template: Template) -> str:
    return f"{template.title} · {session.title}"
