"""Multiplanar reformatting: slices and slabs of volumes and label maps on any plane.

The kernels live in `planner.imaging.slicing_kernels` and are compiled at their first use, once per voxel type,
and kept on disk. `warm_up` does that ahead of time, from a background thread at start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid, SlicePlane
from planner.imaging.bands import in_bands
from planner.imaging.volumes import LabelMap, Volume
from planner.jobs import Context

SlabMode = Literal["mean", "mip", "minip"]
Interpolation = Literal["linear", "nearest"]

SLAB_MODES: tuple[SlabMode, ...] = get_args(SlabMode)
_ALIGNED = 1e-6


def readable(voxels: NDArray[np.generic]) -> NDArray[np.generic]:
    """The same voxels as the kernels take them: C order, read-only (one compiled version per type), bool as uint8."""
    plain = np.ascontiguousarray(voxels)
    view: NDArray[np.generic] = plain.view(np.uint8) if plain.dtype == np.bool_ else plain.view()
    view.setflags(write=False)
    return view


def slice_volume(
    volume: Volume,
    plane: SlicePlane,
    size_px: tuple[int, int],
    mm_per_px: float,
    *,
    centre_mm: tuple[float, float] = (0.0, 0.0),
    slab_mm: float = 0.0,
    slab_mode: SlabMode = "mean",
    interpolation: Interpolation = "linear",
    outside: float | None = None,
) -> NDArray[np.float32]:
    """A picture of the volume on a plane.

    Parameters
    ----------
    volume
        In the same frame of reference as the plane.
    plane
        Its point lies at the centre of the picture, between pixels when a size is even.
    size_px
        Height and width of the picture.
    mm_per_px
        Edge of a square pixel in mm.
    centre_mm
        Moves the centre of the picture by mm to the (right, down) of the plane's point.
    slab_mm
        Thickness centred on the plane; 0 is a plain slice.
    slab_mode
        ``mean``, ``mip`` (brightest) or ``minip`` (darkest) along the plane's normal.
    interpolation
        ``linear`` or ``nearest``.
    outside
        Value beyond the outer faces of the volume; None is NaN.

    Returns
    -------
    (height, width) float32 in the volume's unit.

    Raises
    ------
    ValueError
        For an empty picture, a pixel without size, a negative slab or an unknown mode.
    """
    _check(size_px, mm_per_px, slab_mm, slab_mode)
    from planner.imaging import slicing_kernels as kernels

    start, row_step, column_step = _steps(volume.grid, plane, size_px, mm_per_px, centre_mm)
    voxels = readable(volume.voxels)
    image = np.empty(size_px, dtype=np.float32)
    fill = np.float32(np.nan if outside is None else outside)
    if slab_mm > 0.0:
        starts = start + _slab_steps(volume.grid, plane, slab_mm, slab_mode)
        mode, nearest = SLAB_MODES.index(slab_mode), interpolation == "nearest"
        in_bands(
            size_px[0],
            lambda a, b: kernels.slab(voxels, starts, row_step, column_step, mode, nearest, image, a, b),
            least_rows=4,
        )
        if outside is not None:
            image[np.isnan(image)] = fill
        return image
    along = _axes_of(voxels.shape, start, row_step, column_step, size_px) if interpolation == "linear" else None
    if along is not None:
        _slice_along(voxels, along, fill, image)
        return image
    kernel: Any = kernels.slice_linear if interpolation == "linear" else kernels.slice_nearest
    in_bands(size_px[0], lambda a, b: kernel(voxels, start, row_step, column_step, fill, image, a, b))
    return image


def slice_labels(
    labels: LabelMap,
    plane: SlicePlane,
    size_px: tuple[int, int],
    mm_per_px: float,
    *,
    centre_mm: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.generic]:
    """Label values on a plane, (height, width) of the label map's own type; 0 outside. See `slice_volume`."""
    return slice_nearest(labels.voxels, labels.grid, plane, size_px, mm_per_px, centre_mm=centre_mm)


