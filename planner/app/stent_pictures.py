"""The picture of a stent's sizing sheet: the lumen drawn straight, and its diameter below it, at one scale along."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Polyline
from planner.imaging import Volume
from planner.imaging.reformat import Course, straightened
from planner.imaging.window import Window, apply_window, first_window, presets, shown_as_hounsfield
from planner.model.vessel_items import LumenMark, StenosisMeasures
from planner.planning.stent_catalogue import stent_catalogue

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Floats = NDArray[np.float64]

WIDTH_PX, PLOT_PX = 1500, 380
_STRIP_PX = (260, 520)
"""Least and greatest height of the straightened lumen; between them it shows this many diameters across."""
_STRIP_DIAMETERS = 2.4
_LEFT, _RIGHT, _GAP, _BELOW = 90, 30, 24, 74
_INK, _QUIET, _RULE, _LUMEN, _STENT, _STRICTURE, _MARK = (
    "#14181d", "#59626e", "#d4d9df", "#1f6f9f", "#b4440f", "#f3e3d8", "#6a4fa3",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SheetStent:
    """Where a stent lies, for the picture."""

    start_mm: float
    end_mm: float
    diameter_mm: float


@dataclass(frozen=True, eq=False)
class SheetLumen:
    """A lumen as the picture shows it.

    Attributes
    ----------
    along_mm, diameter_mm
        (n,), NaN where it was not measured.
    """

    kind: str
    centreline: Polyline
    along_mm: Floats
    diameter_mm: Floats
    stenosis: StenosisMeasures | None = None
    marks: tuple[LumenMark, ...] = ()


def mark_name(kind: str, word: str) -> str:
    """A mark as it is read: the name of the catalogue's landmark, or a person's own words."""
    found = stent_catalogue().landmark(kind, word)
    return word if found is None else found.name


def lumen_window(volume: Volume, kind: str) -> Window:
    """An airway is looked at as lung is, since its wall may lie against lung; others as the volume opens."""
    if kind == "airway" and shown_as_hounsfield(volume):
        return next(preset for preset in presets() if preset.key == "lung").of(volume)
    return first_window(volume)


def sizing_picture(lumen: SheetLumen, stent: SheetStent | None, volume: Volume | None) -> bytes:
    """PNG: the lumen straightened (where its images are given) over its diameter, with stricture, marks and stent."""
    from PIL import Image, ImageDraw

    length = float(lumen.along_mm[-1])
    strip = None if volume is None else _strip(lumen, volume, length)
    top = 10 + (0 if strip is None else strip.shape[0] + _GAP)
    picture = Image.new("RGB", (WIDTH_PX, top + PLOT_PX + _BELOW), "white")
    draw = ImageDraw.Draw(picture)

    def across(along_mm: float) -> float:
        return _LEFT + (WIDTH_PX - _LEFT - _RIGHT) * min(max(along_mm / length, 0.0), 1.0)

    if strip is not None:
        picture.paste(Image.fromarray(strip), (_LEFT, 10))
        if stent is not None:
            half = 0.5 * stent.diameter_mm * (WIDTH_PX - _LEFT - _RIGHT) / length
            middle, edge = 10.0 + strip.shape[0] / 2.0, 10.0 + strip.shape[0]
            box = (across(stent.start_mm), max(10.0, middle - half), across(stent.end_mm), min(edge, middle + half))
            draw.rectangle(box, outline=_STENT, width=3)
    _plot(draw, lumen, stent, top, across)
    out = BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _strip(lumen: SheetLumen, volume: Volume, length: float) -> NDArray[np.uint8]:
    """The straightened lumen turned to run from left to right, its ends above those of the plot, at one scale."""
    columns = WIDTH_PX - _LEFT - _RIGHT
    mm_per_px = length / (columns - 1)
    known = lumen.diameter_mm[np.isfinite(lumen.diameter_mm)]
    wanted = _STRIP_DIAMETERS * float(known.max()) / mm_per_px if known.size else 0.0
    height = int(min(max(wanted, _STRIP_PX[0]), _STRIP_PX[1]))
    course = Course.of(lumen.centreline, min(0.5, length / 20.0))
    made = straightened(volume, course, width_mm=height * mm_per_px, mm_per_px=mm_per_px)
    window = lumen_window(volume, lumen.kind)
    seen = np.ascontiguousarray(made.image.T[::-1])
    greys = apply_window(seen, centre=window.centre, width=window.width, function=window.function, background=128)
    return np.ascontiguousarray(greys[:, :columns])


def _plot(draw: ImageDraw, lumen: SheetLumen, stent: SheetStent | None, top: int, across: Any) -> None:
    known = lumen.diameter_mm[np.isfinite(lumen.diameter_mm)]
    highest: float = max([float(known.max()) if known.size else 10.0, *(() if stent is None else (stent.diameter_mm,))])
    step = _nice_step(highest / 4.0)
    ceiling = step * math.ceil(1.12 * highest / step)
    bottom = top + PLOT_PX

    def up(diameter_mm: float) -> float:
        return bottom - PLOT_PX * diameter_mm / ceiling

    if lumen.stenosis is not None:
        draw.rectangle((across(lumen.stenosis.start_mm), top, across(lumen.stenosis.end_mm), bottom), fill=_STRICTURE)
    font = _font(24)
    for number in range(int(round(ceiling / step)) + 1):
        draw.line((_LEFT, up(number * step), WIDTH_PX - _RIGHT, up(number * step)), fill=_RULE, width=2)
        unit = " mm" if number == round(ceiling / step) else ""
        draw.text((_LEFT - 8, up(number * step)), f"{number * step:g}{unit}", fill=_QUIET, font=font, anchor="rm")
    length = float(lumen.along_mm[-1])
    every = _nice_step(length / 8.0)
    for number in range(int(length / every) + 1):
        x = across(number * every)
        draw.line((x, bottom, x, bottom + 8), fill=_QUIET, width=2)
        draw.text((x, bottom + 12), f"{number * every:g}", fill=_QUIET, font=font, anchor="mt")
    words = "mm along the lumen, from the first click"
    draw.text((WIDTH_PX / 2.0, bottom + 40), words, fill=_QUIET, font=font, anchor="mt")
    _profile(draw, lumen, across, up)
    _references(draw, lumen, across, up)
    if stent is not None:
        box = (across(stent.start_mm), up(stent.diameter_mm), across(stent.end_mm), bottom)
        draw.rectangle(box, outline=_STENT, width=4)
        draw.text((box[0] + 8, box[1] + 6), f"stent {stent.diameter_mm:g} mm", fill=_STENT, font=font, anchor="lt")
    for number, mark in enumerate(sorted(lumen.marks, key=lambda each: each.along_mm)):
        x = across(mark.along_mm)
        draw.line((x, top, x, bottom), fill=_MARK, width=3)
        side = "rt" if x > WIDTH_PX * 0.8 else "lt"
        word = "".join(letter for letter in mark_name(lumen.kind, mark.name) if letter.isprintable())[:40]
        draw.text(
            (x - 6 if side == "rt" else x + 6, top + 4 + 28 * (number % 3)), word, fill=_MARK, font=font, anchor=side
        )


def _profile(draw: ImageDraw, lumen: SheetLumen, across: Any, up: Any) -> None:
    """The diameter as far as it was measured; gaps stay gaps."""
    places = [
        (across(float(at)), up(float(width))) for at, width in zip(lumen.along_mm, lumen.diameter_mm, strict=True)
    ]
    known = np.isfinite(lumen.diameter_mm)
    for index in range(len(places) - 1):
        if known[index] and known[index + 1]:
            draw.line((*places[index], *places[index + 1]), fill=_LUMEN, width=5)


def _references(draw: ImageDraw, lumen: SheetLumen, across: Any, up: Any) -> None:
    stenosis = lumen.stenosis
    if stenosis is None:
        return
    sides = (
        (0.0, stenosis.start_mm, stenosis.proximal_reference_mm),
        (stenosis.end_mm, float(lumen.along_mm[-1]), stenosis.distal_reference_mm),
    )
    for start, end, width in sides:
        if width is not None:
            draw.line((across(start), up(width), across(end), up(width)), fill=_INK, width=2)


def _nice_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, at least `rough`."""
    power: float = 10.0 ** math.floor(math.log10(max(rough, 1e-3)))
    steps = [factor * power for factor in (1.0, 2.0, 5.0, 10.0)]
    return min(step for step in steps if step >= rough - 1e-9)


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
