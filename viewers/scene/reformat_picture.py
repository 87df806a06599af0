"""Pictures along and across a lumen as images, and where their places lie in a pane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage

from planner.imaging import Volume
from planner.imaging.reformat import CrossSection, RowMap, cross_section, curved, straightened
from planner.imaging.window import Window, apply_window
from viewers.state.lumen_shapes import LumenShown

Floats = NDArray[np.float64]

FINEST_MM = 0.2
"""Finer pixels would show no more of a CT, and cost more."""
LEFT_EM, RIGHT_EM = 3.4, 1.0
"""Beside the axis along the lumen, in heights of the text: the same in every pane that has it."""
CURVED_REACH, SECTION_REACH = 1.8, 2.2
"""So many diameters are shown on each side of a curved lumen, and across a section: what lies beside it is seen."""
MOST_PIXELS = 1200


@dataclass(frozen=True, slots=True)
class LumenAxis:
    """The way along a lumen, from left to right."""

    left: float
    width: float
    length_mm: float

    @staticmethod
    def of(area: QRectF, length_mm: float, em: float) -> LumenAxis:
        width = area.width() - (LEFT_EM + RIGHT_EM) * em
        return LumenAxis(area.left() + LEFT_EM * em, max(20.0, width), max(length_mm, 1e-6))

    @property
    def mm_per_px(self) -> float:
        return self.length_mm / self.width

    def x_of(self, along_mm: float) -> float:
        return self.left + along_mm / self.length_mm * self.width

    def along_at(self, x: float) -> float:
        """Held at both ends."""
        return min(max((x - self.left) / self.width, 0.0), 1.0) * self.length_mm


@dataclass(frozen=True, eq=False)
class ReformatPlaces:
    """Where the pixels of a picture along a lumen lie in a pane.

    Attributes
    ----------
    map
        Of the picture: rows along the lumen.
    is_lying
        Rows run from left to right, and what the picture has on its right lies up: a straightened lumen above its
        diameters. Otherwise they run down, as they do in the patient.
    left, top, scale
        Of the first row's or column's place, in logical pixels; of one pixel.
    """

    map: RowMap
    is_lying: bool
    left: float
    top: float
    scale: float

    def xy_of(self, row_column: Floats) -> Floats:
        """(..., 2) logical pixels of picture positions (..., 2)."""
        row, column = row_column[..., 0], row_column[..., 1]
        if self.is_lying:
            return np.stack(
                [self.left + row * self.scale, self.top + (self.map.columns - 1 - column) * self.scale], axis=-1
            )
        return np.stack([self.left + column * self.scale, self.top + row * self.scale], axis=-1)

    def row_column_at(self, x: float, y: float) -> tuple[float, float]:
        across, down = (x - self.left) / self.scale, (y - self.top) / self.scale
        return (across, self.map.columns - 1 - down) if self.is_lying else (down, across)

    def along_at(self, x: float, y: float) -> float:
        return float(self.map.along_at(self.row_column_at(x, y)[0]))

    @property
    def px_per_mm(self) -> float:
        return self.scale / self.map.mm_per_px

    @property
    def image_box(self) -> QRectF:
        """The whole pixels: their centres lie at `xy_of`."""
        rows, columns = self.map.size_px
        wide, high = (rows, columns) if self.is_lying else (columns, rows)
        half = self.scale / 2.0
        return QRectF(self.left - half, self.top - half, wide * self.scale, high * self.scale)


@dataclass(frozen=True, eq=False)
class ReformatShown:
    """A picture along a lumen: its image, its places, and the lumen's line and edges in logical pixels.

    Attributes
    ----------
    line, edges
        (n, 2) and twice (n, 2), one row for each point of the centreline; NaN where nothing was measured.
    right_lps
        What the picture shows to its right at the line's place.
    """

    image: QImage
    places: ReformatPlaces
    line: Floats
    edges: tuple[Floats, Floats]


def straight_picture(
    shown: LumenShown, volume: Volume, window: Window, area: QRectF, angle_deg: float, em: float
) -> ReformatShown:
    """The lumen straightened, lying, as long as the axis it shares with the diameters below."""
    axis = LumenAxis.of(area, shown.length_mm, em)
    mm_per_px = max(axis.mm_per_px, FINEST_MM)
    width_mm = max(axis.mm_per_px * area.height(), 4.0 * mm_per_px)
    made = straightened(volume, shown.course, width_mm=width_mm, angle_deg=angle_deg, mm_per_px=mm_per_px)
    scale = axis.width / max(made.map.size_px[0] - 1, 1)
    top = area.center().y() - (made.map.columns - 1) / 2.0 * scale
    places = ReformatPlaces(made.map, True, axis.left, top, scale)
    row = shown.lumen.along_mm / shown.length_mm * (made.map.size_px[0] - 1)
    middle = (made.map.columns - 1) / 2.0
    right, left = shown.edges_mm(angle_deg)
    columns = (np.full_like(row, middle), middle + right / mm_per_px, middle - left / mm_per_px)
    line, one, other = (places.xy_of(np.stack([row, column], axis=-1)) for column in columns)
    return ReformatShown(_image(made.image.T[::-1], window), places, line, (one, other))


def curved_picture(
    shown: LumenShown, volume: Volume, window: Window, area: QRectF, angle_deg: float, em: float
) -> ReformatShown:
    """The lumen with its bends, upright, whole in the pane."""
    width_mm = max(2.0 * CURVED_REACH * shown.widest_mm, 0.4 * shown.length_mm)
    rough = (shown.length_mm + width_mm) / max(20.0, min(area.width(), area.height()))
    mm_per_px = min(max(rough, FINEST_MM, shown.length_mm / MOST_PIXELS), shown.length_mm / 4.0)
    made = curved(volume, shown.course, width_mm=width_mm, angle_deg=angle_deg, mm_per_px=mm_per_px)
    rows, columns = made.map.size_px
    scale = min((area.width() - em) / columns, (area.height() - em) / rows)
    left = area.center().x() - (columns - 1) / 2.0 * scale
    top = area.center().y() - (rows - 1) / 2.0 * scale
    places = ReformatPlaces(made.map, False, left, top, scale)
    sweep = made.map.rights_lps[0]
    lines = (shown.lumen.centreline.points_lps_mm, *shown.edge_lps_mm(sweep))
    line, one, other = (places.xy_of(_rows_of(made.map, shown, points)) for points in lines)
    return ReformatShown(_image(made.image, window), places, line, (one, other))


def _rows_of(where: RowMap, shown: LumenShown, points: Floats) -> Floats:
    """(n, 2) rows and columns of points beside the course; their rows are those of the course beside them."""
    flat = where.middles_lps_mm
    sweep = where.rights_lps[0]
    course = shown.lumen.centreline.points_lps_mm
    row = where.row_at(shown.lumen.along_mm)
    low = np.clip(np.floor(row).astype(np.intp), 0, len(flat) - 2)
    ahead = flat[low + 1] - flat[low]
    ahead = ahead - (ahead @ sweep)[:, None] * sweep
    length = np.maximum(np.linalg.norm(ahead, axis=1), 1e-9)
    # How far the edge lies before or behind its place of the course, as the picture has the course straight there.
    beside = np.sum((points - course) * ahead, axis=1) / length**2
    offset = (points - flat[low]) @ sweep
    return np.stack([row + beside, offset / where.mm_per_px + (where.columns - 1) / 2.0], axis=-1)


@dataclass(frozen=True, eq=False)
class SectionShown:
    """A picture across a lumen with its place in a pane."""

    image: QImage
    section: CrossSection
    box: QRectF

    def xy_of(self, lps_mm: Floats) -> Floats:
        """(..., 2) logical pixels of points, seen along the lumen."""
        found = self.section.pixel_of(lps_mm)
        scale = self.box.width() / self.section.image.shape[1]
        return np.stack(
            [self.box.left() + (found[..., 1] + 0.5) * scale, self.box.top() + (found[..., 0] + 0.5) * scale], axis=-1
        )

    def lps_at(self, at: QPointF) -> Floats:
        scale = self.box.width() / self.section.image.shape[1]
        row, column = (at.y() - self.box.top()) / scale - 0.5, (at.x() - self.box.left()) / scale - 0.5
        return self.section.lps_of([row, column])

    @property
    def px_per_mm(self) -> float:
        return float(self.box.width() / (self.section.image.shape[1] * self.section.mm_per_px))


def section_picture(
    shown: LumenShown, volume: Volume, window: Window, area: QRectF, along_mm: float, angle_deg: float
) -> SectionShown:
    """Across the lumen at a place; as wide everywhere, so that widths are compared by eye."""
    width_mm = max(SECTION_REACH * shown.widest_mm, 12.0)
    side = max(20.0, min(area.width(), area.height()))
    mm_per_px = max(width_mm / side, FINEST_MM)
    made = cross_section(volume, shown.course, along_mm, width_mm, mm_per_px, angle_deg=angle_deg)
    box = QRectF(area.center().x() - side / 2.0, area.center().y() - side / 2.0, side, side)
    return SectionShown(_image(made.image, window), made, box)


def _image(values: NDArray[np.float32], window: Window) -> QImage:
    greys = apply_window(
        np.ascontiguousarray(values), centre=window.centre, width=window.width, function=window.function
    )
    pixels = np.ascontiguousarray(greys)
    height, width = pixels.shape
    return QImage(pixels.data, width, height, width, QImage.Format.Format_Grayscale8).copy()
