"""Vesselness beside SimpleITK, and the arterial lumen beside the truth: ``python benchmarks/vesselness.py [what ...]``.

``speed`` (512 x 512 x ``--slices``): seconds and processor time of our filter and of SimpleITK's
SmoothingRecursiveGaussian with ObjectnessMeasure at the same three scales, maximum over the scales, in turn.
``quality``: area under the ROC curve of both on the digital patient's arterial phase (``--preset``), truth its map of
arteries, over the soft tissue of the body (-150 to 600 HU: no gas, lung, or dense bone), both with values held between
soft tissue and the blood; all arteries, and those inside the liver against the liver alone.
``lumen``: recall of the arteries' voxels by true radius, false voxels (not in the map) and those more than a voxel away
from any artery, and seconds; presets and seeds by ``--preset`` and ``--seeds``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from planner.imaging import Volume
from planner.imaging.vessel_lumen import arterial_lumen, find_aorta_seed
from planner.imaging.vesselness import vesselness
from planner.phantom import DigitalPatient, generate

SCALES_MM = (0.8, 1.5, 3.0)
LIMITS_HU = (75.0, 320.0)
RADII_MM = (0.45, 0.6, 0.8, 1.0, 1.4, 2.0, 3.0, 6.0, 13.0)
Array = NDArray[np.float32]


def ours(values: Array, spacing: tuple[float, float, float]) -> Array:
    return vesselness(values, spacing, SCALES_MM)


def simple_itk(values: Array, spacing: tuple[float, float, float]) -> Array:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing[::-1])
    best = np.zeros(values.shape, dtype=np.float32)
    for scale in SCALES_MM:
        smooth = sitk.SmoothingRecursiveGaussian(image, scale)
        answer = sitk.ObjectnessMeasure(smooth, objectDimension=1, brightObject=True)
        # Scale-normalised: the filter itself does not multiply by the square of the scale.
        np.maximum(best, scale * scale * sitk.GetArrayViewFromImage(answer), out=best)
    return best


def timed(run: Callable[[], Array]) -> tuple[float, float]:
    started, used = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - started, time.process_time() - used


def speed(slices: int) -> None:
    values = np.random.default_rng(0).normal(60.0, 20.0, (slices, 512, 512)).astype(np.float32)
    spacing = (1.25, 0.75, 0.75)
    ours(values[:8], spacing)
    first, second = timed(lambda: ours(values, spacing)), timed(lambda: simple_itk(values, spacing))
    sys.stdout.write(
        f"512 x 512 x {slices}, {len(SCALES_MM)} scales: ours {first[0]:.1f} s ({first[1]:.1f} s of processor), "
        f"SimpleITK {second[0]:.1f} s ({second[1]:.1f} s); ratio {second[0] / first[0]:.1f} by the clock, "
        f"{second[1] / first[1]:.1f} in processor time\n"
    )


def area_under_curve(answer: Array, truth: NDArray[np.bool_]) -> float:
    """Probability that a voxel of a vessel answers more than another one; ties count half."""
    from scipy.stats import rankdata

    ranks = rankdata(answer)
    found = int(np.count_nonzero(truth))
    return float((ranks[truth].sum() - found * (found + 1) / 2.0) / (found * (len(truth) - found)))


def quality(preset: str, seeds: list[int]) -> None:
    for seed in seeds:
        patient = generate(preset, seed)
        volume = patient.arterial
        values = np.clip(np.asarray(volume.voxels, dtype=np.float32), *LIMITS_HU)
        spacing = volume.grid.spacing_kji_mm
        answers = ours(values, spacing), simple_itk(values, spacing)
        arteries = patient.truth.vessels.voxels == 1
        soft = (volume.voxels > -150) & (volume.voxels < 600)
        liver = patient.truth.structures.mask(_named(patient, "liver"))
        for what, where in (("all arteries", soft), ("inside the liver", liver)):
            areas = [area_under_curve(answer[where], arteries[where]) for answer in answers]
            sys.stdout.write(
                f"{preset}, seed {seed}, {what}: area under the curve {areas[0]:.4f}, SimpleITK {areas[1]:.4f}\n"
            )


def _named(patient: DigitalPatient, structure: str) -> int:
    return next(value for value, label in patient.truth.structures.labels.items() if label.structure == structure)


def _radii(patient: DigitalPatient, volume: Volume, places: NDArray[np.intp]) -> NDArray[np.float64]:
    """True radius (mm) of the artery nearest to each voxel."""
    from scipy.spatial import cKDTree

    points, radii = [], []
    for segment in patient.truth.trees["artery"].segments():
        for index in range(len(segment.points_lps_mm) - 1):
            share = np.linspace(0.0, 1.0, 12)[:, None]
            start, end = segment.points_lps_mm[index], segment.points_lps_mm[index + 1]
            points.append(start * (1.0 - share) + end * share)
            radii.append(np.interp(share[:, 0], (0.0, 1.0), segment.radii_mm[index : index + 2]))
    _, nearest = cKDTree(np.concatenate(points)).query(volume.grid.lps_from_kji.points(places))
    found: NDArray[np.float64] = np.concatenate(radii)[nearest]
    return found


def lumen(preset: str, seeds: list[int]) -> None:
    from scipy import ndimage

    for seed in seeds:
        patient = generate(preset, seed)
        volume = patient.arterial
        start = find_aorta_seed(volume)
        if start is None:
            sys.stdout.write(f"{preset}, seed {seed}: no aorta found\n")
            continue
        arterial_lumen(volume, start)
        began, used = time.perf_counter(), time.process_time()
        found = arterial_lumen(volume, start)
        taken, spent = time.perf_counter() - began, time.process_time() - used
        mask, arteries = found.mask.full(), patient.truth.vessels.voxels == 1
        places = np.argwhere(arteries)
        radii, hit = _radii(patient, volume, places), mask[tuple(places.T)]
        classes = zip(RADII_MM[:-1], RADII_MM[1:], strict=True)
        rows = [(low, (radii >= low) & (radii < high)) for low, high in classes]
        recall = ", ".join(f"{low:g}: {100.0 * hit[row].mean():.0f} %" for low, row in rows if row.any())
        near = ndimage.binary_dilation(arteries, np.ones((3, 3, 3)))
        sys.stdout.write(
            f"{preset}, seed {seed}: {taken:.1f} s ({spent:.1f} s of processor); recall by least radius (mm) {recall}; "
            f"false {100.0 * np.count_nonzero(mask & ~arteries) / mask.sum():.1f} % of the mask's voxels, "
            f"{100.0 * np.count_nonzero(mask & ~near) / mask.sum():.1f} % more than a voxel from an artery; "
            f"visible from {found.smallest_visible_mm:.1f} mm\n"
        )
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["speed", "quality", "lumen"])
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    given = parser.parse_args()
    if "speed" in given.what:
        speed(given.slices)
    if "quality" in given.what:
        quality(given.preset, given.seeds)
    if "lumen" in given.what:
        lumen(given.preset, given.seeds)


if __name__ == "__main__":
    main()
