"""Sets a `PlanReport` as an A4 PDF. Every page carries patient, revision, digest, date and the disclaimer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Any

from planner import DISCLAIMER
from planner.findings import Finding, Severity
from planner.report.content import Arithmetic, Checklist, Line, PlanReport, StageSection, Table
from planner.report.fonts import paragraph_markup, register
from planner.units import shown

MARGIN_MM = 15.0
TURNED_ROWS = 3
SHORT_CELL = 12
LONGEST_WORD = 24
"""Characters of one word that a column is widened for; longer ones are broken."""
WORDS = {Severity.BLOCK: "BLOCKS", Severity.WARN: "WARNING", Severity.INFO: "Note"}
INK, QUIET, RULE, BLOCK, WARN = "#14181d", "#59626e", "#c3c9d1", "#b4440f", "#8a6100"


def pdf_bytes(report: PlanReport) -> bytes:
    """The PDF of a report."""
    return set_pdf(report)[0]


def set_pdf(report: PlanReport) -> tuple[bytes, int]:
    """The PDF of a report and its number of pages."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    register()
    out = BytesIO()
    width, height = A4
    document = BaseDocTemplate(out, pagesize=A4, title=report.title, author="Seldinger", subject=DISCLAIMER)
    body = Frame(MARGIN_MM * mm, 27 * mm, width - 2 * MARGIN_MM * mm, height - 54 * mm, 0, 0, 0, 0, id="body")
    pages: list[dict[str, Any]] = []

    def furnish(canvas: Any, document: Any) -> None:
        del document
        _furniture(canvas, report)

    document.addPageTemplates([PageTemplate(id="page", frames=[body], onPage=furnish)])
    document.build(_story(report), canvasmaker=_numbering(pages))
    return out.getvalue(), len(pages)


def _numbering(pages: list[dict[str, Any]]) -> Any:
    """A canvas that holds every page back until all are known, for "page n of m"."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.pdfgen.canvas import Canvas

    def hold(canvas: Any) -> None:
        pages.append(dict(canvas.__dict__))
        canvas._startPage()

    def number_all(canvas: Any) -> None:
        for number, page in enumerate(pages, start=1):
            canvas.__dict__.update(page)
            canvas.setFont("Plan", 7.4)
            canvas.setFillColor(HexColor(QUIET))
            canvas.drawRightString(A4[0] - MARGIN_MM * mm, 12 * mm, f"page {number} of {len(pages)}")
            Canvas.showPage(canvas)
        Canvas.save(canvas)

    return type("NumberingCanvas", (Canvas,), {"showPage": hold, "save": number_all})


def _story(report: PlanReport) -> list[Any]:
    """What runs down the pages: front, pictures, time-out, stages, identity."""
    from reportlab.platypus import CondPageBreak, PageBreak

    styles = _styles()
    story: list[Any] = []
    _front(story, report)
    _pictures(story, report)
    if report.checklist is not None:
        story.append(PageBreak())
        _checklist(story, report.checklist)
        story.append(PageBreak())
    for section in report.stages:
        _stage(story, section)
    if report.identity_lines:
        story += [CondPageBreak(120), _text("Identity of this paper", styles["stage"]), _lines(report.identity_lines)]
    return story


@cache
def _styles() -> dict[str, Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

    body = ParagraphStyle(
        "body", fontName="Plan", fontSize=8.6, leading=11.4, textColor=HexColor(INK), splitLongWords=1
    )
    return {
        "body": body,
        "value": ParagraphStyle("value", parent=body, keepWithNext=1),
        "quiet": ParagraphStyle("quiet", parent=body, fontSize=7.4, leading=9.6, textColor=HexColor(QUIET)),
        "title": ParagraphStyle("title", parent=body, fontName="Plan-Bold", fontSize=15, leading=19),
        "stage": ParagraphStyle("stage", parent=body, fontName="Plan-Bold", fontSize=11, leading=14, spaceBefore=9),
        "part": ParagraphStyle("part", parent=body, fontName="Plan-Bold", fontSize=8.6, leading=11, spaceBefore=4),
        "signature": ParagraphStyle("signature", parent=body, fontName="Plan-Bold"),
        "block": ParagraphStyle("block", parent=body, textColor=HexColor(BLOCK)),
        "warn": ParagraphStyle("warn", parent=body, textColor=HexColor(WARN)),
    }


def _text(text: str, style: Any) -> Any:
    from reportlab.platypus import Paragraph

    return Paragraph(paragraph_markup(text), style)


def _furniture(canvas: Any, report: PlanReport) -> None:
    """Header, footer and watermark of a page."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm

    width, height = A4
    styles = _styles()
    canvas.saveState()
    room = width - 2 * MARGIN_MM * mm
    top = height - 9 * mm
    for text, style in (
        (report.patient_line, styles["part"]),
        (f"{report.title} · {report.state_line}", styles["quiet"]),
    ):
        paragraph = _text(text, style)
        _, used = paragraph.wrap(room, 20 * mm)
        top -= used
        paragraph.drawOn(canvas, MARGIN_MM * mm, top)
    canvas.setStrokeColor(HexColor(RULE))
    canvas.line(MARGIN_MM * mm, top - 1.5 * mm, width - MARGIN_MM * mm, top - 1.5 * mm)
    canvas.line(MARGIN_MM * mm, 24 * mm, width - MARGIN_MM * mm, 24 * mm)
    identity = f"{report.identity} · printed {report.printed_at} · superseded if a later revision exists"
    for text, top in ((DISCLAIMER, 23), (identity, 15.5)):
        paragraph = _text(text, styles["quiet"])
        _, used = paragraph.wrap(room - 18 * mm, 20 * mm)
        paragraph.drawOn(canvas, MARGIN_MM * mm, top * mm - used)
    words = [word for word, holds in (("SIMULATED", report.simulated), ("DRAFT", report.draft)) if holds]
    mark = " · ".join(words)
    if mark:
        canvas.translate(width / 2, height / 2)
        canvas.rotate(52)
        canvas.setFont("Plan-Bold", 52)
        canvas.setFillColor(HexColor("#e8ebef"))
        canvas.drawCentredString(0, 0, mark)
    canvas.restoreState()


