"""Displacements: of a frame against its mask (2D, cubic B-splines), and of one study against another (3D fields).

`Displacement` serves subtraction of runs. `DisplacementField` and `PointMap` say where points of one frame of reference
lie in another, as registration found it: a rigid or affine map with or without a field of vectors added to it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid, SpaceMap, lps
from planner.imaging.bands import in_bands
from planner.imaging.masks import Box, Mask, clipped_box, is_empty
from planner.imaging.volumes import Volume
from planner.jobs import Context

INVERSE_TOLERANCE_MM = 0.001
_PACKED_STEP_MM = 0.01
_MAGIC = b"SLDF1\n"
_SLAB = 16
"""Layers that are warped between two steps of progress."""
_STRAIGHT_VOXELS = 1e-3
"""Of the field: a row of the output that strays less from one of the field's rows runs along it."""
_LATTICE = 9
"""Points along each side of a structure that tell where it comes to lie."""


@dataclass(frozen=True, eq=False)
class Displacement:
    """Where the background of a frame lies against the mask's: ``frame(x + dx, y + dy) ~ mask(x, y)``.

    Parameters
    ----------
    controls_xy_px
        (rows, columns, 2) B-spline coefficients dx, dy in pixels. Control ``[r, c]`` stands at pixel
        ``((c - 1) * spacing_px, (r - 1) * spacing_px)``, so that one control lies beyond each side.
    spacing_px
        Distance of neighbouring controls.
    size_yx
        Of the frames it is for.
    supported
        (rows, columns) bool: the image has texture around this control, so that its displacement was measured;
        elsewhere it only continues what lies beside it. None when not known.
    """

    controls_xy_px: NDArray[np.float64]
    spacing_px: float
    size_yx: tuple[int, int]
    supported: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        rows, columns = control_counts(self.size_yx, self.spacing_px)
        if self.controls_xy_px.shape != (rows, columns, 2):
            raise ValueError(f"a displacement of {self.size_yx} px needs {rows} x {columns} controls")

    @classmethod
    def constant(cls, shift_xy_px: ArrayLike, size_yx: tuple[int, int], spacing_px: float) -> Displacement:
        """The same shift everywhere."""
        rows, columns = control_counts(size_yx, spacing_px)
        return cls(np.tile(np.asarray(shift_xy_px, dtype=np.float64), (rows, columns, 1)), spacing_px, size_yx)

    def at(self, points_xy: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) dx, dy at points (..., 2) x, y of the mask."""
        points = np.asarray(points_xy, dtype=np.float64)
        rows, columns = self.controls_xy_px.shape[:2]
        column, weight_x = spline_weights(points[..., 0], self.spacing_px, columns)
        row, weight_y = spline_weights(points[..., 1], self.spacing_px, rows)
        found = np.zeros(points.shape)
        for down in range(4):
            for right in range(4):
                weight = weight_y[..., down] * weight_x[..., right]
                found += weight[..., None] * self.controls_xy_px[row + down, column + right]
        return found

    def dense(self, step_px: int = 1) -> NDArray[np.float64]:
        """(rows, columns, 2) dx, dy at every `step_px`-th pixel."""
        height, width = self.size_yx
        return self.sampled(np.arange(0, height, step_px), np.arange(0, width, step_px))

    def sampled(self, rows_px: ArrayLike, columns_px: ArrayLike) -> NDArray[np.float64]:
        """(rows, columns, 2) dx, dy at the crossings of rows and columns, which may lie between pixels."""
        y = spline_matrix(np.asarray(rows_px, dtype=np.float64), self.spacing_px, self.controls_xy_px.shape[0])
        x = spline_matrix(np.asarray(columns_px, dtype=np.float64), self.spacing_px, self.controls_xy_px.shape[1])
        along = [y @ self.controls_xy_px[..., axis] @ x.T for axis in range(2)]
        return np.stack(along, axis=-1)

    def least_stretch(self) -> float:
        """Least determinant of the mapping's derivative: 1 is rigid, 0 or below would fold the image."""
        field = self.dense(max(1, int(self.spacing_px) // 8))
        step = float(max(1, int(self.spacing_px) // 8))
        down, right = (np.asarray(part) for part in np.gradient(field, step, axis=(0, 1)))
        determinant = (1.0 + right[..., 0]) * (1.0 + down[..., 1]) - right[..., 1] * down[..., 0]
        return float(np.min(determinant))


def control_counts(size_yx: tuple[int, int], spacing_px: float) -> tuple[int, int]:
    """Rows and columns of controls that cover an image."""
    height, width = size_yx
    return int(np.ceil((height - 1) / spacing_px)) + 3, int(np.ceil((width - 1) / spacing_px)) + 3


def spline_weights(
    positions_px: ArrayLike, spacing_px: float, count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """First control (...) and weights (..., 4) of the cubic B-spline at positions; held at the image's ends."""
    along: NDArray[np.float64] = np.asarray(positions_px, dtype=np.float64) / spacing_px
    along = np.maximum(np.minimum(along, count - 3.0), 0.0)
    cell = np.asarray(np.minimum(np.floor(along), count - 4.0), dtype=np.intp)
    t = along - cell
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3],
        axis=-1,
    )
    return cell, weights / 6.0


def spline_matrix(positions_px: NDArray[np.floating], spacing_px: float, count: int) -> NDArray[np.float64]:
    """(positions, count) weight of every control at positions along one side."""
    cell, weights = spline_weights(positions_px, spacing_px, count)
    whole = np.zeros((len(positions_px), count))
    for tap in range(4):
        whole[np.arange(len(positions_px)), cell + tap] = weights[:, tap]
    return whole


@dataclass(frozen=True, eq=False)
class DisplacementField:
    """What a deformable map adds to its affine part.

    Parameters
    ----------
    grid
        In the frame that the map comes from (the fixed image's).
    vectors
        (k, j, i, 3) float32: x, y, z displacement in LPS mm at the voxel centres; finite, made read-only. Between
        them it is trilinear, and beyond the outermost it is held.
    """

    grid: Grid
    vectors: NDArray[np.float32]

    def __post_init__(self) -> None:
        values = np.ascontiguousarray(self.vectors, dtype=np.float32)
        if values.shape != (*self.grid.size_kji, 3):
            raise ValueError(f"vectors {values.shape} do not fit the grid {self.grid.size_kji}")
        if not np.isfinite(values).all():
            raise ValueError("a displacement field needs finite vectors")
        view = values.view()
        view.setflags(write=False)
        object.__setattr__(self, "vectors", view)

    def at(self, lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Displacement (..., 3) in mm at points (..., 3) of the grid's frame."""
        from planner.imaging import registration_kernels as kernels

        points = np.asarray(lps_mm, dtype=np.float64)
        kji = np.ascontiguousarray(self.grid.kji_from_lps.points(points.reshape(-1, 3)))
        found = np.empty(kji.shape)
        vectors = self.vectors
        in_bands(len(kji), lambda a, b: kernels.fields_at(vectors, kji, found, a, b), least_rows=4096)
        return found.reshape(points.shape)


@dataclass(frozen=True, eq=False)
class PointMap:
    """Where points of one frame of reference (fixed) lie in another (moving): ``p -> affine p + u(p)``.

    Parameters
    ----------
    moving_from_fixed
        The rigid or affine part, LPS mm to LPS mm.
    field
        What is added, given at points of the fixed frame; None for a rigid or affine map.

    Raises
    ------
    FrameMismatch
        When the field lies in another frame than the map comes from.
    """

    moving_from_fixed: SpaceMap
    field: DisplacementField | None = None

    def __post_init__(self) -> None:
        if self.field is not None and lps(self.field.grid.frame_uid) != self.moving_from_fixed.source:
            raise FrameMismatch("mixed-frames", "The displacement field lies in another frame than its map comes from.")

    def points(self, fixed_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Where points (..., 3) of the fixed frame lie in the moving frame, mm."""
        given = np.asarray(fixed_lps_mm, dtype=np.float64)
        moved = self.moving_from_fixed.points(given)
        return moved if self.field is None else moved + self.field.at(given)

    def inverse_points(self, moving_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Where points (..., 3) of the moving frame lie in the fixed frame, mm.

        Right to `INVERSE_TOLERANCE_MM` where the map does not fold; where it does, the nearest answer found.
        """
        back = self.moving_from_fixed.inverse()
        if self.field is None:
            return back.points(moving_lps_mm)
        from planner.imaging import registration_kernels as kernels

        given = np.asarray(moving_lps_mm, dtype=np.float64)
        wanted = np.ascontiguousarray(given.reshape(-1, 3))
        grid, vectors = self.field.grid, self.field.vectors
        start = back.points(wanted)
        start = back.points(wanted - self.field.at(start))
        kji = np.ascontiguousarray(grid.kji_from_lps.points(start))
        forward = self.moving_from_fixed.after(grid.lps_from_kji).homogeneous.copy()
        in_bands(
            len(kji),
            lambda a, b: kernels.inverted(vectors, forward, wanted, kji, INVERSE_TOLERANCE_MM, a, b),
            least_rows=512,
        )
        return grid.lps_from_kji.points(kji).reshape(given.shape)

    def inverse(self, grid: Grid | None = None) -> PointMap:
        """The map from the moving frame back.

        Parameters
        ----------
        grid
            Of its field, in the moving frame. None: the spacing of this map's field, over what that field reaches.

        Raises
        ------
        FrameMismatch
            When the grid lies in another frame than this map leads to.
        """
        back = self.moving_from_fixed.inverse()
        if self.field is None:
            return PointMap(back)
        wanted = self._reached(self.field.grid) if grid is None else grid
        if lps(wanted.frame_uid) != back.source:
            raise FrameMismatch("mixed-frames", "The grid for an inverse field lies in another frame.")
        places = wanted.lps_from_kji.points(_indices(wanted.size_kji))
        vectors = self.inverse_points(places) - back.points(places)
        return PointMap(back, DisplacementField(wanted, vectors.reshape(*wanted.size_kji, 3).astype(np.float32)))

    def jacobians(self) -> NDArray[np.float32] | None:
        """(k, j, i) determinant of the whole map at the field's voxels: 1 keeps volume, 0 or below folds; None without
        a field, as it is the same everywhere then."""
        if self.field is None:
            return None
        from planner.imaging import registration_kernels as kernels

        vectors = self.field.vectors
        kji_from_lps = self.field.grid.kji_from_lps.homogeneous[:3, :3].copy()
        linear = self.moving_from_fixed.homogeneous[:3, :3].copy()
        result = np.empty(self.field.grid.size_kji, dtype=np.float32)
        in_bands(len(result), lambda a, b: kernels.jacobians(vectors, kji_from_lps, linear, result, a, b), least_rows=2)
        return result

    def _reached(self, own: Grid) -> Grid:
        """An axial grid of the moving frame around all places that the field's voxels map to."""
        places = self.points(own.lps_from_kji.points(_indices(own.size_kji)))
        low, high = places.min(axis=0), places.max(axis=0)
        step = min(own.spacing_kji_mm)
        k, j, i = (int(size) for size in np.ceil((high - low)[::-1] / step).astype(int) + 1)
        frame_uid = self.moving_from_fixed.destination.removeprefix(lps(""))
        return Grid.of((k, j, i), origin_lps_mm=low, spacing_kji_mm=(step,) * 3, frame_uid=frame_uid)


def packed_field(field: DisplacementField) -> bytes:
    """The vectors as a blob: magic, step (mm, float32), then deflated 16-bit differences along i.

    The step is 0.01 mm, or what the largest vector needs; the grid is kept beside it (`planner.model.links.FieldRef`).
    """
    largest = float(np.abs(field.vectors).max(initial=0.0))
    step = np.float32(max(_PACKED_STEP_MM, largest / 32000.0))
    whole = np.rint(np.asarray(field.vectors) / step).astype(np.int16)
    apart = whole.copy()
    # Differences of 16-bit numbers may overflow: they wrap round, and back again when they are added up.
    apart[:, :, 1:] = (whole[:, :, 1:].astype(np.int32) - whole[:, :, :-1]).astype(np.int16)
    planes = np.ascontiguousarray(np.moveaxis(apart, -1, 0)).astype("<i2")
    return _MAGIC + bytes(step.astype("<f4").tobytes()) + zlib.compress(planes.tobytes(), 6)


def field_of(packed: bytes, grid: Grid) -> DisplacementField:
    """The field that `packed_field` stored.

    Raises
    ------
    InputRefused
        ``broken-field`` when the bytes are no field of this grid.
    """
    broken = InputRefused(
        "broken-field", f"A stored displacement field of {len(packed)} bytes does not fit its grid; register again."
    )
    start = len(_MAGIC) + 4
    if len(packed) < start or not packed.startswith(_MAGIC):
        raise broken
    step = float(np.frombuffer(packed[len(_MAGIC) : start], dtype="<f4")[0])
    wanted = 6 * int(np.prod(grid.size_kji))
    opened = zlib.decompressobj()
    try:
        plain = opened.decompress(packed[start:], wanted + 1)
    except zlib.error as error:
        raise broken from error
    if len(plain) != wanted or not np.isfinite(step) or not 0.0 < step < 1.0:
        raise broken
    apart = np.frombuffer(plain, dtype="<i2").reshape(3, *grid.size_kji)
    whole = np.cumsum(apart, axis=-1, dtype=np.int64).astype(np.int16)
    return DisplacementField(grid, np.moveaxis(whole, 0, -1).astype(np.float32) * np.float32(step))


def warped(
    moving: Volume, grid: Grid, point_map: PointMap, outside: float = -1024.0, context: Context | None = None
) -> Volume:
    """The moving image on a grid of the fixed frame: its value at the place that each voxel centre maps to.

    Parameters
    ----------
    outside
        Value where the moving image has none.
    context
        Told how far it is, and asked whether to go on.

    Returns
    -------
    float32, in the fixed frame; the source is the moving image's, with a step of provenance.

    Raises
    ------
    FrameMismatch
        When grid or image do not lie in the frames that the map joins.
    Cancelled
        When the operator cancelled.
    """
    image = _warped(moving.voxels, moving.grid, grid, point_map, outside, context)
    step = "brought into another frame of reference by registration"
    return Volume(image, grid, replace(moving.source, provenance=(*moving.source.provenance, step)))


def warped_mask(mask: Mask, grid: Grid, point_map: PointMap) -> Mask:
    """A structure of the moving frame on a grid of the fixed frame: voxels whose place lies in it by half or more.

    Raises
    ------
    FrameMismatch
        When grid or mask do not lie in the frames that the map joins.
    """
    _joined(mask.grid, grid, point_map)
    if mask.is_empty:
        return Mask.empty(grid)
    # One unset voxel around it, so that it ends within the box.
    low = tuple(int(first) - 1 for first in mask.box[0])
    high = tuple(int(last) + 1 for last in mask.box[1])
    own = mask.grid.cropped((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    bits = np.pad(mask.voxels, 1).astype(np.uint8)
    box = _covered(own, grid, point_map)
    if is_empty(box):
        return Mask.empty(grid)
    share = _warped(bits, own, grid.cropped(*box), point_map, 0.0)
    return Mask.of(grid, share >= 0.5, box[0])


def _covered(own: Grid, grid: Grid, point_map: PointMap) -> Box:
    """The part of a fixed grid that a block of the moving frame comes to lie in, with a margin."""
    along = [np.linspace(-0.5, size - 0.5, _LATTICE) for size in own.size_kji]
    lattice = np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 3)
    kji = grid.kji_from_lps.points(point_map.inverse_points(own.lps_from_kji.points(lattice)))
    size_mm = np.asarray(own.size_kji) * np.asarray(own.spacing_kji_mm)
    margin = 5.0 + float(size_mm.max()) / _LATTICE
    rim = np.ceil(margin / np.asarray(grid.spacing_kji_mm))
    return clipped_box(np.floor(kji.min(axis=0) - rim), np.ceil(kji.max(axis=0) + rim) + 1, grid.size_kji)


def _joined(moving: Grid, fixed: Grid, point_map: PointMap) -> None:
    space = point_map.moving_from_fixed
    if lps(fixed.frame_uid) != space.source or lps(moving.frame_uid) != space.destination:
        raise FrameMismatch(
            "mixed-frames", "The two images do not lie in the frames that this registration joins; register them first."
        )


def _warped(
    voxels: NDArray[np.generic],
    moving: Grid,
    grid: Grid,
    point_map: PointMap,
    outside: float,
    context: Context | None = None,
) -> NDArray[np.float32]:
    """Layer after layer, a slab at a time."""
    _joined(moving, grid, point_map)
    image = np.empty(grid.size_kji, dtype=np.float32)
    moving_from_grid = moving.kji_from_lps.after(point_map.moving_from_fixed.after(grid.lps_from_kji))
    steps = moving_from_grid.homogeneous.copy()
    if point_map.field is None:
        fill = _straight(voxels, steps, outside, image)
    else:
        fill = _bent(voxels, steps, moving, grid, point_map.field, outside, image)
    for first in range(0, len(image), _SLAB):
        if context is not None:
            context.step(first / len(image), "Bringing one image onto the other")
        in_bands(min(_SLAB, len(image) - first), partial(_from, fill, first), least_rows=1)
    return image


def _from(fill: Callable[[int, int], None], begin: int, first: int, last: int) -> None:
    fill(begin + first, begin + last)


def _straight(
    voxels: NDArray[np.generic], steps: NDArray[np.float64], outside: float, image: NDArray[np.float32]
) -> Callable[[int, int], None]:
    """What fills layers of the image by a map without a field; `steps` leads from its index to the voxels'."""
    from planner.imaging import slicing_kernels as kernels
    from planner.imaging.slicing import readable

    plain = readable(voxels)
    column_step, row_step = np.ascontiguousarray(steps[:3, 2]), np.ascontiguousarray(steps[:3, 1])

    def fill(first: int, last: int) -> None:
        for layer in range(first, last):
            start = steps[:3, 3] + layer * steps[:3, 0]
            kernels.slice_linear(plain, start, row_step, column_step, outside, image[layer], 0, image.shape[1])

    return fill


def _bent(
    voxels: NDArray[np.generic],
    steps: NDArray[np.float64],
    moving: Grid,
    grid: Grid,
    field: DisplacementField,
    outside: float,
    image: NDArray[np.float32],
) -> Callable[[int, int], None]:
    """As `_straight` with a field, which is taken over into voxels of the moving image first."""
    from planner.imaging import registration_warp_kernels as kernels
    from planner.imaging.slicing import readable

    linear = moving.kji_from_lps.homogeneous[:3, :3].astype(np.float32)
    shifts = np.asarray(field.vectors @ linear.T, dtype=np.float32)
    # Two voxels or more along each axis, so that each has a neighbour.
    shifts = np.ascontiguousarray(np.pad(shifts, [(0, int(size < 2)) for size in shifts.shape[:3]] + [(0, 0)], "edge"))
    reach = np.stack([shifts.min(axis=(0, 1, 2)), shifts.max(axis=(0, 1, 2))], axis=-1).astype(np.float64)
    inside = field.grid.kji_from_lps.after(grid.lps_from_kji).homogeneous.copy()
    along = bool(np.abs(inside[:2, 2]).max() * image.shape[2] < _STRAIGHT_VOXELS)
    warp = kernels.warp_along if along else kernels.warp_across
    plain = readable(voxels)
    return lambda first, last: warp(plain, steps, inside, shifts, reach, outside, image, first, last)


def _indices(size_kji: tuple[int, int, int]) -> NDArray[np.float64]:
    """(n, 3) index of every voxel, in C order."""
    found: NDArray[np.float64] = np.indices(size_kji, dtype=np.float64).reshape(3, -1).T
    return found
