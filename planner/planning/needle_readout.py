"""What a CT operator sets and measures to place a needle: slice, skin point, angles, depth, in words.

Nothing here decides whether a read-out may be given: `planner.app.needle_paths.operator_readout` does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.geometry.patient_positions import PatientPosition
from planner.imaging.masks import Mask
from planner.planning.needles import Needle, in_plane_deg, out_of_plane_deg, sideways_lps
from planner.units import shown

_CONTOUR_STEPS = 360
_CONTOUR_SEEN = 0.9
_TAPE_HALF = 5


@dataclass(frozen=True, slots=True)
class ReadOut:
    """Attributes
    ----------
    table_z_mm
        LPS z of the axial slice through the entry; towards the head positive.
    table_location_mm
        The same slice as the scanner counts it (SliceLocation), None where the images do not say.
    image_number, images
        The nearest image of the series, from 1, and how many there are.
    midline_mm, side
        Of the entry from the middle of the body in that slice, and on which side of the patient; None without a skin.
    along_skin_mm
        From the midline to the entry with a tape on the skin, on the entry's face of the body; None where the outline
        is not one closed line.
    in_plane_deg, out_of_plane_deg
        See `planner.planning.needles`.
    depth_mm
        Along the needle, skin to tip.
    tip_below_entry_mm
        How much lower than the entry the tip lies, as the patient lies on the table.
    tip_z_mm
        LPS z of the slice with the tip.
    """

    position: PatientPosition
    table_z_mm: float
    table_location_mm: float | None
    image_number: int | None
    images: int
    midline_mm: float | None
    side: str | None
    along_skin_mm: float | None
    in_plane_deg: float
    out_of_plane_deg: float
    depth_mm: float
    tip_below_entry_mm: float
    tip_z_mm: float

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """Label and value, for a table on the screen or on paper."""
        table = f"z {shown(self.table_z_mm, 'mm', digits=1)} (LPS)"
        if self.table_location_mm is not None:
            table = f"{shown(self.table_location_mm, 'mm', digits=1)} on the scanner, {table}"
        if self.image_number is not None:
            table += f", image {self.image_number} of {self.images}"
        entry = "not measured: no skin is segmented"
        if self.midline_mm is not None and self.side is not None:
            entry = f"{shown(self.midline_mm, 'mm', digits=0)} {self.side} of the midline"
        if self.along_skin_mm is not None:
            entry += f", {shown(self.along_skin_mm, 'mm', digits=0)} along the skin"
        return (
            ("Patient", self.position.words.removeprefix("patient ")),
            ("Table position", table),
            ("Entry", entry),
            ("In plane", self._in_plane()),
            ("Out of plane (gantry tilt)", self._out_of_plane()),
            ("Depth", f"{shown(self.depth_mm, 'mm', digits=0)} along the needle"),
            ("Tip", self._tip()),
        )

    def _in_plane(self) -> str:
        size = shown(abs(self.in_plane_deg), "deg", digits=0)
        if round(self.in_plane_deg) == 0:
            return f"{size} from the vertical"
        plus, minus = ("left", "right") if sideways_lps(self.position)[0] > 0.5 else ("front", "back")
        return f"{size} from the vertical, hub towards the patient's {plus if self.in_plane_deg > 0 else minus}"

    def _out_of_plane(self) -> str:
        size = shown(abs(self.out_of_plane_deg), "deg", digits=0)
        if round(self.out_of_plane_deg) == 0:
            return f"{size}: within the slice"
        return f"{size}, hub towards the {'head' if self.out_of_plane_deg > 0 else 'feet'}"

    def _tip(self) -> str:
        along = self.tip_z_mm - self.table_z_mm
        away = f"{shown(abs(along), 'mm', digits=0)} towards the {'head' if along > 0 else 'feet'} of the entry's slice"
        where = "in the slice of the entry" if round(along) == 0 else away
        height = "below" if self.tip_below_entry_mm >= 0.0 else "above"
        return f"{shown(abs(self.tip_below_entry_mm), 'mm', digits=0)} {height} the entry, {where}"


def read_out(
    needle: Needle,
    position: PatientPosition,
    grid: Grid,
    body: Mask | None,
    location_from_z: tuple[float, float] | None = None,
) -> ReadOut:
    """Measure a needle for the operator.

    Parameters
    ----------
    grid
        Of the day's series.
    body
        The whole body, in any grid of the frame.
    location_from_z
        (factor, offset): SliceLocation = factor * z + offset.
    """
    entry, tip = needle.entry_lps_mm, needle.tip_lps_mm
    index = grid.nearest_index(entry)
    midline = None if body is None else midline_x_mm(body, float(entry[2]))
    offset = None if midline is None else float(entry[0]) - midline
    return ReadOut(
        position,
        float(entry[2]),
        None if location_from_z is None else location_from_z[0] * float(entry[2]) + location_from_z[1],
        None if index is None else index[0] + 1,
        grid.size_kji[0],
        None if offset is None else abs(offset),
        None if offset is None else "left" if offset >= 0.0 else "right",
        None if body is None or midline is None else along_skin_mm(body, entry, midline),
        float(in_plane_deg(needle.hub_lps, position)),
        float(out_of_plane_deg(needle.hub_lps)),
        needle.length_mm,
        float((entry - tip) @ position.up_lps),
        float(tip[2]),
    )


def midline_x_mm(body: Mask, z_mm: float) -> float | None:
    """LPS x half way between the left and the right edge of the body in an axial slice; None outside the body."""
    points = _slice_points(body, z_mm)
    return None if points is None else float(points[:, 0].min() + points[:, 0].max()) / 2.0


def along_skin_mm(body: Mask, entry_lps_mm: NDArray[np.float64], midline_mm: float) -> float | None:
    """Length of the skin between the midline and the entry, on the entry's side of the body (front or back).

    The outline is taken as seen from the middle of the slice, one point per degree: deep folds are bridged as a tape
    bridges them.
    """
    points = _slice_points(body, float(entry_lps_mm[2]))
    if points is None or len(points) < _CONTOUR_STEPS:
        return None
    centre = np.array([midline_mm, (points[:, 1].min() + points[:, 1].max()) / 2.0])
    offset = points - centre
    away = np.hypot(offset[:, 0], offset[:, 1])
    # Degrees from the front of the body (LPS -y), towards the patient's left positive.
    bins = np.rint(np.degrees(np.arctan2(offset[:, 0], -offset[:, 1]))).astype(int) % _CONTOUR_STEPS
    radius = np.zeros(_CONTOUR_STEPS)
    np.maximum.at(radius, bins, away)
    seen = np.flatnonzero(radius > 0.0)
    if len(seen) < _CONTOUR_SEEN * _CONTOUR_STEPS:
        return None
    # A direction may fall between two voxels.
    radius = np.interp(np.arange(_CONTOUR_STEPS), seen, radius[seen], period=_CONTOUR_STEPS)
    # A tape lies on the skin, not on the staircase of its voxels.
    wrapped = np.concatenate([radius[-_TAPE_HALF:], radius, radius[:_TAPE_HALF]])
    radius = np.convolve(wrapped, np.full(2 * _TAPE_HALF + 1, 1.0 / (2 * _TAPE_HALF + 1)), mode="valid")
    toward = entry_lps_mm[:2] - centre
    at = int(np.rint(np.degrees(np.arctan2(toward[0], -toward[1])))) % _CONTOUR_STEPS
    start = 0 if toward[1] <= 0.0 else _CONTOUR_STEPS // 2
    steps = (at - start + _CONTOUR_STEPS // 2) % _CONTOUR_STEPS - _CONTOUR_STEPS // 2
    turned = np.radians((start + np.arange(0, steps + np.sign(steps or 1), np.sign(steps or 1))) % _CONTOUR_STEPS)
    path_radius = radius[np.rint(np.degrees(turned)).astype(int) % _CONTOUR_STEPS]
    outline = np.stack([path_radius * np.sin(turned), -path_radius * np.cos(turned)], axis=1)
    return float(np.linalg.norm(np.diff(outline, axis=0), axis=1).sum())


def _slice_points(body: Mask, z_mm: float) -> NDArray[np.float64] | None:
    """(n, 2) LPS x and y of the body's voxels whose centres lie within half a slice of a height."""
    if body.is_empty:
        return None
    rise = body.grid.lps_from_kji.homogeneous[2, :3]
    axis = int(np.argmax(np.abs(rise)))
    half = float(np.abs(rise).sum()) / 2.0 + 1e-6
    kji = np.zeros(3)
    origin = float(body.grid.lps_from_kji.points(kji)[2])
    at = round((z_mm - origin) / float(rise[axis])) - body.box[0][axis]
    if not 0 <= at < body.voxels.shape[axis]:
        return None
    found = np.argwhere(np.take(body.voxels, [at], axis=axis)) + np.asarray(body.box[0])
    found[:, axis] += at
    points = body.grid.lps_from_kji.points(found)
    near = points[np.abs(points[:, 2] - z_mm) <= half + float(np.abs(rise).max())]
    return near[:, :2] if len(near) else None
