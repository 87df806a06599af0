"""The sizing sheet of a stent: one page with what was measured, what is planned, and what speaks against it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from planner.app import report_front as front
from planner.app import report_stages as stages
from planner.app.report_front import Identity
from planner.app.report_words import moment, patient_line, person_name, series_key, series_words, short
from planner.app.sessions import plan_revision_digest
from planner.app.stent_pictures import SheetLumen, SheetStent, mark_name, sizing_picture
from planner.app.stents import as_findings, lumen_facts, lumen_line, stale_words, the_lumen, the_stent
from planner.app.templates import Installed
from planner.errors import UsageError
from planner.files import whole_file
from planner.findings import Finding, Severity
from planner.geometry import Polyline
from planner.imaging import Volume
from planner.model.case import Case
from planner.model.vessel_items import StenosisMeasures, StentBody
from planner.model.vessel_reading import body_digest, lumen_of
from planner.planning.stent_catalogue import StentCatalogue, stent_catalogue
from planner.planning.stent_findings import LumenFacts
from planner.planning.stents import Proposal, Proposals, size_stent
from planner.report.content import Line, Picture, PlanReport, StageSection, Table
from planner.store.actors import Actor
from planner.store.library import Library
from planner.units import UNKNOWN, shown
from planner.workflow.answers import the_session
from planner.workflow.evaluate import evaluate

TITLE = "Stent sizing sheet"
MOST_PROPOSALS = 5
PICTURE_SHARES = (1.0, 0.75, 0.55)
"""Of the page's width, tried in this order until the sheet is one page."""
NO_PICTURE = "The images are not here: the lumen is not pictured."
VIRTUAL = "Geometry on the images that are named; how far a stent opens is seen at fluoroscopy or endoscopy."


@dataclass(frozen=True, eq=False)
class SizedLumen:
    """What a sheet prints of a lumen; `measured_on` says which images."""

    facts: LumenFacts
    centreline: Polyline
    measured_on: str


def stent_report(
    case: Case,
    session_id: str,
    stent_id: str,
    installed: Installed,
    identity: Identity,
    now: datetime,
    *,
    volume: Volume | None = None,
) -> PlanReport:
    """The sheet of a stent that a session plans, as values.

    Raises
    ------
    UsageError
        ``unknown-session``, ``unknown-stent``, ``unknown-lumen``, ``unknown-template`` or ``unknown-profile``.
    """
    session = the_session(case, session_id)
    item, body = the_stent(session, stent_id)
    lumen_item = the_lumen(session, body.lumen)
    lumen_body = lumen_of(lumen_item)
    template, profile = installed.template(session.template.id), installed.profile(session.template.profile)
    state, draft = stages.state_line(session, evaluate(case, session, template, profile, now))
    facts = lumen_facts(lumen_body)
    sized = size_stent(facts, body.site, body.indication, type_wish=body.type)
    stale = stale_words(session, body)
    lumen = SizedLumen(facts, lumen_line(lumen_item), _images_words(case, lumen_body.series))
    seen = None if volume is None or volume.grid.frame_uid != lumen_item.frame_uid else volume
    warnings = (f"{item.name}: {stale}",) if stale else ()
    return PlanReport(
        title=f"{TITLE}: {item.name}",
        patient_line=patient_line(case.patient, now.date()),
        state_line=f"{session.title} · {state}",
        identity=f"{front.identity_text(case, template, profile, identity)} · lumen {short(body_digest(lumen_item))}",
        printed_at=moment(now),
        draft=draft,
        simulated=case.simulated,
        warnings=warnings,
        summary=(*_measures(lumen, sized), *_planned(body, facts)),
        tables=(_proposals(sized),),
        pictures=(_picture(lumen, SheetStent(body.start_mm, body.end_mm, body.diameter_mm), seen),),
        picture_note="" if seen is not None else NO_PICTURE,
        stages=(_said("PLAN", as_findings(body.findings)),),
    )


def image_report(volume: Volume, lumen: SizedLumen, sized: Proposals, now: datetime) -> PlanReport:
    """The sheet of a lumen measured on images outside any case: its first proposal is drawn."""
    from planner.phantom.patient import PATIENT_ID

    source = volume.source
    first = sized.proposals[0]
    who = person_name(source.patient_name) if source.patient_name else "no patient name"
    words_of_simulation = any("SIMULATED" in (each or "").upper() for each in (source.description, source.patient_name))
    simulated = words_of_simulation or source.patient_id == PATIENT_ID
    words = f"{source.series_uid}#{source.part}"
    return PlanReport(
        title=TITLE,
        patient_line=f"{who} · ID {source.patient_id or 'none'} · study {source.study_date or 'without a date'}",
        state_line="DRAFT: from images, in no case and signed by nobody; not a clearance",
        identity=f"Images {words} · sheet {short(_digest(lumen, sized))} · in no case, no revision",
        printed_at=moment(now),
        draft=True,
        simulated=simulated,
        summary=_measures(lumen, sized),
        tables=(_proposals(sized),),
        pictures=(_picture(lumen, _drawn(first), volume),),
        stages=(_said("PLAN", (*sized.findings, *first.findings)),),
    )


