"""One-click lesions on digital patients: ``python benchmarks/lesion.py --seeds 11 12``.

For either tumour and either phase, one click in the centre and six at random places at least 2 mm inside, each on its
own. Printed are Dice overlap and volume as a share of the truth of every click, then the median over all of them.
A refused click counts as Dice 0.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from numpy.typing import NDArray

from planner.errors import OperatorError
from planner.imaging import LabelMap, Volume
from planner.imaging.lesion import lesion_from_click
from planner.phantom import TrueLesion, generate

REACH_MM = 40.0
RANDOM_CLICKS = 6
DEPTH_MM = 2.0

Row = tuple[float, float, float]


def clicks(lesion: TrueLesion, truth: LabelMap, seed: int) -> list[NDArray[np.float64]]:
    """LPS points: the centre, then random ones, the same for a seed."""
    from scipy import ndimage

    inside = truth.mask(lesion.label)
    depth = ndimage.distance_transform_edt(inside, sampling=truth.grid.spacing_kji_mm)
    deep = np.argwhere(depth >= DEPTH_MM)
    chosen = np.random.default_rng(1000 + 10 * seed + lesion.label).choice(len(deep), RANDOM_CLICKS, replace=False)
    points = truth.grid.lps_from_kji.points(deep[chosen].astype(float))
    return [np.asarray(lesion.centre_lps_mm), *points]


def measured(volume: Volume, click: NDArray[np.float64], inside: NDArray[np.bool_]) -> Row:
    """Dice, volume as a share of the truth, seconds."""
    started = time.perf_counter()
    try:
        found = lesion_from_click(volume, click, limit_mm=REACH_MM).full()
    except OperatorError:
        found = np.zeros_like(inside)
    taken = time.perf_counter() - started
    true = float(inside.sum())
    return 2.0 * float((found & inside).sum()) / (float(found.sum()) + true), float(found.sum()) / true, taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13, 14, 15, 16])
    parser.add_argument("--preset", default="demo")
    given = parser.parse_args()
    table: dict[tuple[str, str], list[Row]] = {}
    for seed in given.seeds:
        patient = generate(given.preset, seed)
        for lesion in patient.truth.lesions:
            inside = patient.truth.lesion_map.mask(lesion.label)
            for phase, volume in (("arterial", patient.arterial), ("portal", patient.portal)):
                rows = [measured(volume, each, inside) for each in clicks(lesion, patient.truth.lesion_map, seed)]
                table.setdefault((lesion.identifier, phase), []).extend(rows)
                overlaps = " ".join(f"{row[0]:.2f}" for row in rows)
                volumes = " ".join(f"{row[1]:.2f}" for row in rows)
                sys.stdout.write(f"{seed:3} {lesion.identifier} {phase:8} Dice {overlaps}  volume {volumes}\n")
                sys.stdout.flush()
    for (name, phase), rows in table.items():
        overlap, volume, taken = np.array(rows).T
        sys.stdout.write(
            f"{name} {phase:8} Dice median {np.median(overlap):.2f} least {overlap.min():.2f}, below 0.6: "
            f"{np.count_nonzero(overlap < 0.6)} of {len(overlap)}; volume {np.median(volume):.2f}, "
            f"error {np.median(np.abs(volume - 1.0)):.0%}; {np.median(taken):.2f} s, at most {taken.max():.2f} s\n"
        )


if __name__ == "__main__":
    main()
