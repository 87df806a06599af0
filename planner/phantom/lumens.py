"""Generated lumens with known truth: a curved tube of changing elliptical section, narrowed over a known stretch.

Grey values are typical of each kind of lumen; nothing clinical is derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.errors import UsageError
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.cross_sections import frames

Floats = NDArray[np.float64]

STEP_MM = 0.25
NARROWED = 0.9
"""A stretch counts as narrowed where the diameter is below this share of what it would be without the narrowing."""
_RUN_ON_MM = 9.0
_FINE_MM = 0.65
_AROUND_MM = 12.0


@dataclass(frozen=True, slots=True)
class LumenTissue:
    """What a lumen is made of, HU.

    Attributes
    ----------
    beside
        Of the tissue on two opposite sides.
    wall_mm
        Thickness of the wall.
    half_mm
        Range of the mean half diameter.
    """

    lumen: float
    wall: float
    wall_mm: float
    beside: tuple[float, float]
    half_mm: tuple[float, float]
    noise: float


TISSUES = {
    "airway": LumenTissue(-995.0, 40.0, 2.0, (30.0, -100.0), (6.5, 8.5), 20.0),
    "oesophagus": LumenTissue(-980.0, 55.0, 4.0, (-100.0, 40.0), (5.0, 7.5), 14.0),
    "bowel": LumenTissue(-960.0, 70.0, 3.0, (-100.0, -60.0), (9.0, 12.0), 14.0),
    "bile": LumenTissue(8.0, 105.0, 1.0, (112.0, 95.0), (3.5, 5.5), 12.0),
    "vein": LumenTissue(165.0, 100.0, 0.3, (112.0, -95.0), (7.0, 10.0), 12.0),
    "artery": LumenTissue(320.0, 60.0, 0.6, (70.0, -95.0), (2.5, 4.0), 14.0),
}


@dataclass(frozen=True, eq=False)
class TrueLumen:
    """What is true of a lumen; distances run along `points_lps_mm` from its first point.

    Attributes
    ----------
    points_lps_mm
        (n, 3) centreline, every 0.25 mm.
    least_mm, greatest_mm
        (n,) axes of its elliptical section; 0 where it is closed.
    angle_deg
        (n,) of the greatest axis, from the first direction of `planner.imaging.cross_sections.frames`.
    unnarrowed_mm
        (n,) diameter of a circle of the area that the section would have without the narrowing.
    clicks_lps_mm
        Points of the centreline that a person would click.
    """

    kind: str
    points_lps_mm: Floats
    least_mm: Floats
    greatest_mm: Floats
    angle_deg: Floats
    unnarrowed_mm: Floats
    clicks_lps_mm: Floats

    @property
    def along_mm(self) -> Floats:
        steps = np.linalg.norm(np.diff(self.points_lps_mm, axis=0), axis=1)
        along: Floats = np.concatenate([[0.0], np.cumsum(steps)])
        return along

    @property
    def equivalent_mm(self) -> Floats:
        """(n,) diameter of a circle of the same area."""
        mean: Floats = np.sqrt(self.least_mm * self.greatest_mm)
        return mean

    @property
    def narrowed(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.equivalent_mm < NARROWED * self.unnarrowed_mm
        return found

    def stenosis(self) -> tuple[float, float, float, float] | None:
        """Start, end, minimum diameter and percent by diameter; None for a lumen that is not narrowed."""
        places = np.flatnonzero(self.narrowed)
        if not len(places):
            return None
        along, diameter = self.along_mm, self.equivalent_mm
        at = int(np.argmin(diameter / self.unnarrowed_mm))
        percent = 100.0 * (1.0 - float(diameter[at] / self.unnarrowed_mm[at]))
        return float(along[places[0]]), float(along[places[-1]]), float(diameter.min()), percent


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A stenosis to be made: its middle and length as shares of the lumen's length, and what it leaves of the width."""

    middle: float = 0.5
    length: float = 0.25
    left: float = 0.45


