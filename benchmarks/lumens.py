"""Lumens followed between two clicks on generated lumens: errors per kind, seed and voxel size, and seconds.

    .venv/bin/python -m benchmarks.lumens [SEEDS] [KIND,KIND...]

Beside it, for arteries: the path of planner.planning.vessel_path, which measures round lumens only.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from lumen_shapes import LumenErrors, errors

from planner.phantom.lumens import TISSUES, Narrowing, made_lumen
from planner.planning.lumens import trace_lumen
from planner.planning.lumens_stenosis import find_stenosis
from planner.planning.vessel_path import trace_vessel

SPACINGS_KJI_MM = ((0.8, 0.7, 0.7), (1.25, 0.8, 0.8), (2.5, 0.8, 0.8), (5.0, 0.8, 0.8))


def main(seeds: int, kinds: list[str]) -> None:
    print(f"{'kind':11s}{'voxel mm':>16s}{'line':>7s}{'voxels':>8s}{'diameter':>10s}{'bias':>7s}{'within':>8s}"
          f"{'stenosis':>10s}{'minimum':>9s}{'percent':>9s}{'s':>7s}")  # fmt: skip
    for kind in kinds:
        for spacing in SPACINGS_KJI_MM:
            found = [_one(kind, seed, spacing) for seed in range(seeds)]
            voxel = float(np.cbrt(np.prod(spacing)))
            each = [errors_ for errors_, _, _ in found]
            line = float(np.mean([one.away.mean() for one in each]))
            size = float(np.mean([np.nanmean(np.abs(one.diameter)) for one in each]))
            bias = float(np.mean([np.nanmean(one.diameter) for one in each]))
            within = float(np.mean([one.within for one in each]))
            seen = [stenosis for _, stenosis, _ in found if stenosis is not None]
            minimum, percent = np.mean(seen, axis=0) if seen else (np.nan, np.nan)
            seconds = float(np.median([taken for _, _, taken in found]))
            print(f"{kind:11s}{'x'.join(f'{one:g}' for one in spacing):>16s}{line:7.2f}{line / voxel:8.2f}{size:10.2f}"
                  f"{bias:+7.2f}{within:8.0%}{len(seen):>6d}/{seeds:<3d}{minimum:9.2f}{percent:9.1f}"
                  f"{seconds:7.2f}")  # fmt: skip
    if "artery" in kinds:
        _beside()


def _one(
    kind: str, seed: int, spacing: tuple[float, float, float]
) -> tuple[LumenErrors, tuple[float, float] | None, float]:
    """Errors along the lumen; of minimum (mm) and percent of the narrowing, None when it was missed; seconds."""
    volume, true = made_lumen(kind, seed, spacing_kji_mm=spacing, narrowing=Narrowing())
    start = time.perf_counter()
    lumen = trace_lumen(volume, true.clicks_lps_mm[[0, -1]], kind)
    taken = time.perf_counter() - start
    found, expected = find_stenosis(lumen), true.stenosis()
    off = None
    if found is not None and expected is not None and found.percent is not None:
        off = abs(found.minimum_mm - expected[2]), abs(found.percent - expected[3])
    return errors(lumen, true), off, taken


def _beside() -> None:
    volume, true = made_lumen("artery", 0, narrowing=Narrowing())
    clicks = true.clicks_lps_mm[[0, -1]]
    start = time.perf_counter()
    path = trace_vessel(volume, clicks)
    middle = time.perf_counter()
    trace_lumen(volume, clicks, "artery")
    end = time.perf_counter()
    print(f"\nartery, {len(path.radius_mm)} mm: path with radii {middle - start:.2f} s, lumen with outlines "
          f"{end - middle:.2f} s (holds the path)")  # fmt: skip


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    main(count, sys.argv[2].split(",") if len(sys.argv) > 2 else list(TISSUES))