def write_stent_sheet(
    library: Library,
    case: Case,
    revision: int,
    session_id: str,
    stent_id: str,
    installed: Installed,
    path: Path,
    *,
    by: Actor,
    now: datetime,
    volume: Volume | None = None,
) -> int:
    """Print the sheet of a planned stent and remember that this paper exists; returns the number of pages.

    Parameters
    ----------
    case, revision
        As saved in the library.
    volume
        The images the lumen was measured on; without them the paper says that it shows none.

    Raises
    ------
    UsageError
        ``cannot-write`` (nothing is left behind); and as `stent_report`.
    StoreError
        When the library cannot note the print; then no file is written.
    """
    identity = Identity(revision, plan_revision_digest(case, session_id), library.audit_head(case.id))
    content, pages = on_one_page(stent_report(case, session_id, stent_id, installed, identity, now, volume=volume))
    digest = hashlib.sha256(content).hexdigest()
    try:
        with whole_file(path) as stream:
            stream.write(content)
            library.record_print(case.id, revision, f"stent {stent_id}", digest, by)
    except OSError as error:
        raise _unwritable(path, error) from error
    return pages


def write_image_sheet(path: Path, report: PlanReport) -> int:
    """Write a sheet of images outside any case; returns the number of pages. UsageError ``cannot-write``."""
    content, pages = on_one_page(report)
    try:
        with whole_file(path) as stream:
            stream.write(content)
    except OSError as error:
        raise _unwritable(path, error) from error
    return pages


def on_one_page(report: PlanReport) -> tuple[bytes, int]:
    """The PDF of a sheet and its number of pages: its picture is made smaller before it takes a second page, and
    nothing is left out of what it says."""
    from planner.report.pdf import set_pdf

    for share in PICTURE_SHARES:
        smaller = tuple(replace(each, width_share=share) for each in report.pictures)
        content, pages = set_pdf(replace(report, pictures=smaller))
        if pages == 1:
            break
    return content, pages


def _unwritable(path: Path, error: OSError) -> UsageError:
    text = f"{path} cannot be written ({error.strerror}); choose another place."
    return UsageError("cannot-write", text, subject=str(path))


def _images_words(case: Case, key: str | None) -> str:
    """The images of a lumen as they are called; a bare identifier tells a reader nothing."""
    if key is None:
        return "images not named"
    known = any(series_key(each) == key for each in case.studies)
    return series_words(case, key) if known else "images that are not in this case"


def _measures(lumen: SizedLumen, sized: Proposals) -> tuple[Line, ...]:
    facts, need = lumen.facts, sized.need
    target = (
        UNKNOWN
        if sized.low_mm is None or sized.high_mm is None
        else (f"{shown(sized.low_mm, digits=1)} to {shown(sized.high_mm, 'mm', digits=1)}")
    )
    unverified = "unverified default, " if sized.site.tag in ("M", "P") else ""
    before = None if need is None else need.proximal_mm
    behind = None if need is None else need.distal_mm
    return (
        Line("Lumen", f"{facts.kind}, {sized.site.name}; {sized.indication.name}", lumen.measured_on),
        Line("Stricture", *_stricture(facts.stenosis)),
        Line("Reference diameter", f"before {shown(before, 'mm', digits=1)}, behind {shown(behind, 'mm', digits=1)}"),
        Line("Diameter by the rule", target, f"{unverified}{sized.site.source}"),
    )


def _stricture(stenosis: StenosisMeasures | None) -> tuple[str, str]:
    if stenosis is None:
        return "none found", ""
    place = (
        f"{stenosis.start_mm:.0f} to {stenosis.end_mm:.0f} mm along, {stenosis.end_mm - stenosis.start_mm:.0f} mm long"
    )
    percent = UNKNOWN if stenosis.percent is None else f"{stenosis.percent:.0f} %"
    least = (
        f"least {shown(stenosis.minimum_mm, 'mm', digits=1)} at {stenosis.minimum_at_mm:.0f} mm, {percent} by diameter"
    )
    return f"{place}; {least}", "set by hand" if stenosis.by_person else "found by the program"


