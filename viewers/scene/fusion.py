"""The pixels of two studies laid over each other. No Qt; all that moves by hand (swipe, blend …) needs no new slice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from planner.imaging import Volume
from planner.imaging.bands import in_bands
from planner.imaging.growing import PartialVolume
from planner.imaging.window import Window, apply_window
from viewers.scene.palette import rgb
from viewers.scene.slice_picture import SlicePicture, SliceRequest, render
from viewers.state.compare import FusionLook
from viewers.state.pane_state import Slab

MORE, LESS, EDGE = "#f0a030", "#4ba3e3", "#f0e442"
"""Colours of the difference (more than before, less than before) and of the earlier study's edges; safe for the
colour-blind, and told apart by their words in the legend."""
NEUTRAL = (34, 36, 40)
"""Grey of no difference."""
_EDGE_SHARE_PER_MM, _EDGE_SMOOTH_MM = 0.04, 1.5
"""Edges are drawn where the grey, smoothed over so much, climbs by this share of white per mm; for looking only."""

_LARGE_PX = 500
_BAND = 128
"""Rows that are worth a thread of their own."""


@dataclass(frozen=True, eq=False, slots=True)
class FusedRequest(SliceRequest):
    """A slice of the later study, with the same slice of the earlier one that was brought onto its grid.

    Attributes
    ----------
    other
        The earlier study in the later one's frame of reference.
    outside
        Its value where there is nothing; None: NaN.
    """

    other: Volume | None = None
    other_window: Window | None = None
    outside: float | None = None

    def same_values(self, other: SliceRequest) -> bool:
        """Whether both studies show the same numbers."""
        same: bool = SliceRequest.same_values(self, other)
        return same and isinstance(other, FusedRequest) and other.other is self.other

    def is_drawn_by(self, other: SliceRequest) -> bool:
        """Whether a picture of the other request is this one's too, so that nothing is to be drawn.

        Never while images still arrive, as these fill one and the same volume.
        """
        if isinstance(self.volume, PartialVolume) or not self.same_values(other):
            return False
        names = (name for name in FusedRequest.__dataclass_fields__ if name not in _COMPARED_AS_VALUES)
        return all(_is_same(getattr(self, name), getattr(other, name)) for name in names)

    def earlier(self) -> SliceRequest:
        """The slice of the earlier study, with the same overlays."""
        window = self.window if self.other_window is None else self.other_window
        volume = self.volume if self.other is None else self.other
        plain = {name: getattr(self, name) for name in SliceRequest.__dataclass_fields__}
        return SliceRequest(**{**plain, "volume": volume, "window": window})


_COMPARED_AS_VALUES = ("volume", "plane", "other")


def _is_same(one: object, other: object) -> bool:
    """Labels and regions by identity, at any depth of tuples; all else by value."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(_is_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, str | float | int | frozenset | Window | Slab):
        return one == other
    return one is other


@dataclass(frozen=True, eq=False, slots=True)
class FusedPicture(SlicePicture):
    """Both slices; the later study's are `values` and `pixels`."""

    earlier: SlicePicture | None = None


def render_fused(request: FusedRequest, previous: SlicePicture | None = None) -> FusedPicture:
    """Both slices; the numbers of a previous picture are used again when they are the same."""
    before = previous if isinstance(previous, FusedPicture) else None
    if before is not None and request.is_drawn_by(before.request):
        return before
    later = render(request, before)
    if request.other is None:
        return FusedPicture(request, later.values, later.pixels)
    earlier = render(request.earlier(), None if before is None else before.earlier)
    return FusedPicture(request, later.values, later.pixels, earlier)


def fused_pixels(picture: FusedPicture, look: FusionLook) -> NDArray[np.uint8]:
    """(height, width) grey or (height, width, 4) blue, green, red, 255 of both studies, as the look says."""
    earlier = picture.earlier
    if earlier is None:
        return picture.pixels
    if look.alone is not None:
        return earlier.pixels if look.alone == "earlier" else picture.pixels
    if look.mode == "difference":
        return difference_pixels(picture, look.limit)
    if look.mode == "edges":
        return _edges_over(picture.pixels, earlier)
    below, above = _alike(picture.pixels, earlier.pixels)
    if look.mode == "blend":
        share = round(256.0 * look.share)
        mixed = below.astype(np.uint16) * np.uint16(256 - share) + above.astype(np.uint16) * np.uint16(share)
        blended: NDArray[np.uint8] = (mixed >> 8).astype(np.uint8)
        return _opaque(blended)
    fused = below.copy()
    height, width = fused.shape[:2]
    if look.mode == "swipe":
        column = round(look.divider * width)
        fused[:, :column] = above[:, :column]
        return fused
    tile = _tile((height, width), look.tiles)
    for number, top in enumerate(range(0, height, tile)):
        for left in range(tile * (number % 2), width, 2 * tile):
            fused[top : top + tile, left : left + tile] = above[top : top + tile, left : left + tile]
    return fused


