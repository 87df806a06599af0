"""One vertebra from two clicks: the middle of its body, and its arch behind the canal.

The body is bounded by its end plates, found as the planes at which brightness falls outward, and by its wall, found
along rays from its axis, so that it is found where spongy bone is as dark as muscle. The arch is the bone that is
nearer to this body or to the second click than to the neighbours, through bone: joints and discs are dear to cross.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused, OperatorError
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.imaging.resampling import resampled, resampled_mask
from planner.imaging.vertebra_segmentation_parts import Body, arch, body_of, canal_of
from planner.imaging.volumes import Volume
from planner.jobs import Context

Points = NDArray[np.float64]

STEP_MM = 1.25
_REACH_MM = ((55.0, 55.0), (34.0, 72.0), (60.0, 60.0))
"""To feet and head, to front and back, to both sides of the body's middle."""
_APART_MM = (12.0, 75.0)
_BEYOND_MM = 3.0
"""An end plate this near to the end of the image may be that end."""
_LEAST_BODY_ML, _MOST_BODY_ML = 4.0, 90.0
"""Thoracic bodies of small adults have about 8 mL, lumbar ones of large adults 60 mL."""


@dataclass(frozen=True, eq=False)
class VertebraMask:
    """A vertebra to look at and correct.

    Attributes
    ----------
    mask
        Body, pedicles and arch, on the image's grid.
    body
        The body alone.
    canal
        The spinal canal at its level; None when no canal is enclosed.
    notes
        One sentence each.
    """

    mask: Mask
    body: Mask
    canal: Mask | None
    notes: tuple[str, ...]


def vertebra_from_clicks(
    volume: Volume, body_lps_mm: ArrayLike, arch_lps_mm: ArrayLike, context: Context | None = None
) -> VertebraMask:
    """Segment the vertebra that holds both points.

    Parameters
    ----------
    volume
        CT, HU.
    body_lps_mm
        About the middle of the vertebral body.
    arch_lps_mm
        In any part of the arch of the same vertebra: lamina, base of the spinous process or a pedicle.

    Raises
    ------
    InputRefused
        When the clicks lie too near to each other or too far apart, or no end plates are found.
    OperatorError
        When a click lies outside the image.
    Cancelled
        When the operator cancelled.
    """
    steps = context or Context()
    body_click, arch_click = _clicks(volume, body_lps_mm, arch_lps_mm)
    steps.step(0.0, "Looking at the vertebra")
    grid = _local_grid(volume, body_click, arch_click)
    hu = np.asarray(resampled(volume, grid, outside=-1024.0).voxels, dtype=np.float32)
    steps.step(0.1, "Looking for the end plates")
    body = body_of(hu, grid.kji_from_lps.points(body_click), STEP_MM)
    _refuse_odd(body, grid, volume)
    steps.step(0.4, "Looking for the arch")
    behind = arch(hu, body, grid.kji_from_lps.points(arch_click), STEP_MM)
    steps.step(0.8, "Looking for the canal")
    canal = canal_of(hu, body, behind, STEP_MM)
    masks = [resampled_mask(Mask.of(grid, part), volume.grid) for part in (body.voxels | behind, body.voxels, canal)]
    steps.step(1.0, "Vertebra found")
    return VertebraMask(masks[0], masks[1], None if masks[2].is_empty else masks[2], _notes(body, behind, masks[2]))


def _clicks(volume: Volume, body_lps_mm: ArrayLike, arch_lps_mm: ArrayLike) -> tuple[Points, Points]:
    clicks = [np.asarray(each, dtype=np.float64) for each in (body_lps_mm, arch_lps_mm)]
    for click in clicks:
        if click.shape != (3,) or not np.isfinite(click).all() or volume.grid.nearest_index(click) is None:
            raise OperatorError("click-outside-image", "A click lies outside the image; click inside the vertebra.")
    apart = float(np.hypot(*(clicks[1] - clicks[0])[:2]))
    if not _APART_MM[0] <= apart <= _APART_MM[1]:
        raise InputRefused(
            "clicks-apart",
            f"The two clicks lie {apart:.0f} mm apart across the spine; click the middle of the vertebral body and the "
            "arch behind its canal.",
        )
    return clicks[0], clicks[1]


def _local_grid(volume: Volume, body: Points, behind: Points) -> Grid:
    """k to the head, j from the body's middle towards the arch's side of the patient, i across."""
    back = np.array([0.0, 1.0, 0.0])
    seen = (behind - body) * (1.0, 1.0, 0.0)
    seen /= np.linalg.norm(seen)
    # A pedicle lies beside the middle: only half of its direction is believed, and the patient's back is.
    towards = back * np.sign(seen[1] or 1.0) if abs(seen[1]) > 0.3 else seen
    head = np.array([0.0, 0.0, 1.0])
    axes = np.stack([head, towards, np.cross(towards, head)], axis=1)
    low = np.array([reach[0] for reach in _REACH_MM])
    k, j, i = (int(round(sum(reach) / STEP_MM)) + 1 for reach in _REACH_MM)
    origin = body - axes @ low
    return Grid.of(
        (k, j, i), origin_lps_mm=origin, spacing_kji_mm=(STEP_MM,) * 3, axes_lps=axes, frame_uid=volume.grid.frame_uid
    )


def _refuse_odd(body: Body, grid: Grid, volume: Volume) -> None:
    for side_mm in (body.upper_mm + _BEYOND_MM, -body.lower_mm - _BEYOND_MM):
        beyond = grid.lps_from_kji.points(body.centre_kji + body.normal_kji * side_mm / STEP_MM)
        if volume.grid.nearest_index(beyond) is None:
            raise InputRefused(
                "vertebra-cut-off",
                "The image cuts the vertebral body off; choose a series that shows all of it.",
                subject=volume.source.series_uid,
            )
    size_ml = float(np.count_nonzero(body.voxels)) * STEP_MM**3 / 1000.0
    if not _LEAST_BODY_ML <= size_ml <= _MOST_BODY_ML or body.fall_hu < body.least_fall_hu:
        raise InputRefused(
            "no-vertebra",
            "No vertebral body with two end plates is found around the first click; click its middle, or draw it.",
            subject=volume.source.series_uid,
        )


def _notes(body: Body, behind: NDArray[np.bool_], canal: Mask) -> tuple[str, ...]:
    notes = [
        f"Body {body.height_mm:.0f} mm high at its middle; look at the joints and the discs, where bone of a neighbour "
        "may have been taken along or bone left out."
    ]
    if np.count_nonzero(behind) * STEP_MM**3 / 1000.0 < 3.0:
        notes.append("Hardly any arch was found; click another point of it.")
    if canal.is_empty:
        notes.append("No canal enclosed by bone is seen.")
    return tuple(notes)
