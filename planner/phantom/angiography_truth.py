"""What is true of a simulated DSA run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from planner.geometry.c_arm import CArm
from planner.phantom.angiography_layers import CATHETER_FRENCH, Layers
from planner.phantom.flow import Narrowing
from planner.phantom.vessel_shadows import narrowed_segments

if TYPE_CHECKING:
    from planner.phantom.angiography import RunPlan


@dataclass(frozen=True, slots=True)
class TrueArrival:
    """When contrast medium reaches a place: half the plateau, seconds after the first frame."""

    name: str
    lps_mm: tuple[float, float, float]
    xy: tuple[float, float]
    arrival_s: float


@dataclass(frozen=True, slots=True)
class TrueDiameter:
    """A place on a vessel that lies nearly across the ray.

    Attributes
    ----------
    along_xy
        Unit direction of the vessel in the picture.
    diameter_px
        As the picture shows it: magnified to where the vessel lies.
    """

    name: str
    lps_mm: tuple[float, float, float]
    xy: tuple[float, float]
    along_xy: tuple[float, float]
    diameter_mm: float
    diameter_px: float


@dataclass(frozen=True, slots=True)
class TrueStenosis:
    """A narrowed place.

    Attributes
    ----------
    from_xy, xy, to_xy
        Where the vessel begins to narrow, its narrowest place, where it is wide again.
    percent
        Diameter stenosis.
    reference_px
        Diameter that the vessel would have at its narrowest place, as the picture shows it.
    """

    name: str
    from_xy: tuple[float, float]
    xy: tuple[float, float]
    to_xy: tuple[float, float]
    percent: float
    reference_px: float


@dataclass(frozen=True, eq=False)
class RunTruth:
    """The ground truth of one run.

    Attributes
    ----------
    c_arm
        With its isocentre where it lies in the CT.
    shift_px
        (frame, 2) displacement of everything.
    breathing_px
        (frame, 2) further displacement of the breathing layer where `weight` is 1.
    weight
        (rows,) share of it that a row follows.
    still_share
        (y, x) share of the picture's edges that belongs to the layer that lies still.
    contrast_from
        First frame, from 1, with contrast medium anywhere above 2 % of the plateau.
    blush
        Lesion or organ -> (frame,) concentration in it, 0 to 1; absent when nothing reaches it.
    """

    c_arm: CArm
    time_s: NDArray[np.float64]
    shift_px: NDArray[np.float64]
    breathing_px: NDArray[np.float64]
    weight: NDArray[np.float32]
    still_share: NDArray[np.float32]
    contrast_from: int
    arrivals: tuple[TrueArrival, ...]
    diameters: tuple[TrueDiameter, ...]
    blush: dict[str, NDArray[np.float64]]
    catheter_xy: NDArray[np.float64]
    catheter_lps_mm: NDArray[np.float64]
    catheter_french: float = CATHETER_FRENCH
    stenoses: tuple[TrueStenosis, ...] = ()

    def displacement(self, frame: int) -> NDArray[np.float32]:
        """(y, x, 2) true displacement, by the shares of the two layers' edges."""
        still = self.still_share[..., None]
        breath = self.breathing_px[frame].astype(np.float32) * self.weight[:, None, None]
        found: NDArray[np.float32] = self.shift_px[frame].astype(np.float32) + breath * (1.0 - still)
        return found

    def document(self) -> dict[str, Any]:
        """The JSON form; pictures are left out."""
        arm = self.c_arm
        return {
            "primary_deg": arm.primary_deg,
            "secondary_deg": arm.secondary_deg,
            "source_to_detector_mm": arm.source_to_detector_mm,
            "source_to_isocentre_mm": arm.source_to_isocentre_mm,
            "detector_spacing_mm": arm.spacing.right_mm,
            "isocentre_lps_mm": list(arm.isocentre_lps_mm),
            "ct_frame_uid": arm.frame_uid,
            "time_s": self.time_s.round(4).tolist(),
            "shift_px": self.shift_px.round(4).tolist(),
            "breathing_px": self.breathing_px.round(4).tolist(),
            "breathing_weight_of_rows": self.weight.round(4).tolist(),
            "contrast_from_frame": self.contrast_from,
            "arrivals": [
                {
                    "name": one.name,
                    "lps_mm": _short(one.lps_mm),
                    "xy": _short(one.xy),
                    "arrival_s": round(one.arrival_s, 4),
                }
                for one in self.arrivals
            ],
            "diameters": [
                {
                    "name": one.name,
                    "lps_mm": _short(one.lps_mm),
                    "xy": _short(one.xy),
                    "along_xy": _short(one.along_xy),
                    "diameter_mm": round(one.diameter_mm, 4),
                    "diameter_px": round(one.diameter_px, 4),
                }
                for one in self.diameters
            ],
            "stenoses": [
                {
                    "name": one.name,
                    "from_xy": _short(one.from_xy),
                    "xy": _short(one.xy),
                    "to_xy": _short(one.to_xy),
                    "percent": one.percent,
                    "reference_px": round(one.reference_px, 4),
                }
                for one in self.stenoses
            ],
            "blush": {name: curve.round(4).tolist() for name, curve in self.blush.items()},
            "catheter": {"french": self.catheter_french, "xy": self.catheter_xy.round(2).tolist()},
        }


