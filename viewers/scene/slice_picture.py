"""The pixels of an MPR pane: a windowed slice with label maps and regions painted on. No Qt; safe in any thread."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planner.geometry import SlicePlane
from planner.imaging import LabelMap, Volume
from planner.imaging.growing import PartialVolume
from planner.imaging.masks import Mask
from planner.imaging.slicing import Interpolation, pixel_lps_mm, slice_labels, slice_mask, slice_volume
from planner.imaging.window import Window, apply_window
from viewers.scene.palette import rgb
from viewers.state.mask_layer import RegionShape
from viewers.state.pane_state import Slab

_STRIPE_PX = 8
_STRIPE_BGR = np.array([[92, 60, 40], [64, 42, 28]], np.uint8)
FILL_OPACITY = 0.22
SELECTED_FILL_OPACITY = 0.34
_CORNERS = np.array([[k, j, i] for k in (0.0, 1.0) for j in (0.0, 1.0) for i in (0.0, 1.0)])


@dataclass(frozen=True, eq=False, slots=True)
class SliceRequest:
    """What to draw, all of it immutable.

    Attributes
    ----------
    size_px
        Height and width in device pixels.
    mm_per_px
        Of a device pixel.
    hidden_labels
        ``key/value`` of labels that are not drawn.
    outline_px
        Width of outlines in device pixels.
    """

    volume: Volume
    plane: SlicePlane
    size_px: tuple[int, int]
    mm_per_px: float
    window: Window
    slab: Slab = field(default_factory=Slab)
    interpolation: Interpolation = "linear"
    regions: tuple[RegionShape, ...] = ()
    label_maps: tuple[tuple[str, LabelMap], ...] = ()
    hidden_labels: frozenset[str] = frozenset()
    selected_id: str | None = None
    outline_px: int = 1

    def same_values(self, other: SliceRequest) -> bool:
        """Whether both show the same numbers, so that only window or overlays differ."""
        return (
            self.volume is other.volume
            and self.size_px == other.size_px
            and self.mm_per_px == other.mm_per_px
            and self.slab == other.slab
            and self.interpolation == other.interpolation
            and np.array_equal(self.plane.point_lps_mm, other.plane.point_lps_mm)
            and np.array_equal(self.plane.right_lps, other.plane.right_lps)
            and np.array_equal(self.plane.down_lps, other.plane.down_lps)
        )


@dataclass(frozen=True, eq=False, slots=True)
class SlicePicture:
    """The answer to a request.

    Attributes
    ----------
    values
        (height, width) float32 in the volume's unit, NaN outside.
    pixels
        (height, width) uint8 grey, or (height, width, 4) uint8 blue, green, red, 255 when something is painted on.
    """

    request: SliceRequest
    values: NDArray[np.float32]
    pixels: NDArray[np.uint8]


def render(request: SliceRequest, previous: SlicePicture | None = None) -> SlicePicture:
    """Draw a slice; the numbers of a previous picture are used again when they are the same."""
    if previous is not None and previous.request.same_values(request):
        values = previous.values
    else:
        values = slice_volume(
            request.volume,
            request.plane,
            request.size_px,
            request.mm_per_px,
            slab_mm=request.slab.thickness_mm,
            slab_mode=request.slab.mode,
            interpolation=request.interpolation,
        )
    unread = _unread(request)
    if unread is not None:
        values = np.where(unread, np.float32(np.nan), values)
    window = request.window
    grey = apply_window(values, centre=window.centre, width=window.width, function=window.function)
    if not request.regions and not request.label_maps and unread is None:
        return SlicePicture(request, values, grey)
    pixels = np.empty((*grey.shape, 4), dtype=np.uint8)
    pixels[..., :3] = grey[..., None]
    pixels[..., 3] = 255
    if unread is not None:
        _stripe(pixels, unread)
    for key, labels in request.label_maps:
        _paint_labels(pixels, key, labels, request)
    for region in request.regions:
        _paint_region(pixels, region, request)
    return SlicePicture(request, values, pixels)


def _unread(request: SliceRequest) -> NDArray[np.bool_] | None:
    """(height, width) where a pixel would stand on a slice that is not read yet; None when every slice is read."""
    volume = request.volume
    if not isinstance(volume, PartialVolume) or bool(volume.read.all()):
        return None
    pixels = np.stack(np.meshgrid(*(np.arange(n) for n in request.size_px), indexing="ij"), axis=-1)
    points_lps_mm = pixel_lps_mm(request.plane, request.size_px, request.mm_per_px, pixels)
    missing = np.zeros(request.size_px, np.bool_)
    half = request.slab.thickness_mm / 2.0
    step = min(volume.grid.spacing_kji_mm)
    for offset_mm in np.linspace(-half, half, 1 + 2 * int(np.ceil(half / step))):
        missing |= volume.unread_at(points_lps_mm + offset_mm * request.plane.normal_lps)
    return missing


def _stripe(pixels: NDArray[np.uint8], unread: NDArray[np.bool_]) -> None:
    """Diagonal stripes: neither black, which would be air, nor any other grey of the image."""
    rows, columns = np.nonzero(unread)
    light = (rows + columns) // _STRIPE_PX % 2 == 0
    pixels[rows, columns, :3] = np.where(light[:, None], _STRIPE_BGR[0], _STRIPE_BGR[1])


def outline(mask: NDArray[np.bool_], width: int = 1) -> NDArray[np.bool_]:
    """The pixels of a mask (height, width) within `width` pixels of its edge; the picture's border is no edge."""
    inner = mask.copy()
    for _ in range(width):
        shrunk = inner.copy()
        shrunk[1:] &= inner[:-1]
        shrunk[:-1] &= inner[1:]
        shrunk[:, 1:] &= inner[:, :-1]
        shrunk[:, :-1] &= inner[:, 1:]
        inner = shrunk
    edge: NDArray[np.bool_] = mask & ~inner
    return edge


