"""Lumens as plan items store them, and back; what a person marks along them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from planner.errors import InputRefused
from planner.geometry import Polyline
from planner.model.packed import packed, unpacked
from planner.model.vessel_items import LumenBody, LumenMark, StenosisMeasures
from planner.planning.lumens import Lumen

_COLUMNS = 9


def body_of_lumen(
    lumen: Lumen,
    *,
    site: str | None = None,
    series: str | None = None,
    marks: Sequence[LumenMark] = (),
    stenosis: StenosisMeasures | None = None,
) -> LumenBody:
    """The body of a plan item for a lumen."""
    table = np.column_stack(
        [
            lumen.centreline.points_lps_mm,
            lumen.inscribed_mm,
            lumen.equivalent_mm,
            lumen.least_mm,
            lumen.greatest_mm,
            lumen.greatest_angle_deg,
            lumen.doubtful.astype(np.float64),
        ]
    )
    clicks = tuple((float(x), float(y), float(z)) for x, y, z in lumen.clicks_lps_mm)
    return LumenBody(
        kind=lumen.kind,
        table=packed(table),
        clicks_lps_mm=clicks,
        method=lumen.method,
        site=site,
        length_mm=lumen.length_mm,
        marks=tuple(marks),
        stenosis=stenosis,
        series=series,
        findings=lumen.findings,
    )


def lumen_of_body(body: LumenBody, frame_uid: str) -> Lumen:
    """The lumen of a stored body, without its contours.

    Raises
    ------
    InputRefused
        When the body is damaged.
    """
    table = unpacked(body.table, _COLUMNS)
    if len(table) < 2 or not np.isfinite(table[:, :3]).all():
        raise InputRefused("bad-document", "The points of a stored lumen are damaged; measure it again.")
    return Lumen(
        body.kind,
        Polyline(table[:, :3], frame_uid),
        table[:, 3],
        table[:, 4],
        table[:, 5],
        table[:, 6],
        table[:, 7],
        table[:, 8] > 0.5,
        np.asarray(body.clicks_lps_mm, dtype=np.float64).reshape(-1, 3),
        method=body.method,
        findings=tuple(body.findings),
    )


def mark_at(lumen: Lumen, name: str, lps_mm: Sequence[float]) -> LumenMark:
    """A named place along a lumen, nearest to a click."""
    x, y, z = (float(value) for value in lps_mm)
    return LumenMark(name, lumen.place_of((x, y, z)), (x, y, z))


def marks_on(lumen: Lumen, marks: Sequence[LumenMark]) -> tuple[LumenMark, ...]:
    """The same places in the room, along another course."""
    return tuple(replace(each, along_mm=lumen.place_of(each.lps_mm)) for each in marks)
