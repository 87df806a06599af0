"""Margins: exactness on analytic shapes, and speed while dragging.

``python benchmarks/margins.py exactness`` draws spheres, ellipsoids and capsules with a zone around each, shifted by
2 mm, as masks at random obliquity and offset, and compares the margin of every place of the target's surface with the
analytic one: ours with the zone planned (an exact surface) and achieved (a mask in another, oblique grid), and beside
it distances between voxel centres (Euclidean distance transform of the zone at the target's border voxels). Errors are
in voxels, the longest edge counting.

``python benchmarks/margins.py speed`` moves one of three applicators around a target of 5 cm at 1 mm and prints one
update of numbers, of every vertex and of the unrolled picture, beside SimpleITK's SignedMaurerDistanceMap of the zone
on the whole volume, in the same run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.imaging.surfaces import centre_distance_mm
from planner.planning.margin_map import MapSession
from planner.planning.margins import MarginSession
from planner.planning.target_surface import TargetSurface
from planner.planning.zones import Zone

Floats = NDArray[np.float64]
Distance = Callable[[Floats], Floats]

SHIFT_MM, BEYOND_MM = 2.0, 7.0
FRAME = "1.2.3"
SPACINGS = ((1.0, 1.0, 1.0), (1.5, 0.7, 0.7), (1.25, 0.8, 0.8), (0.7, 1.5, 1.0))
SHAPES = ("sphere", "ellipsoid", "capsule")


@dataclass(frozen=True)
class Body:
    """Signed distance (mm, negative inside), and the radius of a ball around it."""

    distance: Distance
    reach_mm: float


def body(shape: str, radius_mm: float, centre: Floats, axis: Floats, grown_mm: float) -> Body:
    """A shape whose least half axis is `radius_mm`, every half axis grown."""
    half = radius_mm + grown_mm
    if shape == "capsule":
        return Body(lambda points: to_segment(points, centre, axis, radius_mm) - half, half + radius_mm)
    long = (radius_mm if shape == "sphere" else 1.7 * radius_mm) + grown_mm
    return Body(Zone(tuple(centre), tuple(axis), long, half).distance_mm, long)


def to_segment(points: Floats, centre: Floats, axis: Floats, half_length_mm: float) -> Floats:
    along = np.clip((points - centre) @ axis, -half_length_mm, half_length_mm)
    distance: Floats = np.linalg.norm(points - centre - along[..., None] * axis, axis=-1)
    return distance


def rotation(random: np.random.Generator) -> Floats:
    """(3, 3), any turn with equal chance."""
    turned, upper = np.linalg.qr(random.normal(size=(3, 3)))
    matrix: Floats = turned * np.sign(np.diag(upper))
    return matrix


def turned(random: np.random.Generator, aligned: bool) -> Floats:
    return np.eye(3)[:, ::-1] if aligned else rotation(random)


def drawn(shape: Body, centre: Floats, spacing: tuple[float, float, float], axes: Floats, offset: Floats) -> Mask:
    """The voxel centres inside, in a grid of its own around the body."""
    steps = np.asarray(spacing)
    half = np.ceil(shape.reach_mm / steps).astype(int) + 2
    origin = centre + axes @ ((offset - half) * steps)
    k, j, i = (int(2 * each + 1) for each in half)
    grid = Grid.of((k, j, i), origin_lps_mm=origin, spacing_kji_mm=spacing, axes_lps=axes, frame_uid=FRAME)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size_kji), indexing="ij"), axis=-1)
    return Mask.of(grid, shape.distance(grid.lps_from_kji.points(kji)) < 0.0)


def true_margin(target: Body, zone: Body, points: Floats) -> Floats:
    """The analytic margin where the normals through the points meet the target's true surface."""
    step = 1e-4
    slope = np.stack(
        [(target.distance(points + step * unit) - target.distance(points - step * unit)) for unit in np.eye(3)], axis=1
    ) / (2.0 * step)
    slope /= np.linalg.norm(slope, axis=1, keepdims=True)
    return -zone.distance(points - target.distance(points)[:, None] * slope)


def voxel_margins(target: Mask, zone: Body) -> tuple[Floats, Floats]:
    """The usual way: border voxels of the target, and the distance transform of the zone's mask in the same grid."""
    grid = target.grid
    pad = np.ceil((BEYOND_MM + SHIFT_MM) * 1.5 / np.asarray(grid.spacing_kji_mm)).astype(int) + 2
    low = grid.lps_from_kji.points(-pad.astype(float))
    size = tuple(int(n + 2 * p) for n, p in zip(grid.size_kji, pad, strict=True))
    wide = Grid.of(
        (size[0], size[1], size[2]),
        origin_lps_mm=low,
        spacing_kji_mm=grid.spacing_kji_mm,
        axes_lps=grid.axes_lps,
        frame_uid=FRAME,
    )
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in wide.size_kji), indexing="ij"), axis=-1)
    inside = zone.distance(wide.lps_from_kji.points(kji)) < 0.0
    depth = centre_distance_mm(~inside, wide.spacing_kji_mm) - centre_distance_mm(inside, wide.spacing_kji_mm)
    own = np.zeros(wide.size_kji, dtype=np.bool_)
    own[tuple(slice(p + a, p + b) for p, a, b in zip(pad, *target.box, strict=True))] = target.voxels
    inner = own.copy()
    for axis in range(3):
        inner &= np.roll(own, 1, axis) & np.roll(own, -1, axis)
    border = np.argwhere(own & ~inner)
    return wide.lps_from_kji.points(border), depth[tuple(border.T)].astype(np.float64)