def _front(story: list[Any], report: PlanReport) -> None:
    from reportlab.platypus import Spacer

    styles = _styles()
    story.append(_text(report.title, styles["title"]))
    story.append(_text(report.state_line, styles["body"]))
    for warning in report.warnings:
        story.append(_text(warning, styles["block"]))
    story.append(Spacer(1, 4))
    if report.summary:
        story.append(_lines(report.summary))
    for table in report.tables:
        _table(story, table)
    if report.dose_lines or report.doses:
        story += [Spacer(1, 6), _text("Doses and limits", styles["part"])]
    if report.dose_lines:
        story.append(_lines(report.dose_lines))
    for item in report.doses:
        _arithmetic(story, item)


def _checklist(story: list[Any], checklist: Checklist) -> None:
    """The time-out on a page of its own: facts read out, then a box per line, empty while nobody has answered."""
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import Spacer
    from reportlab.platypus import Table as Grid

    styles = _styles()
    story += [_text(checklist.title, styles["title"]), Spacer(1, 4), _lines(checklist.facts), Spacer(1, 8)]
    rows = [
        [_text(line.answer or " ", styles["body"]), "", _text(line.text, styles["body"])] for line in checklist.lines
    ]
    if not rows:
        return
    grid = Grid(rows, colWidths=_column_widths((3.4, 0.2, 7.4)))
    grid.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("GRID", (0, 0), (0, -1), 0.8, HexColor(INK)),
            ("TOPPADDING", (0, 0), (-1, -1), 4),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
        ]
    )
    story.append(grid)


def _column_widths(shares: Sequence[float]) -> list[float]:
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm

    room = A4[0] - 2 * MARGIN_MM * mm
    return [room * share / sum(shares) for share in shares]


def _lines(lines: Sequence[Line]) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import Table as Grid

    styles = _styles()
    rows = [
        [_text(line.label, styles["quiet"]), _text(line.value, styles["body"]), _text(line.note, styles["quiet"])]
        for line in lines
    ]
    grid = Grid(rows, colWidths=_column_widths((3.2, 4.6, 3.2)))
    grid.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.25, HexColor(RULE)),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ]
    )
    return grid


def _table(story: list[Any], table: Table) -> None:
    """A table; one too wide for its longest words is turned, so that each row reads downwards."""
    from reportlab.platypus import CondPageBreak

    styles = _styles()
    story += [CondPageBreak(60), _text(table.title, styles["part"])]
    if not table.rows:
        story.append(_text("none entered", styles["quiet"]))
        return
    least = _least_widths((table.heading, *table.rows))
    if sum(least) <= sum(_column_widths([1.0])):
        story.append(_grid(table.heading, table.rows, least))
        return
    for start in range(0, len(table.rows), TURNED_ROWS):
        rows = table.rows[start : start + TURNED_ROWS]
        turned = [
            (label, *(row[column] for row in rows))
            for column, label in enumerate(table.heading)
            if any(row[column] for row in rows)
        ]
        first, *others = turned
        story.append(_grid(first, others, None))