def made_lumen(
    kind: str,
    seed: int,
    *,
    length_mm: float = 60.0,
    spacing_kji_mm: tuple[float, float, float] = (1.0, 0.8, 0.8),
    narrowing: Narrowing | None = None,
    blur_mm: float = 0.6,
    along: tuple[float, float, float] = (0.15, 0.2, 1.0),
) -> tuple[Volume, TrueLumen]:
    """A volume with one lumen, and its truth.

    Parameters
    ----------
    narrowing
        None makes a healthy lumen that only tapers.
    blur_mm
        Standard deviation of the scanner's point spread, beside what the voxels average.
    along
        LPS direction of the lumen as a whole.

    Raises
    ------
    UsageError
        For an unknown kind.
    """
    if kind not in TISSUES:
        raise UsageError("unknown-lumen", f"There is no lumen called {kind}; choose one of {', '.join(TISSUES)}.")
    random = np.random.default_rng([seed, sorted(TISSUES).index(kind)])
    tissue = TISSUES[kind]
    points = _curve(random, length_mm + 2.0 * _RUN_ON_MM, np.asarray(along))
    share = np.asarray((np.arange(len(points)) * STEP_MM - _RUN_ON_MM) / length_mm, dtype=np.float64)
    half = random.uniform(*tissue.half_mm) * (1.0 + 0.12 * np.sin(3.1 * share + random.uniform(0, 6)) - 0.1 * share)
    flat = 1.0 + random.uniform(0.1, 0.4) * (0.5 + 0.5 * np.sin(2.4 * share + random.uniform(0, 6)))
    turn: Floats = random.uniform(0, 180) + 50.0 * share
    left = _left(share, narrowing)
    whole = TrueLumen(
        kind, points, 2.0 * half * left / np.sqrt(flat), 2.0 * half * left * np.sqrt(flat), turn, 2.0 * half,
        np.zeros((0, 3)),
    )  # fmt: skip
    volume = painted_lumen(whole, tissue, spacing_kji_mm, blur_mm, random, outer_half_mm=half + tissue.wall_mm)
    first, last = round(_RUN_ON_MM / STEP_MM), len(points) - round(_RUN_ON_MM / STEP_MM)
    inner = slice(first, last)
    clicks = points[inner][[0, (last - first) // 2, -1]]
    truth = TrueLumen(
        kind, points[inner], whole.least_mm[inner], whole.greatest_mm[inner], turn[inner], 2.0 * half[inner], clicks
    )
    return volume, truth


def _left(share: Floats, narrowing: Narrowing | None) -> Floats:
    """(n,): what is left of the width, with shoulders over a quarter of the narrowing's length on both sides."""
    if narrowing is None:
        return np.ones(len(share))
    away = np.abs(share - narrowing.middle) / narrowing.length
    depth = 0.5 * (1.0 + np.cos(np.pi * np.clip((away - 0.25) / 0.25, 0.0, 1.0)))
    left: Floats = 1.0 - (1.0 - narrowing.left) * depth
    return left


def _curve(random: np.random.Generator, length_mm: float, along: Floats) -> Floats:
    """(n, 3) points every 0.25 mm of a gently winding curve."""
    ahead = along / np.linalg.norm(along)
    first = np.cross(ahead, np.eye(3)[int(np.argmin(np.abs(ahead)))])
    first /= np.linalg.norm(first)
    second = np.cross(ahead, first)
    place = np.linspace(-0.5, 0.5, 4000) * length_mm
    wave = random.uniform(70.0, 110.0, 2)
    phase = random.uniform(0.0, 2.0 * np.pi, 2)
    sway = random.uniform(4.0, 7.0, 2)[:, None] * np.sin(2.0 * np.pi * place / wave[:, None] + phase[:, None])
    rough = place[:, None] * ahead + sway[0][:, None] * first + sway[1][:, None] * second
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(rough, axis=0), axis=1))])
    wanted = np.arange(0.0, length_mm, STEP_MM)
    points: Floats = np.stack([np.interp(wanted, lengths, rough[:, axis]) for axis in range(3)], axis=-1)
    return points


def painted_lumen(
    lumen: TrueLumen,
    tissue: LumenTissue,
    spacing_kji_mm: tuple[float, float, float],
    blur_mm: float,
    random: np.random.Generator,
    *,
    outer_half_mm: Floats | None = None,
) -> Volume:
    """An image of a lumen, its wall and two kinds of tissue around it, blurred, averaged over voxels, with noise."""
    from scipy import ndimage

    spacing = np.asarray(spacing_kji_mm, dtype=np.float64)
    finer = np.maximum(np.ceil(spacing / _FINE_MM).astype(int), 1)
    low, high = lumen.points_lps_mm.min(axis=0) - _AROUND_MM, lumen.points_lps_mm.max(axis=0) + _AROUND_MM
    low, high = low - 0.5 * lumen.greatest_mm.max(), high + 0.5 * lumen.greatest_mm.max()
    size = np.ceil((high - low)[::-1] / spacing).astype(int)
    fine = spacing / finer
    axes = [low[2 - axis] + (np.arange(size[axis] * finer[axis]) + 0.5) * fine[axis] for axis in range(3)]
    image = _fine_image(lumen, tissue, axes, float(fine.mean()), outer_half_mm)
    image = ndimage.gaussian_filter(image, blur_mm / fine, truncate=3.0)
    shape = tuple(int(each) for pair in zip(size, finer, strict=True) for each in pair)
    voxels = image.reshape(shape).mean(axis=(1, 3, 5))
    noisy = voxels + _noise(random, voxels.shape, tissue.noise)
    grid = Grid.of(
        voxels.shape, origin_lps_mm=low + 0.5 * spacing[::-1], spacing_kji_mm=spacing, frame_uid="1.2.826.0.1.3680043.9"
    )
    source = ImageSource("generated-lumen", modality="CT", unit="HU", provenance=("generated: a lumen",))
    return Volume(np.rint(noisy).astype(np.int16), grid, source)


