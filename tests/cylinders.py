"""Synthetic pictures of cylinders with known diameters: intensity behind them, blurred and noisy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from planner.geometry.c_arm import CArm, DetectorSpacing
from planner.imaging.angio import LINEAR, AngioRun, RunFacts
from planner.imaging.volumes import ImageSource

Floats = NDArray[np.float64]
OVER = 5
"""Sub-pixels per pixel and direction."""


def transmitted(size: int, path: Callable[[Floats, Floats], Floats], *, blur: float, noise: float, seed: int) -> Floats:
    """(y, x) intensity after `path(x, y)` (attenuation), blurred before it is sampled; 1 is unattenuated."""
    y, x = (np.mgrid[0 : size * OVER, 0 : size * OVER] + 0.5) / OVER - 0.5
    through = ndimage.gaussian_filter(np.exp(-path(x, y)), blur * OVER)
    pixels = through.reshape(size, OVER, size, OVER).mean(axis=(1, 3))
    return pixels * (1.0 + np.random.default_rng(seed).normal(0.0, noise, pixels.shape))


class Line:
    """A straight axis through a picture: distances along and across, and points on it."""

    def __init__(self, size: int, angle_deg: float) -> None:
        self.centre = np.array([(size - 1) / 2 + 0.3, (size - 1) / 2 - 0.2])
        angle = np.deg2rad(angle_deg)
        self.along = np.array([np.cos(angle), np.sin(angle)])
        self.across = np.array([-self.along[1], self.along[0]])

    def places(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        dx, dy = x - self.centre[0], y - self.centre[1]
        return dx * self.along[0] + dy * self.along[1], dx * self.across[0] + dy * self.across[1]

    def point(self, along: float, across: float = 0.0) -> tuple[float, float]:
        at = self.centre + along * self.along + across * self.across
        return float(at[0]), float(at[1])


def chord(offset: Floats, radius: Floats | float, *, lumen: float = 0.0) -> Floats:
    """Path length through a cylinder over its diameter; `lumen` is the radius of an empty core over the outer one."""
    whole = np.sqrt(np.clip(1.0 - (offset / radius) ** 2, 0.0, None))
    if lumen == 0.0:
        return whole
    return whole - lumen * np.sqrt(np.clip(1.0 - (offset / (lumen * radius)) ** 2, 0.0, None))


def run_of(
    intensity: Floats, *, top: float = 20000.0, arm: CArm | None = None, facts: RunFacts | None = None
) -> AngioRun:
    """A run of one frame, linear in intensity."""
    stored = np.clip(np.rint(intensity * top), 0, 65535).astype(np.uint16)
    return AngioRun(
        frames=stored[None],
        time_s=None,
        source=ImageSource("1.2.840.9", modality="XA"),
        relation=LINEAR,
        geometry=() if arm is None else (arm,),
        facts=facts or RunFacts(),
    )


def c_arm(primary_deg: float = 0.0, secondary_deg: float = 0.0, frame_uid: str = "run-frame") -> CArm:
    return CArm(primary_deg, secondary_deg, 1200.0, 750.0, DetectorSpacing(0.3, 0.3), (511.5, 511.5), frame_uid)