def _short(values: tuple[float, ...]) -> list[float]:
    return [round(value, 3) for value in values]


def truth_of(
    layers: Layers,
    plan: RunPlan,
    c_arm: CArm,
    times: NDArray[np.float64],
    shifts: NDArray[np.float64],
    breaths: NDArray[np.float64],
) -> RunTruth:
    """Gather what is true of a run that was built from these layers."""
    stenoses = narrowed_segments(layers.flow.tree, plan.narrowed)
    arrivals, diameters = _places(layers, c_arm, plan.injection.start_s, frozenset(stenoses))
    front = plan.injection.start_s - 2.0 * 0.16
    return RunTruth(
        c_arm=c_arm,
        time_s=times,
        shift_px=shifts,
        breathing_px=breaths,
        weight=layers.weight[:, 0],
        still_share=_still_share(layers),
        contrast_from=int(np.searchsorted(times, front)) + 1,
        arrivals=arrivals,
        diameters=diameters,
        blush={name: layers.blush_curve(name) for name in layers.blushes},
        catheter_xy=c_arm.project(layers.catheter_lps_mm),
        catheter_lps_mm=layers.catheter_lps_mm,
        stenoses=_stenoses(layers, c_arm, stenoses),
    )


def _stenoses(layers: Layers, c_arm: CArm, narrowed: Mapping[int, Narrowing]) -> tuple[TrueStenosis, ...]:
    found = []
    for segment in layers.flow.tree.segments():
        if segment.identifier not in narrowed:
            continue
        made = narrowed[segment.identifier]
        points = segment.points_lps_mm
        way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        wanted = way[-1] / 2.0 + np.array([-0.5, 0.0, 0.5]) * made.length_mm
        places = np.stack([np.interp(wanted, way, points[:, axis]) for axis in range(3)], axis=1)
        start, middle, end = ((float(x), float(y)) for x, y in c_arm.project(places))
        per_mm = float(c_arm.magnification(places[1])) / c_arm.spacing.right_mm
        width = 2.0 * float(np.interp(wanted[1], way, segment.radii_mm)) * per_mm
        found.append(TrueStenosis(segment.name, start, middle, end, made.percent, width))
    return tuple(found)


def _still_share(layers: Layers) -> NDArray[np.float32]:
    """Whose edges a place shows: energy of gradients, smoothed over some pixels."""
    from scipy.ndimage import gaussian_filter

    def energy(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        down, right = np.gradient(picture)
        smooth: NDArray[np.float32] = gaussian_filter(down**2 + right**2, max(2.0, picture.shape[0] / 100.0))
        return smooth

    still, breathing = energy(layers.still), energy(layers.breathing)
    share: NDArray[np.float32] = still / np.maximum(still + breathing, 1e-12)
    return share


def _places(
    layers: Layers, c_arm: CArm, start_s: float, narrowed: frozenset[int]
) -> tuple[tuple[TrueArrival, ...], tuple[TrueDiameter, ...]]:
    """Middles of vessels: when contrast medium comes, and how wide they are, unless they are narrowed just there."""
    arrivals, diameters = [], []
    flow = layers.flow
    for segment in flow.tree.segments():
        delays = flow.delay_s[[segment.start_node, segment.end_node]]
        if np.any(np.isnan(delays)) or segment.radii_mm[-1] < 0.4 or segment.length_mm < 8.0:
            continue
        middle = len(segment.points_lps_mm) // 2
        before, point = segment.points_lps_mm[middle - 1], segment.points_lps_mm[middle]
        share = _length(segment.points_lps_mm[: middle + 1]) / segment.length_mm
        place = c_arm.project(point)
        at = (float(point[0]), float(point[1]), float(point[2]))
        xy = (float(place[0]), float(place[1]))
        # Along an unbranched vessel of slowly changing width the delay grows with the way.
        arrival = start_s + float(delays[0] + share * (delays[1] - delays[0]))
        arrivals.append(TrueArrival(segment.name, at, xy, arrival))
        axis = point - before
        ray = point - c_arm.source_lps_mm
        across = float(np.linalg.norm(np.cross(axis, ray)) / (np.linalg.norm(axis) * np.linalg.norm(ray)))
        if across > 0.85 and segment.identifier not in narrowed:
            drawn = place - c_arm.project(before)
            along = drawn / np.linalg.norm(drawn)
            width = 2.0 * float(segment.radii_mm[middle])
            per_mm = float(c_arm.magnification(point)) / c_arm.spacing.right_mm
            diameters.append(
                TrueDiameter(segment.name, at, xy, (float(along[0]), float(along[1])), width, width * per_mm)
            )
    return tuple(arrivals), tuple(diameters)


def _length(points: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
