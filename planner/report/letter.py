"""Sets a `Letter` on one A4 page: paragraphs with headings in large type, in Latin or Chinese."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from planner import DISCLAIMER
from planner.report.fonts import paragraph_markup, register

MARGIN_MM = 18.0
SIZES = (12.0, 11.0, 10.0, 9.0, 8.0, 7.0)
"""Of the type in points, tried from the largest until the page holds the text."""
INK, QUIET, RULE, OPEN = "#14181d", "#59626e", "#c3c9d1", "#b4440f"


@dataclass(frozen=True, slots=True)
class LetterParagraph:
    """A paragraph. `open` is one that a person still has to fill: it is printed so that nobody overlooks it."""

    heading: str
    text: str
    open: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """One page for a person.

    Attributes
    ----------
    notices
        What is to be read before the text, such as that it is a draft.
    foot
        Under the line at the foot of the page, with the disclaimer in the reader's language.
    chinese
        Lines may break between any two characters.
    mark
        Written across the page (``DRAFT``); empty for none.
    """

    title: str
    patient_line: str
    notices: tuple[str, ...]
    paragraphs: tuple[LetterParagraph, ...]
    foot: tuple[str, ...]
    chinese: bool
    mark: str = ""


def set_letter(letter: Letter) -> tuple[bytes, int]:
    """The PDF of a letter and its number of pages: one, unless even the smallest type does not hold the text."""
    made = b"", 0
    for size in SIZES:
        made = _set(letter, size)
        if made[1] == 1:
            break
    return made


def _set(letter: Letter, size: float) -> tuple[bytes, int]:
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    register()
    out = BytesIO()
    width, height = A4
    document = BaseDocTemplate(out, pagesize=A4, title=letter.title, author="Seldinger", subject=DISCLAIMER)
    low, pages = 34.0, []
    body = Frame(MARGIN_MM * mm, low * mm, width - 2 * MARGIN_MM * mm, height - (low + 16) * mm, 0, 0, 0, 0, id="body")

    def furnish(canvas: Any, document: Any) -> None:
        del document
        pages.append(1)
        _furniture(canvas, letter)

    document.addPageTemplates([PageTemplate(id="page", frames=[body], onPage=furnish)])
    document.build(_story(letter, size))
    return out.getvalue(), len(pages)


def _style(size: float, *, colour: str = INK, bold: bool = False, chinese: bool = False, **more: Any) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

    return ParagraphStyle(
        "letter",
        fontName="Plan-Bold" if bold else "Plan",
        fontSize=size,
        leading=size * 1.42,
        textColor=HexColor(colour),
        wordWrap="CJK" if chinese else None,
        splitLongWords=1,
        **more,
    )


def _text(text: str, style: Any) -> Any:
    from reportlab.platypus import Paragraph

    return Paragraph(paragraph_markup(text), style)


def _story(letter: Letter, size: float) -> list[Any]:
    from reportlab.platypus import Spacer

    flow = letter.chinese
    heading = _style(size * 1.08, bold=True, spaceBefore=size * 0.6, keepWithNext=1, chinese=flow)
    story: list[Any] = [_text(letter.title, _style(size * 1.5, bold=True, chinese=flow))]
    for notice in letter.notices:
        story.append(_text(notice, _style(size * 0.85, colour=OPEN, chinese=flow)))
    story.append(Spacer(1, size * 0.5))
    for each in letter.paragraphs:
        if each.heading:
            story.append(_text(each.heading, heading))
        story.append(_text(each.text, _style(size, colour=OPEN if each.open else INK, chinese=flow)))
    return story


def _furniture(canvas: Any, letter: Letter) -> None:
    """Patient at the top, what the page is at the foot, and the mark across it."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm

    width, height = A4
    room = width - 2 * MARGIN_MM * mm
    canvas.saveState()
    quiet = _style(7.6, colour=QUIET, chinese=letter.chinese)
    head = _text(letter.patient_line, quiet)
    _, used = head.wrap(room, 20 * mm)
    head.drawOn(canvas, MARGIN_MM * mm, height - 8 * mm - used)
    canvas.setStrokeColor(HexColor(RULE))
    canvas.line(MARGIN_MM * mm, 31 * mm, width - MARGIN_MM * mm, 31 * mm)
    top = 30 * mm
    for line in letter.foot:
        paragraph = _text(line, quiet)
        _, used = paragraph.wrap(room, 30 * mm)
        top -= used
        paragraph.drawOn(canvas, MARGIN_MM * mm, top)
    if letter.mark:
        canvas.translate(width / 2, height / 2)
        canvas.rotate(52)
        canvas.setFont("Plan-Bold", 52)
        canvas.setFillColor(HexColor("#eef0f3"))
        canvas.drawCentredString(0, 0, letter.mark)
    canvas.restoreState()
