"""Reading printed plans back, and a renderer that draws plain rectangles and remembers what it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image
from pypdf import PdfReader

from planner.app.rendering import PictureRequest, SheetRequest


@dataclass
class FakeRenderer:
    """Implements `planner.app.rendering.Renderer`."""

    asked: list[PictureRequest] = field(default_factory=list)
    sheets: list[SheetRequest] = field(default_factory=list)
    closed: bool = False

    def png(self, request: PictureRequest) -> bytes:
        self.asked.append(request)
        out = BytesIO()
        Image.new("RGB", request.size_px, (60, 90, 120)).save(out, "PNG")
        return out.getvalue()

    def sheet(self, request: SheetRequest) -> bytes:
        self.sheets.append(request)
        out = BytesIO()
        Image.new("RGB", request.size_px, (60, 90, 120)).save(out, "PNG")
        return out.getvalue()

    def close(self) -> None:
        self.closed = True


def pages_of(pdf: bytes | Path) -> list[str]:
    """The text of each page, in one line."""
    reader = PdfReader(BytesIO(pdf) if isinstance(pdf, bytes) else pdf)
    return [" ".join((page.extract_text() or "").split()) for page in reader.pages]


def text_of(pdf: bytes | Path) -> str:
    return " ".join(pages_of(pdf))