def _planned(body: StentBody, facts: LumenFacts) -> tuple[Line, ...]:
    known = stent_catalogue()
    kind = known.type(body.type)
    row = None if body.device is None else known.rows.get(body.device)
    product = "no product chosen" if row is None else f"{row.title}{'' if row.maker is None else f', {row.maker}'}"
    place = f"{body.start_mm:.0f} to {body.end_mm:.0f} mm along"
    oversize = "oversize not known" if body.oversize_percent is None else _against_lumen(body.oversize_percent)
    delivery = UNKNOWN if body.delivery_french is None else f"{body.delivery_french:g} F"
    lines = [
        Line(
            "Planned stent", f"{body.diameter_mm:g} x {body.length_mm:g} mm, {kind.name.lower()}, {oversize}", product
        ),
        Line("Its place", f"{place}; delivery {delivery}", _marks_words(facts, body)),
    ]
    if kind.fields:
        lines.append(Line("Also recorded", ", ".join(each.replace("_", " ") for each in kind.fields), kind.note))
    if body.drained_share is not None:
        lines.append(Line("Liver drained", f"about {100.0 * body.drained_share:.0f} %", "approximate"))
    return tuple(lines)


def _against_lumen(percent: float) -> str:
    """``14 % above the lumen``; ``27 % below the lumen`` for a stent that is narrower."""
    return f"{abs(percent):.0f} % {'above' if percent >= 0.0 else 'below'} the lumen"


def _marks_words(facts: LumenFacts, body: StentBody) -> str:
    """Where the marks of the lumen lie, seen from the stent's ends."""
    words = []
    for mark in facts.marks:
        gap = max(body.start_mm - mark.along_mm, mark.along_mm - body.end_mm)
        words.append(f"{mark_name(facts.kind, mark.name)} {'inside' if gap < 0.0 else f'{gap:.0f} mm beyond'}")
    return "; ".join(words) or "no landmark marked"


def _proposals(sized: Proposals) -> Table:
    heading = ("Proposal", "Type", "Diameter", "Length", "Oversize", "Delivery", "Warnings", "Evidence")
    known = stent_catalogue()
    rows = tuple(_proposal_row(each, known) for each in sized.proposals[:MOST_PROPOSALS])
    more = len(sized.proposals) - len(rows)
    return Table(f"Sizes that fit{f' (and {more} more)' if more > 0 else ''}", heading, rows)


def _proposal_row(each: Proposal, known: StentCatalogue) -> tuple[str, ...]:
    against = sum(finding.severity is not Severity.INFO for finding in each.findings)
    return (
        each.title,
        known.type(each.type).name,
        shown(each.diameter_mm, "mm"),
        shown(each.length_mm, "mm", digits=0),
        UNKNOWN if each.oversize_percent is None else f"{each.oversize_percent:.0f} %",
        UNKNOWN if each.delivery_french is None else f"{each.delivery_french:g} F",
        str(against) if against else "none",
        f"[{each.tag}]",
    )


def _picture(lumen: SizedLumen, stent: SheetStent | None, volume: Volume | None) -> Picture:
    facts = lumen.facts
    along, width = facts.along_mm, facts.diameter_mm
    if along is None or width is None:
        raise UsageError("no-profile", "This lumen was stored without its diameters; measure it again.")
    drawn = SheetLumen(facts.kind, lumen.centreline, along, width, facts.stenosis, facts.marks)
    above = "above, the lumen straightened (patient's left or back upwards); " if volume is not None else ""
    caption = f"From the first click to the last: {above}diameter of a circle of its area. {VIRTUAL}"
    return Picture(sizing_picture(drawn, stent, volume), caption)


def _drawn(each: Proposal) -> SheetStent | None:
    if each.diameter_mm is None or each.start_mm is None or each.end_mm is None:
        return None
    return SheetStent(each.start_mm, each.end_mm, each.diameter_mm)


def _said(phase: str, findings: Sequence[Finding]) -> StageSection:
    order = {Severity.BLOCK: 0, Severity.WARN: 1, Severity.INFO: 2}
    sorted_findings = tuple(sorted(findings, key=lambda each: order[each.severity]))
    against = sum(each.severity is not Severity.INFO for each in findings)
    status = f"{against} to answer" if against else "nothing against it that was checked"
    return StageSection("What the rules say", phase, status, "Unverified rules are marked.", findings=sorted_findings)


def _digest(lumen: SizedLumen, sized: Proposals) -> str:
    """Of what a sheet outside a case stands on: the course and the sizes."""
    first = sized.proposals[0]
    words = (lumen.centreline.points_lps_mm.tobytes(), repr((first.diameter_mm, first.start_mm, first.end_mm)).encode())
    return hashlib.sha256(b"".join(words)).hexdigest()
