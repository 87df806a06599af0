"""Subtraction with pixel shift beside a numpy loop with scipy.ndimage.shift: ``python benchmarks/angiography.py``.

Both subtract a run of 60 frames of 1024 x 1024 logarithmically, every frame moved by its own fraction of a pixel. The
peer is the loop a person would write; its order 1 is the faster and blurrier, order 3 the one of our sharpness.
Then what playback does for one frame (subtract, shift, window to grey), and the search for a shift. Times are one
machine's, the ratio travels. ``python benchmarks/angiography.py truth`` measures instead how near the found masks,
shifts, phases and arrivals are to what is true of the digital patient's runs (`angiography_motion.py`).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.imaging import ImageSource
from planner.imaging.angio import LINEAR, AngioRun
from planner.imaging.displacement import Displacement
from planner.imaging.motion import flexible_shift, mask_pyramid, rigid_shift
from planner.imaging.subtraction import grey_frame, mask_image, masks_for, subtract

SIZE_PX = 1024


def _run(frames: int) -> AngioRun:
    from scipy import ndimage

    rng = np.random.default_rng(0)
    scene = ndimage.gaussian_filter(rng.standard_normal((SIZE_PX, SIZE_PX)), 4.0)
    scene = 1500.0 + 400.0 * scene / scene.std()
    stored = np.empty((frames, SIZE_PX, SIZE_PX), dtype=np.uint16)
    for index in range(frames):
        stored[index] = np.clip(np.roll(scene, index % 5, axis=1) + rng.normal(0.0, 30.0, scene.shape), 1, 4095)
    return AngioRun(stored, np.arange(frames) / 4.0, ImageSource("benchmark"), relation=LINEAR, bits_stored=12)


def _breath(size_yx: tuple[int, int]) -> Displacement:
    """Six pixels down at the diaphragm, none at the bottom, one across."""
    spacing = max(size_yx) / 16
    flow = Displacement.constant((1.0, 0.0), size_yx, spacing)
    flow.controls_xy_px[..., 1] = (
        6.0 / (1.0 + np.exp((np.linspace(0.0, 1.0, flow.controls_xy_px.shape[0]) - 0.7) * 11))[:, None]
    )
    return flow


def _loop(run: AngioRun, mask: NDArray[np.float32], shifts: NDArray[np.float64], order: int) -> NDArray[np.float32]:
    from scipy import ndimage

    reference = np.log(np.maximum(mask, 1.0))
    found = np.empty(run.frames.shape, dtype=np.float32)
    for index, (dx, dy) in enumerate(shifts):
        density = np.log(np.maximum(run.frames[index].astype(np.float32), 1.0))
        found[index] = reference - ndimage.shift(density, (-dy, -dx), order=order, mode="nearest")
    return found


def _timed(work: Callable[[], object], rounds: int) -> list[float]:
    work()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000.0)
    return taken


def _line(name: str, taken: list[float], note: str = "") -> None:
    low, middle, high = min(taken), float(np.median(taken)), max(taken)
    sys.stdout.write(f"{name:44s} min {low:8.1f}  median {middle:8.1f}  max {high:8.1f} ms  {note}\n")


def main() -> None:
    """Time all and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("speed", "truth"), default="speed")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pixels", type=int, default=512, help="of the digital patient's runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 11])
    parser.add_argument("--kinds", nargs="+", default=["shift", "breathing"])
    parser.add_argument("--preset", default="demo")
    asked = parser.parse_args()
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    if asked.what == "truth":
        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
        from benchmarks.angiography_motion import report

        report(asked.pixels, asked.seeds, tuple(asked.kinds), asked.preset)
    else:
        _speed(asked)


def _speed(asked: argparse.Namespace) -> None:
    run = _run(asked.frames)
    mask = mask_image(run, (1,))
    shifts = np.random.default_rng(1).uniform(-3.0, 3.0, (run.count, 2))
    out = np.empty(run.frames.shape, dtype=np.float32)
    ours, linear, cubic = [], [], []
    for _ in range(asked.rounds):
        # In turns, so that other work on the machine meets all three.
        ours += _timed(lambda: subtract(run, mask, shifts_xy_px=shifts, out=out), 1)
        linear += _timed_once(lambda: _loop(run, mask, shifts, 1))
        cubic += _timed_once(lambda: _loop(run, mask, shifts, 3))
    _line(f"subtract and shift {run.count} frames", ours)
    _line("numpy loop with ndimage.shift, order 1", linear, f"ratio {np.median(linear) / np.median(ours):.1f}")
    _line("numpy loop with ndimage.shift, order 3", cubic, f"ratio {np.median(cubic) / np.median(ours):.1f}")
    masks, grey = masks_for(run, mask), np.empty(run.size_yx, dtype=np.uint8)
    window = (0.1, 0.6)
    play = _timed(lambda: grey_frame(run, masks, 3, window=window, shift_xy_px=(0.3, 0.7), out=grey), 60)
    _line("one frame for playback, shifted", play, f"{1000.0 / np.median(play):.0f} frames/s")
    pyramid = mask_pyramid(run, mask, np.ones(run.size_yx, dtype=np.bool_))
    flow = _breath(run.size_yx)
    play = _timed(lambda: grey_frame(run, masks, 3, window=window, field=flow, out=grey), 20)
    _line("one frame for playback, displaced locally", play, f"{1000.0 / np.median(play):.0f} frames/s")
    _line("rigid shift of one frame", _timed(lambda: rigid_shift(run.frames[3], pyramid), 10))
    _line("flexible shift of one frame", _timed(lambda: flexible_shift(run.frames[3], pyramid), 5))


def _timed_once(work: Callable[[], object]) -> list[float]:
    start = time.perf_counter()
    work()
    return [(time.perf_counter() - start) * 1000.0]


if __name__ == "__main__":
    main()
