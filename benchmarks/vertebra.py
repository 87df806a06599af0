"""Needles into labelled vertebrae beside what an independent count finds: ``python benchmarks/vertebra.py``.

For each vertebra that lies whole in its image (tptbox-ct, TotalSegmentator example, digital patient):

* the wall of our needle, measured again by scipy's distance transform on the mask's own voxels;
* whether a needle with 1 mm of wall exists at all: straight lines drawn through isthmus and front of the body on a
  lattice of their own, judged by that transform alone;
* on the digital patient, the pedicle's middle and course beside the rods it was built from.

No expert's plan lies in these data, so nothing here compares with the published numbers of rule notes N9 (head 3.9 mm,
tip 3.5 mm, 4.5 degrees; between raters 4.9 mm, 4.4 mm, 5.3 degrees). The usual convergence by level (R17) is the only
expert's number that the needles can be read against.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.app.image_masks import open_mask, sharing_frame
from planner.app.images import open_image
from planner.errors import InputRefused
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.imaging.volumes import Volume
from planner.phantom import generate
from planner.planning.pedicles import Pedicle
from planner.planning.vertebra_analysis import VertebraAnalysis, analyse_vertebra
from planner.planning.vertebra_trajectories import Trajectory

Floats = NDArray[np.float64]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TPTBOX = {"vertebrae_L2": 21, "vertebrae_L3": 22, "vertebrae_L4": 23}
WALL_MM = 1.0


@dataclass(frozen=True)
class Sample:
    """One labelled vertebra; `courses` side -> (point, direction) of an independent pedicle axis."""

    name: str
    level: str
    volume: Volume
    mask: Mask
    courses: dict[str, tuple[Floats, Floats]]


def _tptbox() -> Iterator[Sample]:
    folder = DATA / "tptbox-ct" / "sample_ct"
    volume = open_image(folder / "sub-ct_label-22_ct.nii.gz")
    for level, number in TPTBOX.items():
        labels = sharing_frame(open_mask(f"{folder}/sub-ct_seg-vert_label-22_msk.nii.gz#{number}"), volume)
        mask = Mask.of(labels.grid, labels.voxels != 0)
        yield Sample("tptbox", level, volume, mask, {})


def _totalseg() -> Iterator[Sample]:
    volume = open_image(DATA / "totalseg" / "example_ct.nii.gz")
    for path in sorted((DATA / "totalseg" / "example_seg").glob("vertebrae_*.nii.gz")):
        labels = sharing_frame(open_mask(str(path)), volume)
        mask = Mask.of(labels.grid, labels.voxels != 0)
        yield Sample("totalseg", path.name.partition(".")[0], volume, mask, {})


def _digital(preset: str) -> Iterator[Sample]:
    patient = generate(preset, 7, case="vertebra")
    grid: Grid = patient.portal.grid
    for label in patient.truth.structures.labels.values():
        if not (label.structure or "").startswith("vertebrae_"):
            continue
        level = str(label.structure)
        courses = {}
        for side, sign in (("left", 1.0), ("right", -1.0)):
            middle = np.array(patient.truth.landmark(f"pedicle {level.removeprefix('vertebrae_')} {side}"))
            # From (15.75, 70) behind to (15, 50) before, 1 mm higher: see planner.phantom.skeleton.
            course = np.array([-0.75 * sign, -20.0, 1.0])
            courses[side] = (middle, course / np.linalg.norm(course))
        mask = Mask.of(grid, patient.truth.structures.voxels == label.value)
        yield Sample(f"digital {preset}", level, patient.portal, mask, courses)


class Independent:
    """Depth inside a mask by scipy's distance transform, half a voxel taken off; nothing of ours but the mask."""

    def __init__(self, mask: Mask) -> None:
        from scipy import ndimage

        self.mask = mask
        padded = np.pad(mask.voxels, 2)
        spacing = np.asarray(mask.grid.spacing_kji_mm)
        self.half_mm = float(spacing.mean()) / 2.0
        inside = ndimage.distance_transform_edt(padded, sampling=spacing)
        outside = ndimage.distance_transform_edt(~padded, sampling=spacing)
        self.depth = np.where(padded, inside - self.half_mm, self.half_mm - outside)

    def at(self, points: Floats) -> Floats:
        from scipy import ndimage

        kji = self.mask.grid.kji_from_lps.points(points) - np.asarray(self.mask.box[0]) + 2.0
        found: Floats = ndimage.map_coordinates(self.depth, kji.reshape(-1, 3).T, order=1, mode="nearest")
        return found.reshape(points.shape[:-1])


