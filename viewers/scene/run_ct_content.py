"""What of the CT is drawn over one frame of a run, gathered from what the window shares. Outlines are kept."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from planner.geometry.c_arm import CArm
from planner.imaging.angio import AngioRun
from planner.imaging.masks import Mask
from planner.model.items import VesselPathBody
from planner.planning.frame_linking import NotLinked
from viewers.scene.palette import TEXT_QUIET
from viewers.scene.run_ct_painter import (
    DrawnClick,
    DrawnLandmark,
    DrawnOutline,
    DrawnPath,
    RunCtContent,
)
from viewers.scene.run_ct_projection import Projection, ray_in, silhouette, stretch
from viewers.state.marking import Marks
from viewers.state.run_ct_link import RunCtLink
from viewers.state.view_state import ViewState

_KEPT_OUTLINES = 48
_Key = tuple[int, CArm, tuple[float, ...]]


class RunCtContents:
    """Gathers the content for one pane."""

    def __init__(self, state: ViewState, marks: Marks) -> None:
        self._state, self._marks = state, marks
        self._outlines: OrderedDict[_Key, tuple[Mask, NDArray[np.float64]]] = OrderedDict()

    @property
    def _ct(self) -> RunCtLink:
        return self._state.run_ct

    def of(self, run: AngioRun | None, frame: int) -> RunCtContent:
        """What is drawn over a frame (index from 0)."""
        if run is None:
            return RunCtContent()
        words = self._ct.corner_words(run, frame)
        clicks = tuple(DrawnClick(each.xy, each.colour) for each in self._ct.rays.value if each.run == run.key)
        found, arm = self._ct.in_use(run, frame), run.c_arm(frame)
        if isinstance(found, NotLinked) or arm is None:
            return RunCtContent(words, clicks=clicks, landmarks=self._landmarks(run, None))
        projection = Projection(arm, found.link, run.size_yx, found.preview)
        shown = self._ct.projected.value or found.preview
        return RunCtContent(
            words=words,
            preview=found.preview,
            warns=found.preview,
            paths=self._paths(projection) if shown else (),
            outlines=self._lesions(projection) if shown else (),
            lines=() if found.preview else self._rays(run, projection),
            clicks=clicks,
            landmarks=self._landmarks(run, projection if found.preview else None),
            cursor_xy=None if found.preview else self._cursor(projection),
        )

    def _paths(self, projection: Projection) -> tuple[DrawnPath, ...]:
        hidden, frame_uid = self._state.hidden_ids.value, projection.link.to_frame_uid
        drawn = []
        for mark in self._marks.marks.value:
            body = mark.body
            fits = mark.item.frame_uid == frame_uid and mark.item.visible and mark.id not in hidden
            if isinstance(body, VesselPathBody) and fits and len(body.points_lps_mm) > 1:
                drawn.append(DrawnPath(mark.item.name, projection.xy(body.points_lps_mm)))
        return tuple(drawn)

    def _lesions(self, projection: Projection) -> tuple[DrawnOutline, ...]:
        hidden, frame_uid = self._state.hidden_ids.value, projection.link.to_frame_uid
        drawn = []
        for region in self._marks.layer.regions.values():
            if region.id in hidden or region.mask.grid.frame_uid != frame_uid or not self._marks.is_lesion(region.id):
                continue
            middle = region.mask.centroid_lps_mm()
            place = None if middle is None else _one(projection, middle)
            if place is not None:
                pieces = self._outline(region.mask, projection)
                drawn.append(DrawnOutline(region.label, region.colour, pieces, place))
        for lesion in self._ct.lesions.value:
            place = _one(projection, lesion.centre_lps_mm) if lesion.frame_uid == frame_uid else None
            if place is not None:
                drawn.append(DrawnOutline(lesion.name, TEXT_QUIET, np.empty((0, 2, 2)), place))
        return tuple(drawn)

    def _outline(self, mask: Mask, projection: Projection) -> NDArray[np.float64]:
        """Found once for a mask, a view and a link."""
        key = id(mask), projection.c_arm, projection.link.to_lps_from_lps
        kept = self._outlines.get(key)
        if kept is None or kept[0] is not mask:
            kept = mask, silhouette(mask, projection)
            self._outlines[key] = kept
            while len(self._outlines) > _KEPT_OUTLINES:
                self._outlines.popitem(last=False)
        return kept[1]

    def _rays(self, run: AngioRun, projection: Projection) -> tuple[tuple[str, NDArray[np.float64]], ...]:
        """Rays of clicks in other views: the same place lies on this line."""
        primary = self._state.images.primary
        lines = []
        for each in self._ct.rays_in(projection.link.to_frame_uid):
            ends = ray_in(each.ray, primary.grid) if primary is not None and each.run != run.key else None
            if ends is not None:
                lines.append((each.colour, projection.xy(stretch(ends))))
        return tuple(lines)

    def _landmarks(self, run: AngioRun, projection: Projection | None) -> tuple[DrawnLandmark, ...]:
        """While landmarks are being marked, and over the preview they lead to."""
        if self._ct.tool.value != "landmark" and projection is None:
            return ()
        drawn = []
        for number, each in enumerate(self._ct.landmarks.value, 1):
            shadow = each.shadow(run.key)
            place = None if projection is None else _one(projection, each.lps_mm)
            chosen = each.id == self._ct.chosen.value
            drawn.append(DrawnLandmark(number, None if shadow is None else shadow.xy, place, chosen))
        return tuple(drawn)

    def _cursor(self, projection: Projection) -> tuple[float, float] | None:
        xy = projection.xy(self._state.cursor_lps_mm(projection.link.to_frame_uid))
        return (float(xy[0, 0]), float(xy[0, 1])) if bool(projection.contains(xy)[0]) else None


def _one(projection: Projection, lps_mm: object) -> tuple[float, float] | None:
    x, y = projection.xy(np.asarray(lps_mm, dtype=np.float64))[0]
    return (float(x), float(y)) if np.isfinite(x) and np.isfinite(y) else None
