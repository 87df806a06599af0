"""The earlier study brought onto the new one's grid: once for each pair and link, in the background, and kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from planner.geometry import Grid, SpaceMap
from planner.imaging import Volume
from planner.imaging.displacement import PointMap, warped
from planner.jobs import Context
from viewers.panes.desk import Desk
from viewers.state.compare import ComparedPair, Linked, SameFrame, WarpedStudy

KEPT = 2
"""Studies that are kept warped: the pair on show and the one before."""
_NOWHERE = float("nan")
"""Stands where the earlier study has nothing."""


class CompareWarping:
    """Fills `CompareDesk.warped` when a fused pane wants it."""

    def __init__(self, desk: Desk, changed: Callable[[], object]) -> None:
        self.desk, self.compare = desk, desk.state.compare
        self._changed = changed
        self._kept: OrderedDict[tuple[ComparedPair, str], WarpedStudy] = OrderedDict()
        self._wanted: tuple[ComparedPair, str] | None = None

    def forget(self) -> None:
        self._kept.clear()
        self._wanted = None

    def refresh(self) -> None:
        """Bring the earlier study over, when it is not there yet."""
        pair, linked = self.compare.pair.value, self.compare.linked.value
        images = self.desk.state.images
        fused = self.compare.fused
        if pair is None or linked is None or self.compare.refused.value or (fused is not None and not fused.rough):
            return
        later, earlier = images.volume(pair.later), images.volume(pair.earlier)
        if later is None or earlier is None:
            return
        key = pair, linked.link_id
        at_once = self._kept.get(key) or placed(pair, linked, later, earlier)
        if at_once is not None:
            self._take(key, at_once)
            return
        if key == self._wanted:
            return
        self._wanted = key

        def run(context: Context) -> WarpedStudy:
            link_map = linked.link_map
            first = warped(earlier, thinned(later.grid), link_map, _NOWHERE)
            rough = WarpedStudy(pair, linked.link_id, first, rough=True)
            self.desk.post(lambda: self._preview(key, rough))
            return WarpedStudy(pair, linked.link_id, warped(earlier, later.grid, link_map, _NOWHERE, context))

        job = self.desk.jobs.submit(
            "Bringing the earlier study over",
            run,
            lambda made: self._take(key, made),
            still_valid=lambda: self._wanted == key,
            group="compare-warp",
        )
        leave = self.desk.jobs.ended.connect(lambda ended: self._ended(key) or leave() if ended is job else None)

    def _preview(self, key: tuple[ComparedPair, str], rough: WarpedStudy) -> None:
        """A coarse one is shown until the whole one is there; it is not kept."""
        if self._wanted == key and key not in self._kept:
            self.compare.warped.set(rough)

    def _ended(self, key: tuple[ComparedPair, str]) -> None:
        """Cancelled or failed: asked for again, it is tried again."""
        if self._wanted == key:
            self._wanted = None

    def _take(self, key: tuple[ComparedPair, str], made: WarpedStudy) -> None:
        self._kept[key] = made
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self.compare.warped.set(made)
        self._changed()


def placed(pair: ComparedPair, linked: Linked, later: Volume, earlier: Volume) -> WarpedStudy | None:
    """Without a field nothing is resampled: the voxels as they are, on a turned grid; None where there is a field."""
    if isinstance(linked.link_map, SameFrame):
        return WarpedStudy(pair, linked.link_id, earlier)
    if not isinstance(linked.link_map, PointMap) or linked.link_map.field is not None:
        return None
    own = linked.link_map.moving_from_fixed.inverse().after(earlier.grid.lps_from_kji)
    grid = replace(earlier.grid, lps_from_kji=own, frame_uid=later.grid.frame_uid)
    return WarpedStudy(pair, linked.link_id, Volume(earlier.voxels, grid, earlier.source))


def thinned(grid: Grid) -> Grid:
    """Every other voxel along each axis, in its place: an eighth of the work, for a first look."""
    homogeneous = grid.lps_from_kji.homogeneous.copy()
    homogeneous[:3, :3] *= 2.0
    k, j, i = ((size + 1) // 2 for size in grid.size_kji)
    space = SpaceMap(grid.lps_from_kji.destination, grid.lps_from_kji.source, homogeneous)
    return Grid((k, j, i), space, grid.frame_uid)