def _rechecked(found: Trajectory, pedicle: Pedicle, truth: Independent) -> float:
    """The wall of our needle by the other count, from the back of the pedicle to the tip."""
    end = found.gate_lps_mm + found.outward_lps * (pedicle.back_mm if found.approach == "transpedicular" else 0.0)
    line = found.tip_lps_mm + np.linspace(0.0, 1.0, 160)[:, None] * (end - found.tip_lps_mm)
    return float(truth.at(line).min()) - found.diameter_mm / 2.0


def _possible(analysis: VertebraAnalysis, pedicle: Pedicle, truth: Independent, radius_mm: float) -> float:
    """The widest wall on a lattice of its own: 23 by 15 directions through every 0.8 mm of the isthmus."""
    vertebra = analysis.vertebra
    middle = vertebra.local(pedicle.centre_lps_mm)
    shifts = np.arange(-8.0, 8.01, 0.8)
    best = -np.inf
    for turn in np.arange(-10.0, 45.1, 2.5):
        for lift in np.arange(-28.0, 28.1, 4.0):
            a, b = np.deg2rad(turn), np.deg2rad(lift)
            inward = np.array([-np.sign(middle[0]) * np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), np.sin(b)])
            to_front = (0.25 * vertebra.depth_mm - middle[1]) / inward[1]
            along = np.linspace(-pedicle.back_mm, to_front, 40)
            u, w = np.meshgrid(shifts, shifts, indexing="ij")
            starts = np.stack([middle[0] + u, np.full_like(u, middle[1]), middle[2] + w], axis=-1).reshape(-1, 1, 3)
            lines = starts + along[None, :, None] * inward
            kept = lines[:, -1, 0] * np.sign(middle[0]) >= 0.0
            if kept.any():
                best = max(best, float(truth.at(vertebra.lps(lines[kept])).min(axis=1).max()))
    return best - radius_mm


def _course(found: Trajectory, pedicle: Pedicle, sample: Sample) -> str:
    given = sample.courses.get(found.side)
    if given is None:
        return "-"
    offset = given[0] - pedicle.centre_lps_mm
    away = float(np.linalg.norm(offset - pedicle.axis_lps * float(offset @ pedicle.axis_lps)))
    angle = float(np.rad2deg(np.arccos(np.clip(pedicle.axis_lps @ given[1], -1.0, 1.0))))
    return f"{away:.1f} mm, {angle:.0f} deg"


def _report(sample: Sample) -> tuple[int, int, int]:
    """Print one vertebra; sides, sides where 1 mm of wall is possible, sides where our needle has it."""
    label = f"{sample.name:13} {sample.level.removeprefix('vertebrae_'):4}"
    start = time.perf_counter()
    try:
        found = analyse_vertebra(sample.volume, sample.mask, level=sample.level)
    except InputRefused as refused:
        _line(f"{label} refused: {refused.message}")
        return 0, 0, 0
    seconds = time.perf_counter() - start
    truth = Independent(sample.mask)
    counts = [0, 0, 0]
    for side, pedicle in found.pedicles.items():
        chosen = next((each for each in found.trajectories if each.side == side), None)
        radius = found.limits.diameters_mm[13] / 2.0 if chosen is None else chosen.diameter_mm / 2.0
        possible = _possible(found, pedicle, truth, radius)
        counts[0] += 1
        counts[1] += possible >= WALL_MM
        if chosen is None:
            _line(f"{label} {side:5} no needle; independent lattice {possible:.1f} mm; {seconds:.1f} s")
            continue
        again = _rechecked(chosen, pedicle, truth)
        counts[2] += possible >= WALL_MM and chosen.wall_clearance_mm >= WALL_MM
        cut = f" (cut: {', '.join(found.vertebra.cut)})" if found.vertebra.cut else ""
        parts = (
            f"{label} {side:5} {chosen.gauge} wall {chosen.wall_clearance_mm:4.1f} mm, by scipy {again:4.1f}",
            f"independent lattice {possible:4.1f}",
            f"convergence {chosen.convergence_deg:4.1f} deg",
            f"pedicle {pedicle.width_mm:4.1f} mm wide, {pedicle.convergence_deg:3.0f} deg",
            f"course {_course(chosen, pedicle, sample)}",
            f"{seconds:.1f} s{cut}",
        )
        _line("; ".join(parts))
    return counts[0], counts[1], counts[2]


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="tiny", help="of the digital patient: tiny, demo or full")
    preset = parser.parse_args(words).preset
    sides = possible = reached = 0
    for samples in (_tptbox(), _totalseg(), _digital(preset)):
        for sample in samples:
            counts = _report(sample)
            sides, possible, reached = sides + counts[0], possible + counts[1], reached + counts[2]
    _line(
        f"{sides} sides; 1 mm of wall is possible in {possible} by an independent count; our needle has it in {reached}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
