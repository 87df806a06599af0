"""Fonts of the PDF: a Latin face of the system, and Adobe's CID faces for Chinese, Japanese and Korean text."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

CHINESE, JAPANESE, KOREAN = "STSong-Light", "HeiseiKakuGo-W5", "HYGothic-Medium"

_CANDIDATES = (
    ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"),
    ("/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf", "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans-Bold.ttf"),
    ("/Library/Fonts/Arial.ttf", "/Library/Fonts/Arial Bold.ttf"),
    ("/System/Library/Fonts/Supplemental/Arial.ttf", "/System/Library/Fonts/Supplemental/Arial Bold.ttf"),
    ("C:/Windows/Fonts/arial.ttf", "C:/Windows/Fonts/arialbd.ttf"),
)
"""Regular and bold of faces with wide Latin coverage; reportlab's own Vera is the last resort."""


@cache
def register() -> tuple[str, str]:
    """Register all faces with reportlab, once; the names of the Latin regular and bold."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.ttfonts import TTFont

    regular, bold = _latin_files()
    pdfmetrics.registerFont(TTFont("Plan", regular))
    pdfmetrics.registerFont(TTFont("Plan-Bold", bold))
    pdfmetrics.registerFontFamily("Plan", normal="Plan", bold="Plan-Bold", italic="Plan", boldItalic="Plan-Bold")
    for name in (CHINESE, JAPANESE, KOREAN):
        pdfmetrics.registerFont(UnicodeCIDFont(name))
    return "Plan", "Plan-Bold"


def _latin_files() -> tuple[str, str]:
    for regular, bold in _CANDIDATES:
        if Path(regular).is_file() and Path(bold).is_file():
            return regular, bold
    import reportlab

    folder = Path(reportlab.__file__).parent / "fonts"
    return str(folder / "Vera.ttf"), str(folder / "VeraBd.ttf")


def _script(character: str, *, japanese: bool) -> str | None:
    """The CID face a character needs, or None for the Latin one."""
    code = ord(character)
    if 0x3040 <= code <= 0x30FF or 0x31F0 <= code <= 0x31FF or 0xFF66 <= code <= 0xFF9D:
        return JAPANESE
    if 0xAC00 <= code <= 0xD7AF or 0x1100 <= code <= 0x11FF or 0x3130 <= code <= 0x318F:
        return KOREAN
    han = 0x2E80 <= code <= 0x2FDF or 0x3000 <= code <= 0x303F or 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF
    wide = 0xFF00 <= code <= 0xFFEF
    if han or wide:
        return JAPANESE if japanese else CHINESE
    return None


def printable(text: str) -> str:
    """Text without control, bidirectional-override and zero-width characters, which could forge what is read."""
    hidden = {*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206F), 0xFEFF}
    return "".join(
        " " if character in "\r\n\t" else "\ufffd" if ord(character) in hidden else character
        for character in text
        if character in "\r\n\t" or ord(character) >= 32
    )


def paragraph_markup(text: str) -> str:
    """Reportlab paragraph markup of plain text: escaped, with the right face for each run of characters."""
    plain = printable(text)
    japanese = any(0x3040 <= ord(character) <= 0x30FF for character in plain)
    runs = groupby(plain, key=lambda character: _script(character, japanese=japanese))
    return "".join(
        escape("".join(run)) if face is None else f'<font name="{face}">{escape("".join(run))}</font>'
        for face, run in runs
    )
