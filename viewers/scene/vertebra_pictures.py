"""From the analysis of a vertebra to its pictures: simulated C-arm views, and its walls laid flat. No widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.jobs import Context
from planner.model.needle_items import WorkingView
from viewers.state.vertebrae import DefectMark, ViewPicture, WallsPicture

if TYPE_CHECKING:
    from planner.imaging.volumes import Volume
    from planner.planning.vertebra_analysis import VertebraAnalysis

PIXELS, FIELD_MM = 360, 115.0
"""Of a picture: the vertebra with its neighbours, which is enough to see which one it is."""
_MIDDLE = 0.6
"""Share of the picture whose greys set its window: the vertebra lies there."""
_LEAST_SHARE = 0.2
"""Rays that met less than this share of the densest one ran beside the block of the CT: they set no window."""
_DARKEST, _BRIGHTEST = 99.7, 3.0
_SEAM_MM = 1.5
"""Between two walls that are laid flat."""


def view_picture(
    volume: Volume,
    analysis: VertebraAnalysis,
    view: WorkingView,
    *,
    needle_id: str | None = None,
    needle_name: str = "",
    context: Context | None = None,
) -> ViewPicture:
    """What a C-arm would show in a view; about a second.

    Raises
    ------
    FrameMismatch
        When volume and vertebra lie in different frames of reference.
    """
    from planner.planning.vertebra_views import simulated_projection

    made = simulated_projection(
        volume,
        analysis.vertebra,
        view,
        pedicles=analysis.pedicles,
        size_yx=(PIXELS, PIXELS),
        field_mm=FIELD_MM,
        context=context,
    )
    return ViewPicture(view, grey_of(made.picture), made.c_arm, dict(made.overlays_xy), needle_id, needle_name)


def grey_of(integrals: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(y, x) bytes of line integrals: bone dark."""
    rows, columns = integrals.shape
    top, left = round(rows * (1.0 - _MIDDLE) / 2.0), round(columns * (1.0 - _MIDDLE) / 2.0)
    middle = integrals[top : rows - top, left : columns - left]
    met = middle[middle > _LEAST_SHARE * float(middle.max(initial=0.0))]
    if not met.size:
        return np.full(integrals.shape, 255, dtype=np.uint8)
    low, high = (float(each) for each in np.percentile(met, (_BRIGHTEST, _DARKEST)))
    share = (integrals - low) / max(high - low, 1e-6)
    grey: NDArray[np.uint8] = np.rint(255.0 * (1.0 - np.clip(share, 0.0, 1.0))).astype(np.uint8)
    return grey


def walls_picture(analysis: VertebraAnalysis) -> WallsPicture | None:
    """The walls of the body laid flat; None where missing cortex could not be looked for."""
    leaks, vertebra = analysis.leaks, analysis.vertebra
    if leaks is None:
        return None
    from planner.planning.cement import WALLS

    local = vertebra.local(leaks.points_lps_mm)
    back, depth = vertebra.wall.offset, vertebra.depth_mm
    posterior = local[leaks.walls == WALLS.index("posterior")]
    aside = local[(leaks.walls == WALLS.index("left")) | (leaks.walls == WALLS.index("right"))]
    high, wide = (_reach(posterior[:, axis], depth / 2.0) for axis in (2, 0))
    # Between the posterior wall and where the side walls begin, the pedicles leave the body.
    begin = float(np.percentile(aside[:, 1] - back, 3)) if len(aside) else 0.0
    fold = _Fold(back, depth, high, wide, begin)
    names = np.array(WALLS)[leaks.walls]
    places = np.stack([fold.place(str(name), point) for name, point in zip(names, local, strict=True)])
    contrast = max(leaks.cortex_hu - leaks.spongy_hu, 1e-6)
    density = np.clip((leaks.peak_hu - leaks.spongy_hu) / contrast, 0.0, 1.0)
    defects = tuple(
        DefectMark(_pair(fold.place(each.wall, vertebra.local(each.centre_lps_mm))), each.wall, each.area_mm2, point)
        for each in leaks.defects
        for point in (each.centre_lps_mm,)
    )
    return WallsPicture(places, density, leaks.missing, defects, fold.words())


def _reach(values: NDArray[np.float64], unknown_mm: float) -> float:
    return float(np.percentile(np.abs(values), 97)) if len(values) else unknown_mm


class _Fold:
    """Where a point of a wall comes to lie: right and down of the middle of the posterior wall, seen from behind."""

    def __init__(self, back_mm: float, depth_mm: float, high_mm: float, wide_mm: float, begin_mm: float) -> None:
        self.back, self.depth, self.begin = back_mm, depth_mm, begin_mm
        self.high, self.wide = high_mm + _SEAM_MM, wide_mm + _SEAM_MM

    def place(self, wall: str, uvw: NDArray[np.float64]) -> NDArray[np.float64]:
        u, v, w = uvw
        ahead = v - self.back
        if wall == "superior-endplate":
            return np.array([-u, -self.high - ahead])
        if wall == "inferior-endplate":
            return np.array([-u, self.high + ahead])
        if wall == "left":
            return np.array([-self.wide - (ahead - self.begin), -w])
        if wall == "right":
            return np.array([self.wide + (ahead - self.begin), -w])
        if wall == "anterior":
            return np.array([-u, 2.0 * self.high + self.depth + w])
        return np.array([-u, -w])

    def words(self) -> dict[str, tuple[float, float]]:
        middle, aside = self.depth / 2.0, (self.depth - self.begin) / 2.0
        return {
            "posterior": (0.0, 0.0),
            "superior endplate": (0.0, -self.high - middle),
            "inferior endplate": (0.0, self.high + middle),
            "left": (-self.wide - aside, 0.0),
            "right": (self.wide + aside, 0.0),
            "anterior": (0.0, 2.0 * self.high + self.depth),
        }


def _pair(place: NDArray[np.float64]) -> tuple[float, float]:
    return float(place[0]), float(place[1])
