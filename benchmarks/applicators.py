"""Coverage planner: ``python benchmarks/applicators.py``.

Balls of 2, 3 and 5 cm with 5 mm around them, on CT voxels (0.8 x 0.8 x 2 mm), with simulated charts and any of 18
directions. Printed are applicators found, the lower bound (any directions; one direction), seconds to plan, and
seconds to decide the cover again after one zone was moved. The cover of every plan is checked apart: 200,000 random
points of the analytic ball with its margin are looked up in the ellipsoids.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from numpy.typing import NDArray

from planner.app.zone_planning import from_front
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.planning.coverage import plan_cover
from planner.planning.coverage_decision import TargetField, decide
from planner.planning.devices import ablation_devices, zone_for
from planner.planning.zones import Zone, union_contains

SPACING_MM = (2.0, 0.8, 0.8)
MARGIN_MM = 5.0
POINTS = 200_000


def ball(radius_mm: float, chance: np.random.Generator) -> tuple[Mask, NDArray[np.float64]]:
    """A ball as a mask, its centre anywhere inside a voxel; and that centre."""
    reach = radius_mm + 20.0
    k, j, i = (int(np.ceil(2.0 * reach / spacing)) for spacing in SPACING_MM)
    grid = Grid.of((k, j, i), spacing_kji_mm=SPACING_MM, frame_uid="1.2.3")
    centre = grid.centre_lps_mm + chance.uniform(-0.5, 0.5, 3) * np.asarray(SPACING_MM)[::-1]
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size_kji), indexing="ij"), axis=-1)
    away = np.linalg.norm(grid.lps_from_kji.points(kji) - centre, axis=-1)
    return Mask.of(grid, away <= radius_mm), centre


def outside(zones: tuple[Zone, ...], centre: NDArray[np.float64], radius_mm: float, seed: int) -> float:
    """Share of random points of the true ball that no zone holds."""
    chance = np.random.default_rng(seed)
    points = chance.normal(size=(POINTS, 3))
    points *= radius_mm * chance.uniform(size=(POINTS, 1)) ** (1 / 3) / np.linalg.norm(points, axis=1, keepdims=True)
    return 1.0 - float(union_contains(zones, points + centre).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    device, chance = ablation_devices()["simulated-mwa"], np.random.default_rng(1)
    plan_cover(ball(5.0, chance)[0], zone_for(device, "40W-5min"), margin_mm=1.0)  # compiles
    for diameter in (20.0, 30.0, 50.0):
        for setting in ("60W-10min", "100W-5min", "100W-10min"):
            chart = zone_for(device, setting)
            for _ in range(given.repeats):
                mask, centre = ball(diameter / 2.0, chance)
                started = time.perf_counter()
                plan = plan_cover(mask, chart, margin_mm=MARGIN_MM, directions_lps=from_front(), maximum=12)
                planned = time.perf_counter() - started
                field = TargetField.of(mask, MARGIN_MM)
                started = time.perf_counter()
                decide(field, plan.zones)
                decided = time.perf_counter() - started
                missed = outside(plan.zones, centre, diameter / 2.0 + MARGIN_MM, 7)
                sys.stdout.write(
                    f"{diameter / 10:.0f} cm {setting:10} {chart.long_mm:.0f} x {chart.short_mm:.0f} mm: "
                    f"{len(plan.zones):2} applicators, covered {plan.cover.covered}, at least {plan.bound.count} "
                    f"({plan.bound.parallel_count} in one direction), {planned:5.2f} s, decided again in "
                    f"{1000.0 * decided:4.0f} ms, true points outside {100.0 * missed:.3f} %\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()