def slice_mask(
    voxels: NDArray[np.bool_],
    grid: Grid,
    plane: SlicePlane,
    size_px: tuple[int, int],
    mm_per_px: float,
    *,
    centre_mm: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.bool_]:
    """A boolean mask (k, j, i) on a plane, (height, width); False outside. See `slice_volume`."""
    picture = slice_nearest(voxels, grid, plane, size_px, mm_per_px, centre_mm=centre_mm)
    return picture.view(np.bool_)


def slice_nearest(
    voxels: NDArray[np.generic],
    grid: Grid,
    plane: SlicePlane,
    size_px: tuple[int, int],
    mm_per_px: float,
    *,
    centre_mm: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.generic]:
    """The voxel that holds each pixel's centre, (height, width) of the voxels' type (uint8 for bool); 0 outside."""
    _check(size_px, mm_per_px, 0.0, "mean")
    from planner.imaging import slicing_kernels as kernels

    start, row_step, column_step = _steps(grid, plane, size_px, mm_per_px, centre_mm)
    plain = readable(voxels)
    image = np.empty(size_px, dtype=plain.dtype)
    zero = plain.dtype.type(0)
    in_bands(size_px[0], lambda a, b: kernels.slice_nearest(plain, start, row_step, column_step, zero, image, a, b))
    return image


def sample(volume: Volume, points_lps_mm: ArrayLike, *, outside: float | None = None) -> NDArray[np.float64]:
    """Trilinear values at LPS points (..., 3); NaN (or `outside`) beyond the volume's outer faces."""
    from planner.imaging import slicing_kernels as kernels

    kji = volume.grid.kji_from_lps.points(points_lps_mm)
    flat = np.ascontiguousarray(kji.reshape(-1, 3))
    values = np.empty(len(flat))
    voxels = readable(volume.voxels)
    fill = float("nan") if outside is None else float(outside)
    in_bands(len(flat), lambda a, b: kernels.sample_points(voxels, flat, fill, values, a, b), least_rows=4096)
    return values.reshape(kji.shape[:-1])


def pixel_lps_mm(
    plane: SlicePlane,
    size_px: tuple[int, int],
    mm_per_px: float,
    row_column: ArrayLike,
    *,
    centre_mm: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.float64]:
    """(..., 3) LPS of picture positions (..., 2) as (row, column), 0 at the centre of the first pixel."""
    given = np.asarray(row_column, dtype=np.float64)
    right = (given[..., 1] - (size_px[1] - 1) / 2.0) * mm_per_px + centre_mm[0]
    down = (given[..., 0] - (size_px[0] - 1) / 2.0) * mm_per_px + centre_mm[1]
    return plane.lps_of(np.stack([right, down], axis=-1))


def warm_up(context: Context | None = None) -> None:
    """Load or compile the kernels for CT (int16), float images and masks. Call from a background thread at start.

    The first time on a machine this takes ten to thirty seconds; from then on the kernels come from disk in one.
    Between two kernels the context may cancel.
    """
    told = context if context is not None else Context()
    from planner.imaging.paths import least_cost_path
    from planner.imaging.segmentation import grow_region
    from planner.imaging.surfaces import signed_distance_mm
    from planner.imaging.vesselness import vesselness
    from planner.imaging.volumes import ImageSource
    from planner.imaging.window import apply_window

    grid = Grid.of((2, 2, 2), frame_uid="warm-up")
    plane = SlicePlane.axial((0.0, 0.0, 0.0))
    source = ImageSource("warm-up")
    for voxel_type in (np.int16, np.float32):
        told.step(0.1, "compiling what draws slices")
        volume = Volume(np.zeros((2, 2, 2), dtype=voxel_type), grid, source)
        picture = slice_volume(volume, plane, (2, 2), 1.0)
        told.step(0.3)
        slice_volume(volume, plane.rotated((1.0, 0.0, 0.0), 20.0), (2, 2), 1.0)
        slice_volume(volume, plane, (2, 2), 1.0, slab_mm=1.0)
        slice_volume(volume, plane, (2, 2), 1.0, interpolation="nearest")
        sample(volume, plane.point_lps_mm)
    apply_window(picture, centre=0.0, width=2.0)
    told.step(0.6)
    slice_mask(np.zeros((2, 2, 2), dtype=np.bool_), grid, plane, (2, 2), 1.0)
    slice_nearest(np.zeros((2, 2, 2), dtype=np.uint16), grid, plane, (2, 2), 1.0)
    seed = Volume(np.zeros((2, 2, 2), dtype=np.int16), grid, source)
    told.step(0.8)
    half = grow_region(seed, (0.0, 0.0, 0.0), 0.0, 1.0, limit_mm=0.5)
    signed_distance_mm(half.full(), grid.spacing_kji_mm)
    least_cost_path(np.ones((2, 2, 2)), (0, 0, 0), (1, 1, 1), grid.spacing_kji_mm)
    told.step(0.9)
    vesselness(seed.voxels, grid.spacing_kji_mm, (1.0,))
    vesselness(np.zeros((3, 3, 3), dtype=np.float32), grid.spacing_kji_mm, (1.0,))