def _may_cut(mask: Mask, request: SliceRequest) -> bool:
    """Whether the box of a mask reaches the plane inside the picture: of many structures most do not."""
    low, high = np.asarray(mask.box[0]) - 0.5, np.asarray(mask.box[1]) - 0.5
    corners = mask.grid.lps_from_kji.points(low + _CORNERS * (high - low))
    depth = request.plane.distance_mm(corners)
    if depth.min() > 0.0 or depth.max() < 0.0:
        return False
    flat = request.plane.in_plane_mm(corners)
    height, width = request.size_px
    half = np.array([width, height]) * request.mm_per_px / 2.0
    return bool(np.all(flat.min(axis=0) <= half) and np.all(flat.max(axis=0) >= -half))


def _paint_region(pixels: NDArray[np.uint8], region: RegionShape, request: SliceRequest) -> None:
    if region.mask.is_empty:
        return
    if not _may_cut(region.mask, request):
        return
    box_grid = region.mask.grid.cropped(*region.mask.box)
    cut = slice_mask(region.mask.voxels, box_grid, request.plane, request.size_px, request.mm_per_px)
    opacity = SELECTED_FILL_OPACITY if region.id == request.selected_id else FILL_OPACITY
    _blend(pixels, cut, region.colour, opacity, request.outline_px)


def _paint_labels(pixels: NDArray[np.uint8], key: str, labels: LabelMap, request: SliceRequest) -> None:
    if labels.grid.frame_uid != request.volume.grid.frame_uid:
        return
    cut = slice_labels(labels, request.plane, request.size_px, request.mm_per_px)
    for value in np.unique(cut):
        label = labels.labels.get(int(value))
        if value != 0 and label is not None and f"{key}/{int(value)}" not in request.hidden_labels:
            _blend(pixels, cut == value, label.colour, FILL_OPACITY, request.outline_px)


def _blend(pixels: NDArray[np.uint8], cut: NDArray[np.bool_], colour: str, opacity: float, outline_px: int) -> None:
    """Tint the inside and draw the outline, working only where the cut lies."""
    rows, columns = np.flatnonzero(cut.any(axis=1)), np.flatnonzero(cut.any(axis=0))
    if not rows.size:
        return
    # One pixel more on each side, where there is one: an edge at the box is an edge of the region.
    box = (
        slice(max(0, int(rows[0]) - 1), int(rows[-1]) + 2),
        slice(max(0, int(columns[0]) - 1), int(columns[-1]) + 2),
    )
    part, inside = pixels[box], cut[box]
    red, green, blue = rgb(colour)
    bgr = np.array([blue, green, red], dtype=np.float32)
    tinted = part[..., :3][inside] * np.float32(1.0 - opacity) + bgr * np.float32(opacity)
    part[..., :3][inside] = (tinted + 0.5).astype(np.uint8)
    part[..., :3][outline(inside, outline_px)] = bgr.astype(np.uint8)