def _least_widths(rows: Sequence[Sequence[str]]) -> list[float]:
    """Per column, the room its longest word needs, in points."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    columns = [[row[column] for row in rows] for column in range(len(rows[0]))]
    # A short cell, such as a number with its unit, stays on one line.
    words = [
        [word for cell in column for word in ([cell] if len(cell) <= SHORT_CELL else cell.split())]
        for column in columns
    ]
    return [
        max((stringWidth(word[:LONGEST_WORD], "Plan", 8.6) for word in column), default=0.0) + 8 for column in words
    ]


def _grid(heading: Sequence[str], rows: Sequence[Sequence[str]], least: Sequence[float] | None) -> Any:
    """A ruled table. Columns share the room by the length of their text, none below `least`."""
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import Table as Grid

    styles = _styles()
    if least is None:
        widths = _column_widths([1.0] * len(heading))
    else:
        longest = [max(len(row[column]) for row in (heading, *rows)) for column in range(len(heading))]
        spare = sum(_column_widths([1.0])) - sum(least)
        wish = [max(0.0, min(26.0, count) * 5.0 - need) + 1.0 for count, need in zip(longest, least, strict=True)]
        widths = [need + spare * share / sum(wish) for need, share in zip(least, wish, strict=True)]
    cells = [[_text(cell, styles["quiet"]) for cell in heading]]
    cells += [[_text(cell, styles["body"]) for cell in row] for row in rows]
    grid = Grid(cells, colWidths=widths, repeatRows=1)
    grid.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("GRID", (0, 0), (-1, -1), 0.25, HexColor(RULE)),
            ("BACKGROUND", (0, 0), (-1, 0), HexColor("#eef1f4")),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ("LEFTPADDING", (0, 0), (-1, -1), 3),
            ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        ]
    )
    return grid


def _pictures(story: list[Any], report: PlanReport) -> None:
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.lib.utils import ImageReader
    from reportlab.platypus import Image, KeepTogether, Spacer

    styles = _styles()
    if report.picture_note:
        story.append(_text(report.picture_note, styles["warn"]))
    for picture in report.pictures:
        pixels_wide, pixels_high = ImageReader(BytesIO(picture.png)).getSize()
        width = (A4[0] - 2 * MARGIN_MM * mm) * picture.width_share
        image = Image(BytesIO(picture.png), width=width, height=width * pixels_high / pixels_wide)
        story.append(KeepTogether([Spacer(1, 6), image, _text(picture.caption, styles["quiet"])]))


def finding_text(finding: Finding) -> str:
    """One finding in one paragraph: word, sentence, numbers, source, and the mark of an unverified rule."""
    parts = [f"{WORDS[finding.severity]}: {finding.text}"]
    if finding.measured is not None:
        parts.append(f"measured {shown(finding.measured, finding.unit)}")
    if finding.limit is not None:
        parts.append(f"limit {shown(finding.limit, finding.unit)}")
    if finding.source:
        parts.append(("unverified default, " if finding.unverified else "") + finding.source)
    return " · ".join(parts)


def _stage(story: list[Any], section: StageSection) -> None:
    from reportlab.platypus import CondPageBreak

    styles = _styles()
    story.append(CondPageBreak(70))
    story.append(_text(f"{section.title} — {section.status}", styles["stage"]))
    story.append(_text(f"{section.phase.upper()} · {section.purpose}", styles["quiet"]))
    if section.lines:
        story.append(_lines(section.lines))
    for table in section.tables:
        _table(story, table)
    for item in section.arithmetic:
        _arithmetic(story, item)
    if section.elsewhere:
        story.append(_text(section.elsewhere, styles["quiet"]))
    if section.not_checked:
        story.append(_text("NOT CHECKED: " + ", ".join(section.not_checked), styles["warn"]))
    for finding in section.findings:
        style = {Severity.BLOCK: "block", Severity.WARN: "warn", Severity.INFO: "quiet"}[finding.severity]
        story.append(_text(finding_text(finding), styles[style]))
    for finding, note in section.overridden:
        story.append(_text(f"OVERRIDDEN ({note}): {finding_text(finding)}", styles["block"]))
    if section.left_empty:
        story.append(_text("Left empty: " + ", ".join(section.left_empty), styles["quiet"]))
    for signature in section.signatures:
        story.append(_text(signature, styles["signature"]))


def _arithmetic(story: list[Any], item: Arithmetic) -> None:
    styles = _styles()
    story.append(_text(f"{item.label}: {item.value}", styles["value"]))
    notes = [item.arithmetic, "unverified default" if item.unverified else "", item.source]
    story.append(_text(" · ".join(note for note in notes if note), styles["quiet"]))
