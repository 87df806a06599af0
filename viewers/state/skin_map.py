"""The skin around a target, unrolled: what a needle from each entry to the target would meet. Points LPS mm.

Columns run round the body: the front in the middle, the patient's left on the right, the back at both edges. Rows run
along the body, the head above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.model.items import Point

NO_SKIN, ADMISSIBLE, NOT_CHECKED, REJECTED = 0, 1, 2, 3
"""What a cell holds. `NOT_CHECKED`: no limit is broken, but a required structure was not looked at."""
STANDING_WORDS = {ADMISSIBLE: "admissible", NOT_CHECKED: "NOT CHECKED", REJECTED: "rejected"}

CELL_DEG, CELL_MM = 2.0, 4.0
_MOST_ROWS = 200


@dataclass(frozen=True, eq=False, slots=True)
class SkinMap:
    """The answer of a search, by cells of skin.

    Attributes
    ----------
    azimuth_deg, height_mm
        (columns,), (rows,) of the cells' centres: degrees from the front, towards the patient's left positive; LPS z,
        falling.
    standing
        (rows, columns) of `NO_SKIN`, `ADMISSIBLE`, `NOT_CHECKED` and `REJECTED`.
    score
        (rows, columns) from 0 (last choice) to 1 (first choice) by the template's ranking; NaN where there is none.
    entry
        (rows, columns) index into `entries_lps_mm` and `sentences`, -1 where there is no skin.
    reason, reasons
        (rows, columns) index into `reasons` of the worst limit an entry breaks: a key of
        ``resources/structures.toml`` or another limit's name; -1 where none is.
    sentences
        Per entry: why it is rejected, or what it leaves.
    checked, not_checked
        Keys of structures that the search looked at, and of required ones that it could not.
    ranking
        The order of preference, in words.
    """

    frame_uid: str
    tip_lps_mm: Point
    azimuth_deg: NDArray[np.float64]
    height_mm: NDArray[np.float64]
    standing: NDArray[np.uint8]
    score: NDArray[np.float32]
    entry: NDArray[np.int32]
    entries_lps_mm: NDArray[np.float64]
    sentences: Sequence[str]
    checked: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    ranking: tuple[str, ...] = ()
    reason: NDArray[np.int16] | None = None
    reasons: tuple[str, ...] = ()

    def cell_of(self, lps_mm: Point) -> tuple[int, int] | None:
        """Row and column that a point of the skin falls into; None outside."""
        azimuth, height = polar(np.asarray(lps_mm)[None], self.tip_lps_mm)
        row = round(float((self.height_mm[0] - height[0]) / CELL_MM))
        column = round(float((azimuth[0] - self.azimuth_deg[0]) / CELL_DEG)) % len(self.azimuth_deg)
        return (row, column) if 0 <= row < len(self.height_mm) else None


def polar(points_lps_mm: NDArray[np.float64], tip_lps_mm: Point) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Degrees from the front about the body's axis through the target, and LPS z, of points (n, 3)."""
    from_axis = points_lps_mm - np.asarray(tip_lps_mm)
    azimuth: NDArray[np.float64] = np.degrees(np.arctan2(from_axis[:, 0], -from_axis[:, 1]))
    return azimuth, points_lps_mm[:, 2]


def unrolled(
    frame_uid: str,
    tip_lps_mm: Point,
    entries_lps_mm: NDArray[np.float64],
    standing: NDArray[np.uint8],
    score: NDArray[np.float32],
    sentences: Sequence[str],
    *,
    checked: tuple[str, ...] = (),
    not_checked: tuple[str, ...] = (),
    ranking: tuple[str, ...] = (),
    reason: NDArray[np.int16] | None = None,
    reasons: tuple[str, ...] = (),
) -> SkinMap:
    """Entries (n, 3) laid out in cells; where several share a cell the best of them is shown.

    Gaps of one cell between entries are closed with a neighbour's: the search's own steps are no holes in the skin.
    """
    azimuth, height = polar(entries_lps_mm, tip_lps_mm)
    top, bottom = (float(height.max()), float(height.min())) if len(height) else (0.0, 0.0)
    rows = min(_MOST_ROWS, int(np.ceil((top - bottom) / CELL_MM)) + 1)
    columns = round(360.0 / CELL_DEG)
    heights = top - CELL_MM * np.arange(rows, dtype=np.float64)
    azimuths = -180.0 + CELL_DEG * np.arange(columns, dtype=np.float64)
    cells = np.full((rows, columns), -1, dtype=np.int32)
    row = np.clip(np.rint((top - height) / CELL_MM).astype(np.int64), 0, rows - 1)
    column = np.rint((azimuth + 180.0) / CELL_DEG).astype(np.int64) % columns
    # The worst first, so that the best of a cell is written last.
    order = np.lexsort((np.nan_to_num(score, nan=-1.0), -standing.astype(np.int64)))
    cells[row[order], column[order]] = order
    cells = _closed(cells)
    known = cells >= 0
    shown = np.where(known, cells, 0)
    empty = len(entries_lps_mm) == 0
    stands = np.zeros(cells.shape, dtype=np.uint8) if empty else np.where(known, standing[shown], NO_SKIN)
    scores = np.full(cells.shape, np.nan) if empty else np.where(known, score[shown], np.nan)
    worst = None if empty or reason is None else np.where(known, reason[shown], -1).astype(np.int16)
    return SkinMap(
        frame_uid,
        tip_lps_mm,
        azimuths,
        heights,
        stands.astype(np.uint8),
        scores.astype(np.float32),
        cells,
        entries_lps_mm,
        sentences,
        checked,
        not_checked,
        ranking,
        worst,
        reasons,
    )


def _closed(cells: NDArray[np.int32]) -> NDArray[np.int32]:
    """Cells without an entry between two with one take the neighbour's; the columns go round."""
    around = np.stack([np.roll(cells, 1, axis=1), np.roll(cells, -1, axis=1)])
    filled = np.where((cells < 0) & (around >= 0).all(axis=0), around[0], cells)
    above, below = np.full_like(cells, -1), np.full_like(cells, -1)
    above[1:], below[:-1] = filled[:-1], filled[1:]
    return np.where((filled < 0) & (above >= 0) & (below >= 0), above, filled).astype(np.int32)
