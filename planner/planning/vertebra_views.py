"""C-arm views of a vertebra: true AP, lateral, and straight down each planned needle; and what they would look like.

The planning CT lies supine, the treatment prone: every view carries the patient's own angles and those that a gantry
shows which takes the patient of that posture for supine (see `planner.geometry.patient_positions`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import FrameMismatch
from planner.geometry import Grid
from planner.geometry.c_arm import CArm, DetectorSpacing, angle_words
from planner.geometry.patient_positions import PatientPosition
from planner.imaging.projection import line_integrals
from planner.imaging.volumes import Volume
from planner.jobs import Context
from planner.model.needle_items import WorkingView
from planner.planning.pedicles import Pedicle
from planner.planning.vertebra_bone import Floats
from planner.planning.vertebra_frame import Vertebra
from planner.planning.vertebra_trajectories import Trajectory

TRUE_AP, LATERAL, BULLS_EYE = "true-ap", "lateral", "bulls-eye"

_SOURCE_TO_DETECTOR_MM, _SOURCE_TO_ISOCENTRE_MM = 1100.0, 700.0
"""Of the simulated machine; a usual C-arm, only the magnification depends on it."""
_AROUND_MM = 70.0
"""Half edge of the block of the CT that is projected: overlying anatomy farther off is left out."""
_WATER_PER_MM = 0.02
"""Linear attenuation of water at diagnostic energies."""
_BONE_ABOVE_HU, _BONE_EXTRA = 120.0, 2.5
"""Calcium stops more of a fluoroscope's soft beam than of the CT's hard one; enough to see endplates and pedicles."""


def view_angles_deg(towards_detector_lps: ArrayLike) -> tuple[float, float]:
    """Primary (LAO positive) and secondary (cranial positive) angle of a direction to the detector."""
    direction = np.asarray(towards_detector_lps, dtype=np.float64)
    x, y, z = direction / np.linalg.norm(direction)
    return float(np.rad2deg(np.arctan2(x, -y))), float(np.rad2deg(np.arcsin(np.clip(z, -1.0, 1.0))))


def working_view(name: str, towards_detector_lps: ArrayLike, position: PatientPosition) -> WorkingView:
    """A view by the direction from the vertebra to the detector."""
    primary, secondary = view_angles_deg(towards_detector_lps)
    machine_primary, machine_secondary = view_angles_deg(position.turned(towards_detector_lps))
    return WorkingView(
        name=name,
        primary_deg=primary,
        secondary_deg=secondary,
        machine_primary_deg=machine_primary,
        machine_secondary_deg=machine_secondary,
        posture=position.posture,
        head_first=position.head_first,
    )


def direction_of(view: WorkingView) -> Floats:
    """(3,) unit LPS direction to the detector of a view."""
    primary, secondary = np.deg2rad(view.primary_deg), np.deg2rad(view.secondary_deg)
    found: Floats = np.array(
        [
            np.sin(primary) * np.cos(secondary),
            -np.cos(primary) * np.cos(secondary),
            np.sin(secondary),
        ]
    )
    return found


def same_view_in(view: WorkingView, position: PatientPosition) -> WorkingView:
    """A view for another posture: bull's-eyes keep their direction, AP and lateral their line."""
    direction = direction_of(view)
    if view.name in (TRUE_AP, LATERAL) and float(direction @ position.up_lps) < -0.5:
        direction = -direction
    return working_view(view.name, direction, position)


def working_views(
    vertebra: Vertebra, trajectories: Sequence[Trajectory], position: PatientPosition
) -> tuple[WorkingView, ...]:
    """True AP (along both endplates, detector above the patient), lateral, and down each needle.

    The bull's-eye of several needles of one side are numbered in their order.
    """
    left, anterior, _ = vertebra.axes_lps
    front = anterior if float(anterior @ position.up_lps) > 0.5 else -anterior
    lateral = left if float(left @ position.up_lps) > -0.5 else -left
    views = [working_view(TRUE_AP, front, position), working_view(LATERAL, lateral, position)]
    counts: dict[str, int] = {}
    for each in trajectories:
        counts[each.side] = counts.get(each.side, 0) + 1
        number = f"-{counts[each.side]}" if counts[each.side] > 1 else ""
        views.append(working_view(f"{BULLS_EYE}-{each.side}{number}", each.outward_lps, position))
    return tuple(views)


def view_words(view: WorkingView) -> str:
    """``RAO 12 CRA 5 on the machine, patient prone, head first (patient's own angles LAO 168 CRA 5)``."""
    position = PatientPosition(view.posture, view.head_first)
    machine = angle_words(view.machine_primary_deg, view.machine_secondary_deg)
    own = angle_words(view.primary_deg, view.secondary_deg)
    return f"{machine} on the machine, {position.words} (patient's own angles {own})"


