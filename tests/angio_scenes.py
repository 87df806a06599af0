"""Runs with known truth for the tests of angiography: anatomy-like edges, motion, vessels that fill, noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import LINEAR, AngioRun
from planner.imaging.volumes import ImageSource

Flow = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
BRIGHTEST = 3600.0
SIZE = 256


def anatomy(size: int, seed: int = 0, margin: int = 40) -> NDArray[np.float64]:
    """(size + 2 margin) squared density: soft shading, a spine with vertebrae, ribs, fine texture."""
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    whole = size + 2 * margin
    y, x = np.mgrid[:whole, :whole] / whole
    density = 1.0 + 0.5 * np.exp(-(((x - 0.45) / 0.35) ** 2)) - 0.4 * y
    density += 0.35 / (1.0 + np.exp(-(0.09 - np.abs(x - 0.55)) * 200.0)) * (0.8 + 0.2 * (np.mod(y, 0.14) > 0.025))
    for rib in range(6):
        centre = 0.08 + 0.16 * rib + 0.5 * (x - 0.55) ** 2 + 0.05 * rng.standard_normal()
        density += 0.14 / (1.0 + np.exp((np.abs(y - centre) - 0.018) * 350.0))
    for width, height in ((2.5, 0.012), (6.0, 0.03), (20.0, 0.05)):
        texture = ndimage.gaussian_filter(rng.standard_normal((whole, whole)), width)
        density += height * texture / texture.std()
    return np.asarray(ndimage.gaussian_filter(density, 1.0))


def vessels(size: int, seed: int = 0, count: int = 9) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(size, size) density of filled vessels and the distance from their root in pixels."""
    from scipy import ndimage

    rng = np.random.default_rng(seed + 100)
    density, distance = np.zeros((size, size)), np.full((size, size), np.inf)
    y, x = np.mgrid[:size, :size]
    for _ in range(count):
        at, heading, run = np.array([0.95 * size, 0.5 * size]), -np.pi / 2 + 0.5 * rng.standard_normal(), 0.0
        radius = size / 1024 * rng.uniform(2.0, 7.0)
        line = np.zeros((size, size), dtype=np.float64)
        while run < 0.9 * size and 8 < at[0] < size - 8 and 8 < at[1] < size - 8:
            reach = int(radius) + 2
            box = (slice(int(at[0]) - reach, int(at[0]) + reach + 1), slice(int(at[1]) - reach, int(at[1]) + reach + 1))
            off = np.hypot(y[box] - at[0], x[box] - at[1])
            thick = np.sqrt(np.maximum(radius**2 - off**2, 0.0)) / radius
            line[box] = np.maximum(line[box], thick)
            distance[box] = np.where(thick > 0, np.minimum(distance[box], run), distance[box])
            heading += 0.06 * rng.standard_normal()
            at = at + 1.5 * np.array([np.sin(heading), np.cos(heading)])
            run += 1.5
        density = np.maximum(density, line * min(0.9, 0.12 * radius * 1024 / size))
    return np.asarray(ndimage.gaussian_filter(density, 0.8)), distance


def displaced(
    scene: NDArray[np.float64], size: int, flow: Flow | Sequence[float], margin: int = 40
) -> NDArray[np.float64]:
    """(size, size) picture with ``picture(x + dx, y + dy) = scene(x, y)``."""
    from scipy import ndimage

    y, x = np.mgrid[:size, :size].astype(np.float64)
    if callable(flow):
        back_x, back_y = x, y
        for _ in range(30):
            dx, dy = flow(back_x, back_y)
            back_x, back_y = x - dx, y - dy
    else:
        back_x, back_y = x - flow[0], y - flow[1]
    return np.asarray(ndimage.map_coordinates(scene, [back_y + margin, back_x + margin], order=3, mode="nearest"))


def exposed(density: NDArray[np.float64], rng: np.random.Generator, quanta: float = 1500.0) -> NDArray[np.uint16]:
    """Stored values linear in intensity, with the noise of ``quanta`` photons in the brightest pixel."""
    share = np.exp(-density)
    noisy = share + rng.standard_normal(density.shape) * np.sqrt(share / quanta)
    return np.clip(np.round(noisy * BRIGHTEST), 0, 4095).astype(np.uint16)


def run_of(
    frames: NDArray[np.generic],
    rate_hz: float = 3.0,
    *,
    relation: str | None = LINEAR,
    bits_stored: int = 12,
    bright_is_dense: bool = False,
) -> AngioRun:
    times = np.arange(len(frames)) / rate_hz
    return AngioRun(
        frames,
        times,
        ImageSource("1.2.3"),
        relation=relation,
        bits_stored=bits_stored,
        bright_is_dense=bright_is_dense,
    )


def scene_run(
    *, frames: int, arrives_in: int, seed: int, leaves_in: int | None = None, sway_px: float = 0.0, size: int = SIZE
) -> tuple[AngioRun, NDArray[np.float64]]:
    """A run whose vessels fill from frame `arrives_in` on (from 1), and the true shifts (n, 2)."""
    rng = np.random.default_rng(seed)
    scene = anatomy(size, seed)
    tree, distance = vessels(size, seed)
    reach = np.where(np.isfinite(distance), distance, np.inf)
    shifts = sway_px * np.stack([np.sin(np.arange(frames)), np.cos(1.3 * np.arange(frames)) - 1.0], axis=1)
    pictures = []
    for index in range(frames):
        front = (index + 2 - arrives_in) * size / 4.0
        filled = np.clip((front - reach) / (size / 10.0), 0.0, 1.0)
        if leaves_in is not None and index + 1 >= leaves_in:
            filled = np.zeros_like(filled)
        pictures.append(exposed(displaced(scene, size, shifts[index]) + tree * filled, rng, quanta=6000.0))
    return run_of(np.stack(pictures)), shifts


def breathing(size: int, depth_px: float) -> Flow:
    """Below a dome the picture moves down, above and along the spine it stays."""

    def flow(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        dome = 0.45 * size + 0.1 * size * ((x / size - 0.3) / 0.5) ** 2
        below = 1.0 / (1.0 + np.exp(-(y - dome) / (0.04 * size)))
        beside = 1.0 / (1.0 + np.exp(-(np.abs(x - 0.55 * size) - 0.17 * size) / (0.03 * size)))
        return 0.15 * depth_px * below * beside, depth_px * below * beside

    return flow