def _tile(size_px: tuple[int, int], tiles: int) -> int:
    return max(1, min(size_px) // max(1, tiles))


def difference_pixels(picture: FusedPicture, limit: float) -> NDArray[np.uint8]:
    """(height, width, 4): a map that is as far to either side; black where there is nothing to subtract."""
    from viewers.scene import fusion_kernels as kernels

    later, request = np.ascontiguousarray(picture.values), picture.request
    before = np.full_like(later, np.nan) if picture.earlier is None else np.ascontiguousarray(picture.earlier.values)
    outside = request.outside if isinstance(request, FusedRequest) else None
    nothing = float("nan") if outside is None else outside
    words = np.empty(later.shape, dtype=np.uint32)
    colours, scale = difference_table().view(np.uint32)[:, 0].copy(), 127.0 / limit
    given = (later, before, nothing, scale, colours, words)
    in_bands(len(words), lambda a, b: kernels.difference_words(*given, a, b), least_rows=_BAND)
    return words[..., None].view(np.uint8)


@cache
def difference_table() -> NDArray[np.uint8]:
    """(256, 4) blue, green, red, 255. 0: nothing to subtract, 1: the most below, 128: the same, 255: the most above."""
    along = (np.arange(256) - 128) / 127.0
    strength = np.clip(np.abs(along), 0.0, 1.0)[:, None]
    ends = np.where(along[:, None] >= 0.0, np.array(rgb(MORE)), np.array(rgb(LESS)))
    colour = np.array(NEUTRAL) * (1.0 - strength) + ends * strength
    table = np.full((256, 4), 255, dtype=np.uint8)
    table[:, :3] = np.rint(colour[:, ::-1]).astype(np.uint8)
    table[0, :3] = 0
    return table


def edges(grey: NDArray[np.uint8], mm_per_px: float) -> NDArray[np.bool_]:
    """(height, width) thin edges of a grey picture: where its climb is steep, and steepest along its way."""
    from viewers.scene import fusion_kernels as kernels

    plain = np.ascontiguousarray(grey)
    reach = max(3, round(_EDGE_SMOOTH_MM / mm_per_px) | 1) // 2
    sums, smooth = np.empty(grey.shape, dtype=np.float32), np.empty(grey.shape, dtype=np.float32)
    found = np.empty(grey.shape, dtype=np.bool_)
    # Differences over two pixels, and their squares: thresholds are squared instead of taking roots.
    least = (2.0 * 255.0 * _EDGE_SHARE_PER_MM * mm_per_px) ** 2
    rows = len(found)
    in_bands(rows, lambda a, b: kernels.box_along(plain, reach, sums, a, b), least_rows=_BAND)
    in_bands(rows, lambda a, b: kernels.box_across(sums, reach, smooth, a, b), least_rows=_BAND)
    in_bands(rows, lambda a, b: kernels.steepest(smooth, least, found, a, b), least_rows=_BAND)
    return found


def _edges_over(pixels: NDArray[np.uint8], earlier: SlicePicture) -> NDArray[np.uint8]:
    """In a large picture every other pixel is looked at, which is four times as quick, and lines are twice as wide."""
    from viewers.scene import fusion_kernels as kernels

    fused = _coloured(pixels).copy() if pixels.ndim == 3 else _coloured(pixels)
    request = earlier.request
    window, step = request.window, 2 if min(request.size_px) >= _LARGE_PX else 1
    values = np.ascontiguousarray(earlier.values[::step, ::step])
    grey = apply_window(values, centre=window.centre, width=window.width, function=window.function)
    found = edges(grey, request.mm_per_px * step)
    red, green, blue = rgb(EDGE)
    colour = int(np.array([blue, green, red, 255], dtype=np.uint8).view(np.uint32)[0])
    words = fused.view(np.uint32)[..., 0]
    in_bands(len(words), lambda a, b: kernels.paint_found(found, step, colour, words, a, b), least_rows=_BAND)
    return fused


def _alike(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both grey, or both in colours."""
    if first.ndim == second.ndim:
        return first, second
    return _coloured(first), _coloured(second)


def _coloured(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.ndim == 3:
        return pixels
    found: NDArray[np.uint8] = _greys()[pixels][..., None].view(np.uint8)
    return found


@cache
def _greys() -> NDArray[np.uint32]:
    """The word of blue, green, red, 255 of every grey."""
    table = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
    return _opaque(table[None])[0].copy().view(np.uint32)[:, 0]


def _opaque(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.ndim == 3:
        pixels[..., 3] = 255
    return pixels
