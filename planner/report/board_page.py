"""Sets a board sheet on one A4 page, landscape: the strip of pictures over three columns of short blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from planner import DISCLAIMER
from planner.report.content import Picture
from planner.report.fonts import paragraph_markup, register

MARGIN_MM = 10.0
GAP_MM = 5.0
SIZES = (9.0, 8.2, 7.4, 6.6, 5.8, 5.0)
"""Of the type in points, tried from the largest until the page holds the text."""
INK, QUIET, RULE, WARN = "#14181d", "#59626e", "#c3c9d1", "#8a6100"


@dataclass(frozen=True, slots=True)
class Block:
    """A heading with lines. `warns`: its lines want something done."""

    heading: str
    lines: tuple[str, ...]
    warns: bool = False


@dataclass(frozen=True, slots=True)
class BoardPage:
    """The page as values; `columns` are three."""

    title: str
    patient_line: str
    question: str
    picture: Picture | None
    picture_note: str
    columns: tuple[tuple[Block, ...], ...]
    identity: str
    simulated: bool


def set_board_page(page: BoardPage) -> tuple[bytes, int]:
    """The PDF of the sheet and its number of pages: one, unless even the smallest type does not hold the text."""
    made = b"", 0
    for size in SIZES:
        made = _set(page, size)
        if made[1] == 1:
            break
    return made


def _set(page: BoardPage, size: float) -> tuple[bytes, int]:
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.lib.units import mm
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    register()
    out = BytesIO()
    width, height = landscape(A4)
    document = BaseDocTemplate(out, pagesize=(width, height), title=page.title, author="Seldinger", subject=DISCLAIMER)
    top, pages = _top_used(page, size, width, height), []
    room = (width - 2 * MARGIN_MM * mm - (len(page.columns) - 1) * GAP_MM * mm) / len(page.columns)
    frames = [
        Frame(MARGIN_MM * mm + number * (room + GAP_MM * mm), 16 * mm, room, top - 18 * mm, 0, 0, 0, 0, id=str(number))
        for number in range(len(page.columns))
    ]

    def furnish(canvas: Any, document: Any) -> None:
        del document
        pages.append(1)
        _furniture(canvas, page, size, width, height)

    document.addPageTemplates([PageTemplate(id="page", frames=frames, onPage=furnish)])
    document.build(_story(page.columns, size))
    return out.getvalue(), len(pages)


def _style(size: float, *, colour: str = INK, bold: bool = False, **more: Any) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

    font = "Plan-Bold" if bold else "Plan"
    return ParagraphStyle(
        "board", fontName=font, fontSize=size, leading=size * 1.28, textColor=HexColor(colour), splitLongWords=1, **more
    )


def _text(text: str, style: Any) -> Any:
    from reportlab.platypus import Paragraph

    return Paragraph(paragraph_markup(text), style)


def _story(columns: Sequence[Sequence[Block]], size: float) -> list[Any]:
    from reportlab.platypus import FrameBreak

    story: list[Any] = []
    for number, blocks in enumerate(columns):
        if number:
            story.append(FrameBreak())
        for block in blocks:
            story.append(_text(block.heading, _style(size, bold=True, spaceBefore=size * 0.5, keepWithNext=1)))
            colour = WARN if block.warns else INK
            story += [_text(line, _style(size, colour=colour, leftIndent=4)) for line in block.lines]
    return story


def _head(page: BoardPage, size: float) -> tuple[Any, ...]:
    note = (_text(page.picture_note, _style(size * 0.9, colour=WARN)),) if page.picture_note else ()
    caption = (_text(page.picture.caption, _style(size * 0.8, colour=QUIET)),) if page.picture is not None else ()
    return (
        _text(page.patient_line, _style(size * 1.05, bold=True)),
        _text(page.question, _style(size * 1.4, bold=True)),
        *caption,
        *note,
    )


def _picture_size(page: BoardPage, width: float) -> tuple[float, float]:
    """Width and height in points: the whole width, but no more than a third of the page in height."""
    from reportlab.lib.units import mm
    from reportlab.lib.utils import ImageReader

    if page.picture is None:
        return 0.0, 0.0
    wide, high = ImageReader(BytesIO(page.picture.png)).getSize()
    room, most = width - 2 * MARGIN_MM * mm, 64 * mm
    scale = min(room / wide, most / high)
    return wide * scale, high * scale


def _top_used(page: BoardPage, size: float, width: float, height: float) -> float:
    """Where the columns begin, in points from the foot of the page."""
    from reportlab.lib.units import mm

    room = width - 2 * MARGIN_MM * mm
    heights = [each.wrap(room, height)[1] for each in _head(page, size)]
    return float(height - 7 * mm - sum(heights) - _picture_size(page, width)[1] - 3 * mm)


def _furniture(canvas: Any, page: BoardPage, size: float, width: float, height: float) -> None:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.units import mm
    from reportlab.lib.utils import ImageReader

    canvas.saveState()
    if page.simulated:
        canvas.saveState()
        canvas.translate(width / 2, height / 3)
        canvas.rotate(30)
        canvas.setFont("Plan-Bold", 60)
        canvas.setFillColor(HexColor("#e8ebef"))
        canvas.drawCentredString(0, 0, "SIMULATED")
        canvas.restoreState()
    room, top = width - 2 * MARGIN_MM * mm, height - 7 * mm
    head = _head(page, size)
    for each in head[:2]:
        top -= each.wrap(room, height)[1]
        each.drawOn(canvas, MARGIN_MM * mm, top)
    wide, high = _picture_size(page, width)
    if page.picture is not None:
        top -= high
        canvas.drawImage(ImageReader(BytesIO(page.picture.png)), MARGIN_MM * mm, top, wide, high)
    for each in head[2:]:
        top -= each.wrap(room, height)[1]
        each.drawOn(canvas, MARGIN_MM * mm, top)
    canvas.setStrokeColor(HexColor(RULE))
    canvas.line(MARGIN_MM * mm, 14 * mm, width - MARGIN_MM * mm, 14 * mm)
    foot = 13 * mm
    for line in (DISCLAIMER, page.identity):
        each = _text(line, _style(6.4, colour=QUIET))
        foot -= each.wrap(room, height)[1]
        each.drawOn(canvas, MARGIN_MM * mm, foot)
    canvas.restoreState()