def _noise(random: np.random.Generator, size: tuple[int, ...], deviation: float) -> Floats:
    """Slightly correlated, as a reconstruction's is."""
    from scipy import ndimage

    rough = ndimage.gaussian_filter(random.standard_normal(size), 0.5)
    noise: Floats = rough * (deviation / rough.std())
    return noise


def _fine_image(
    lumen: TrueLumen, tissue: LumenTissue, axes: list[Floats], width_mm: float, outer_half_mm: Floats | None
) -> Floats:
    """(k, j, i) grey values without blur and noise, with partial volumes."""
    from scipy.spatial import cKDTree

    points = lumen.points_lps_mm
    _, across, beside = frames(points)
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    toward = across[len(across) // 2]
    centre = points[len(points) // 2]
    side = (x - centre[0]) * toward[0] + (y - centre[1]) * toward[1] + (z - centre[2]) * toward[2]
    image = np.where(side > 0.0, *tissue.beside).astype(np.float64)
    farthest = 0.5 * float(lumen.greatest_mm.max()) + tissue.wall_mm + 3.0
    if outer_half_mm is not None:
        farthest = max(farthest, float(outer_half_mm.max()) * 1.4 + 3.0)
    near = np.flatnonzero(_near_line(points, axes, farthest).reshape(-1))
    k, j, i = np.unravel_index(near, image.shape)
    places = np.stack([axes[2][i], axes[1][j], axes[0][k]], axis=-1)
    _, at = cKDTree(points).query(places)
    offset = places - points[at]
    turn = np.radians(lumen.angle_deg[at])
    first = np.einsum("ij,ij->i", offset, across[at])
    second = np.einsum("ij,ij->i", offset, beside[at])
    great = first * np.cos(turn) + second * np.sin(turn)
    small = -first * np.sin(turn) + second * np.cos(turn)
    inner = _ellipse(great, small, 0.5 * lumen.greatest_mm[at], 0.5 * lumen.least_mm[at])
    outer = inner - tissue.wall_mm
    if outer_half_mm is not None:
        outer = np.hypot(great, small) - outer_half_mm[at]
        outer = np.minimum(outer, inner - tissue.wall_mm)
    flat = image.reshape(-1)
    for distance, level in ((outer, tissue.wall), (inner, tissue.lumen)):
        share = np.clip(0.5 - distance / width_mm, 0.0, 1.0)
        flat[near] += share * (level - flat[near])
    return image


def _near_line(points: Floats, axes: list[Floats], reach_mm: float) -> NDArray[np.bool_]:
    """(k, j, i): voxels nearer to a line than about `reach_mm`."""
    from scipy import ndimage

    steps = [float(axis[1] - axis[0]) for axis in axes]
    away = np.ones(tuple(len(axis) for axis in axes), dtype=np.bool_)
    index = [
        np.clip(np.rint((points[:, 2 - at] - axis[0]) / step), 0, len(axis) - 1).astype(int)
        for at, (axis, step) in enumerate(zip(axes, steps, strict=True))
    ]
    away[tuple(index)] = False
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(away, sampling=steps) <= reach_mm + max(steps)
    return near


def _ellipse(first: Floats, second: Floats, half_first: Floats, half_second: Floats) -> Floats:
    """Signed distance, to first order, to an ellipse; far outside where it has no width."""
    least = np.minimum(half_first, half_second)
    a, b = np.maximum(half_first, 1e-3), np.maximum(half_second, 1e-3)
    scaled = np.sqrt((first / a) ** 2 + (second / b) ** 2)
    slope = np.sqrt((first / a**2) ** 2 + (second / b**2) ** 2)
    distance = np.where(slope > 1e-9, scaled * (scaled - 1.0) / np.maximum(slope, 1e-9), -np.minimum(a, b))
    result: Floats = np.where(least < 1e-2, 9.0, distance)
    return result