def one_case(
    shape: str, across: float, spacing: tuple[float, float, float], random: np.random.Generator, aligned: bool
) -> list[tuple[float, float, float]]:
    """(mean absolute, largest absolute, mean) error in voxels: planned, achieved, voxel centres."""
    edge = max(spacing)
    axis, shift = np.array([0.0, 0.0, 1.0]) if aligned else random.normal(size=3), random.normal(size=3)
    axis, shift = axis / np.linalg.norm(axis), SHIFT_MM * shift / np.linalg.norm(shift)
    centre = random.uniform(-20.0, 20.0, 3)
    target = body(shape, 0.5 * across * edge, centre, axis, 0.0)
    zone = body(shape, 0.5 * across * edge, centre + shift, axis, BEYOND_MM)
    mask = drawn(target, centre, spacing, turned(random, aligned), random.uniform(-0.5, 0.5, 3))
    zone_mask = drawn(zone, centre + shift, spacing, turned(random, aligned), random.uniform(-0.5, 0.5, 3))
    surface = TargetSurface.of(mask)
    share = surface.areas_mm2 / surface.area_mm2
    wanted = true_margin(target, zone, surface.vertices_lps_mm)
    planned = -zone.distance(surface.vertices_lps_mm)
    measured = MarginSession(surface).against(TargetSurface.of(zone_mask)).values_mm
    places, voxels = voxel_margins(mask, zone)
    rows = []
    for found, true, weight in (
        (planned, wanted, share),
        (measured, wanted, share),
        (voxels, true_margin(target, zone, places), np.full(len(places), 1.0 / len(places))),
    ):
        error = (found - true) / edge
        rows.append((float(np.abs(error) @ weight), float(np.abs(error).max()), float(error @ weight)))
    return rows


def exactness(cases: int, seed: int, sizes: list[float], aligned: bool) -> None:
    say("errors in voxels, mean, largest and signed: planned | achieved | between voxel centres\n")
    worst = np.zeros((3, 2))
    for shape in SHAPES:
        for across in sizes:
            for spacing in SPACINGS:
                random = np.random.default_rng((seed, SHAPES.index(shape), int(across), SPACINGS.index(spacing)))
                rows = np.array([one_case(shape, across, spacing, random, aligned) for _ in range(cases)])
                worst = np.maximum(worst, rows[:, :, :2].max(axis=0))
                cells = " | ".join(
                    f"{rows[:, way, 0].mean():.3f} {rows[:, way, 1].max():.3f} {rows[:, way, 2].mean():+.3f}"
                    for way in range(3)
                )
                say(f"{shape:10} {across:5.0f}  {spacing!s:18} {cells}\n")
    for way, name in enumerate(("planned", "achieved", "voxel EDT")):
        say(f"{name}: worst mean of a case {worst[way, 0]:.3f}, largest error {worst[way, 1]:.3f} voxels\n")


def speed(rounds: int) -> None:
    import SimpleITK

    centre = np.array([0.0, 0.0, 0.0])
    ball = body("sphere", 25.0, centre, np.array([0.0, 0.0, 1.0]), 0.0)
    mask = drawn(ball, centre, (1.0, 1.0, 1.0), np.eye(3)[:, ::-1], np.array([0.2, -0.3, 0.1]))
    started = time.perf_counter()
    session = MarginSession(TargetSurface.of(mask))
    maps = MapSession(session.target)

    def zones(step: int) -> list[Zone]:
        return [
            Zone((-12.0, -8.0, 0.0), (0.0, 0.0, 1.0), 32.0, 22.0),
            Zone((10.0 + 0.2 * step, -9.0, 2.0), (0.0, 0.6, 0.8), 32.0, 22.0),
            Zone((0.0, 13.0, -2.0), (0.6, 0.0, 0.8), 32.0, 22.0),
        ]

    maps.map(session.update(zones(0)))
    say(f"target of {len(session.target.vertices_lps_mm)} vertices prepared in {time.perf_counter() - started:.2f} s\n")
    walls, works = [], []
    for step in range(rounds):
        before, worked = time.perf_counter(), time.process_time()
        maps.map(session.update(zones(step)))
        walls.append(1e3 * (time.perf_counter() - before))
        works.append(1e3 * (time.process_time() - worked))
    plain = np.zeros((134, 512, 512), dtype=np.uint8)
    k, j, i = np.ogrid[-67:67, -256:256, -256:256]
    plain[(k * 2.5) ** 2 + (j * 0.8) ** 2 + (i * 0.8) ** 2 < 30.0**2] = 1
    image = SimpleITK.GetImageFromArray(plain)
    image.SetSpacing((0.8, 0.8, 2.5))
    peers = []
    for _ in range(3):
        before = time.perf_counter()
        SimpleITK.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)
        peers.append(1e3 * (time.perf_counter() - before))
    ours, peer = float(np.median(walls)), float(np.median(peers))
    say(
        f"update: median {ours:.1f} ms ({min(walls):.1f} to {max(walls):.1f}) = {1e3 / ours:.0f} Hz, processor "
        f"{np.median(works):.1f} ms; SignedMaurerDistanceMap 512 x 512 x 134: {peer:.0f} ms; ratio {peer / ours:.0f}\n"
    )


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("exactness", "speed"))
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--across", type=float, nargs="+", default=[10.0, 16.0, 30.0])
    parser.add_argument("--aligned", action="store_true", help="bodies and grids along the axes: terraces at worst")
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    if given.what == "exactness":
        exactness(given.cases, given.seed, given.across, given.aligned)
    else:
        speed(given.rounds)


if __name__ == "__main__":
    main()