@dataclass(frozen=True, eq=False)
class SimulatedProjection:
    """A simulated X-ray picture, never a real one.

    Attributes
    ----------
    picture
        (y, x) float32 line integrals of attenuation; bone is high.
    c_arm
        Maps LPS to its pixels.
    overlays_xy
        Name -> (n, 2) pixels: ``needle-left`` (hub end first), ``pedicle-left`` (closed outline), ``upper-endplate``.
    """

    view: WorkingView
    picture: NDArray[np.float32]
    c_arm: CArm
    overlays_xy: Mapping[str, Floats] = field(default_factory=dict)


def simulated_projection(
    volume: Volume,
    vertebra: Vertebra,
    view: WorkingView,
    *,
    pedicles: Mapping[str, Pedicle] | None = None,
    trajectories: Sequence[Trajectory] = (),
    size_yx: tuple[int, int] = (360, 360),
    field_mm: float = 140.0,
    context: Context | None = None,
) -> SimulatedProjection:
    """What a C-arm would show in a view, from the CT around the vertebra.

    Parameters
    ----------
    field_mm
        Width of the picture in the plane of the vertebra.

    Raises
    ------
    FrameMismatch
        When volume and vertebra lie in different frames of reference.
    """
    if volume.grid.frame_uid != vertebra.frame_uid:
        text = "The CT and the vertebra belong to different frames of reference; link the two first."
        raise FrameMismatch("mixed-frames", text)
    spacing = field_mm * _SOURCE_TO_DETECTOR_MM / _SOURCE_TO_ISOCENTRE_MM / size_yx[1]
    x, y, z = (float(value) for value in vertebra.centre_lps_mm)
    c_arm = CArm(
        primary_deg=view.primary_deg,
        secondary_deg=view.secondary_deg,
        source_to_detector_mm=_SOURCE_TO_DETECTOR_MM,
        source_to_isocentre_mm=_SOURCE_TO_ISOCENTRE_MM,
        spacing=DetectorSpacing(spacing, spacing),
        principal_xy=((size_yx[1] - 1) / 2.0, (size_yx[0] - 1) / 2.0),
        frame_uid=vertebra.frame_uid,
        isocentre_lps_mm=(x, y, z),
    )
    values, grid = _attenuation(volume, vertebra.centre_lps_mm)
    picture = line_integrals(values, grid, c_arm, size_yx, context)
    return SimulatedProjection(view, picture, c_arm, _overlays(c_arm, vertebra, pedicles or {}, trajectories))


def _attenuation(volume: Volume, centre_lps_mm: Floats) -> tuple[NDArray[np.float32], Grid]:
    """Attenuation per mm of the block around a point, and its grid."""
    grid = volume.grid
    middle = grid.kji_from_lps.points(centre_lps_mm)
    reach = _AROUND_MM / np.asarray(grid.spacing_kji_mm)
    low = np.clip(np.floor(middle - reach), 0, np.asarray(grid.size_kji) - 1).astype(int)
    high = np.clip(np.ceil(middle + reach) + 1, low + 1, grid.size_kji).astype(int)
    first = (int(low[0]), int(low[1]), int(low[2]))
    last = (int(high[0]), int(high[1]), int(high[2]))
    block = volume.voxels[first[0] : last[0], first[1] : last[1], first[2] : last[2]].astype(np.float32)
    hardened = block + _BONE_EXTRA * np.maximum(0.0, block - _BONE_ABOVE_HU)
    attenuation: NDArray[np.float32] = np.maximum(0.0, 1.0 + hardened / 1000.0).astype(np.float32) * _WATER_PER_MM
    return attenuation, grid.cropped(first, last)


def _overlays(
    c_arm: CArm, vertebra: Vertebra, pedicles: Mapping[str, Pedicle], trajectories: Sequence[Trajectory]
) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for side, pedicle in pedicles.items():
        outline = np.concatenate([pedicle.outline_lps_mm, pedicle.outline_lps_mm[:1]])
        found[f"pedicle-{side}"] = c_arm.project(outline)
    for each in trajectories:
        start = each.entry_lps_mm if each.skin_lps_mm is None else each.skin_lps_mm
        name = f"needle-{each.side}"
        number = sum(key == name or key.startswith(f"{name}-") for key in found)
        found[name if not number else f"{name}-{number + 1}"] = c_arm.project(np.stack([start, each.tip_lps_mm]))
    half = 0.4 * vertebra.depth_mm
    for name, plane in (("upper-endplate", vertebra.upper), ("lower-endplate", vertebra.lower)):
        u, v = np.array([-half, half, half, -half, -half]), np.array([-half, -half, half, half, -half])
        found[name] = c_arm.project(vertebra.lps(np.stack([u, v, plane.at(u, v)], axis=-1)))
    return found