def _check(size_px: tuple[int, int], mm_per_px: float, slab_mm: float, slab_mode: str) -> None:
    if min(size_px) < 1 or not mm_per_px > 0.0 or not slab_mm >= 0.0:
        raise ValueError(f"no picture of {size_px} pixels of {mm_per_px} mm and {slab_mm} mm thickness")
    if slab_mode not in SLAB_MODES:
        raise ValueError(f"slab mode {slab_mode!r} is none of {SLAB_MODES}")


def _steps(
    grid: Grid, plane: SlicePlane, size_px: tuple[int, int], mm_per_px: float, centre_mm: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Voxel index of the first pixel, and the index steps per row and per column."""
    first_lps_mm = pixel_lps_mm(plane, size_px, mm_per_px, (0.0, 0.0), centre_mm=centre_mm)
    return (
        grid.kji_from_lps.points(first_lps_mm),
        grid.kji_from_lps.vectors(plane.down_lps * mm_per_px),
        grid.kji_from_lps.vectors(plane.right_lps * mm_per_px),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """How the pixels of a picture's side lie on one axis of the voxels.

    Attributes
    ----------
    low, share
        Per pixel the lower neighbour among the voxels `first` to `last`, counted from `first`, and the upper one's
        share.
    inside
        The half-open run of pixels between the outer faces.
    """

    axis: int
    first: int
    last: int
    low: NDArray[np.int64]
    share: NDArray[np.float32]
    inside: tuple[int, int]

    @staticmethod
    def of(axis: int, size: int, start: float, step: float, pixels: int) -> _Line | None:
        """None when no pixel lies inside."""
        at = start + step * np.arange(pixels)
        within = np.flatnonzero((at >= -0.5 - 1e-9) & (at <= size - 0.5 + 1e-9))
        if not within.size:
            return None
        held = np.clip(at, 0.0, size - 1.0)
        low = held.astype(np.int64)
        first, last = int(low[within].min()), min(int(low[within].max()) + 1, size - 1)
        share = (held - low).astype(np.float32)
        return _Line(axis, first, last, low - first, share, (int(within[0]), int(within[-1]) + 1))


@dataclass(frozen=True, slots=True)
class _Along:
    """A plane along the axes of the voxels; None for its rows or columns is a picture beside the volume."""

    rows: _Line | None
    columns: _Line | None
    axis: int
    position: float


def _axes_of(
    size_kji: tuple[int, ...],
    start: NDArray[np.float64],
    row_step: NDArray[np.float64],
    column_step: NDArray[np.float64],
    size_px: tuple[int, int],
) -> _Along | None:
    """The plane along the voxels' axes, or None when its rows or columns run askew or both along one axis."""
    down, right = int(np.argmax(np.abs(row_step))), int(np.argmax(np.abs(column_step)))
    askew_row = np.delete(np.abs(row_step), down).max() * size_px[0]
    askew_column = np.delete(np.abs(column_step), right).max() * size_px[1]
    if down == right or max(askew_row, askew_column) > _ALIGNED:
        return None
    across = 3 - down - right
    return _Along(
        rows=_Line.of(down, size_kji[down], float(start[down]), float(row_step[down]), size_px[0]),
        columns=_Line.of(right, size_kji[right], float(start[right]), float(column_step[right]), size_px[1]),
        axis=across,
        position=float(start[across]),
    )


def _slice_along(voxels: NDArray[np.generic], along: _Along, fill: np.float32, image: NDArray[np.float32]) -> None:
    """Fill a picture that runs along the voxels' axes: one layer is taken out, then drawn out to the pixels."""
    from planner.imaging import slicing_kernels as kernels

    rows, columns, size = along.rows, along.columns, voxels.shape[along.axis]
    inside = -0.5 - 1e-9 <= along.position <= size - 0.5 + 1e-9
    if rows is None or columns is None or not inside:
        image[:] = fill
        return
    held = min(max(along.position, 0.0), size - 1.0)
    near = int(held)
    strides = [stride // voxels.itemsize for stride in voxels.strides]
    corner = rows.first * strides[rows.axis] + columns.first * strides[columns.axis]
    offsets = [corner + index * strides[along.axis] for index in (near, min(near + 1, size - 1))]
    share = held - near if held - near > _ALIGNED else 0.0
    layer = np.empty((rows.last - rows.first + 1, columns.last - columns.first + 1), dtype=np.float32)
    flat, steps = voxels.reshape(-1), (strides[rows.axis], strides[columns.axis])
    in_bands(
        layer.shape[0], lambda a, b: kernels.layer_between(flat, offsets[0], offsets[1], share, steps, layer, a, b)
    )
    lower, right = (rows.low, rows.share), (columns.low, columns.share)
    reach = (*rows.inside, *columns.inside)
    beyond = float(fill)
    in_bands(image.shape[0], lambda a, b: kernels.bilinear(layer, lower, right, reach, beyond, image, a, b))


def _slab_steps(grid: Grid, plane: SlicePlane, slab_mm: float, slab_mode: SlabMode) -> NDArray[np.float64]:
    """(n, 3): from the plane to each of the slab's layers, in voxel indices."""
    offsets = _slab_offsets_mm(grid, plane, slab_mm, slab_mode)
    return grid.kji_from_lps.vectors(offsets[:, None] * plane.normal_lps)


def _slab_offsets_mm(grid: Grid, plane: SlicePlane, slab_mm: float, slab_mode: SlabMode) -> NDArray[np.float64]:
    """Where along the normal the slab is sampled.

    The mean takes the centres of equal parts no thicker than a voxel. An extreme takes both faces and, when the
    plane is parallel to the voxels, every layer of voxel centres between them (the interpolated extreme lies on
    one of these); on an oblique plane it takes steps of at most half a voxel.
    """
    normal_kji = grid.kji_from_lps.vectors(plane.normal_lps)
    axis = int(np.argmax(np.abs(normal_kji)))
    step_mm = 1.0 / abs(float(normal_kji[axis]))
    half = slab_mm / 2.0
    if slab_mode == "mean":
        count = max(1, int(np.ceil(slab_mm / step_mm - 1e-9)))
        margin = slab_mm / count / 2.0
        return np.linspace(margin - half, half - margin, count)
    across_kji = np.stack([grid.kji_from_lps.vectors(plane.right_lps), grid.kji_from_lps.vectors(plane.down_lps)])
    if float(np.abs(across_kji[:, axis]).max()) < _ALIGNED:
        position = float(grid.kji_from_lps.points(plane.point_lps_mm)[axis])
        reach = half / step_mm
        layers = np.arange(np.ceil(position - reach), np.floor(position + reach) + 1.0)
        centres = (layers - position) / float(normal_kji[axis])
        return np.unique(np.concatenate([[-half], centres, [half]]))
    count = 2 * int(np.ceil(slab_mm / step_mm)) + 1
    return np.linspace(-half, half, count)
