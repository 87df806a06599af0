"""A needle measured while it is dragged: every distance and limit, many times a second."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.app.marking import region_of
from planner.app.needle_paths import NeedleTask, digest_of, gantry_point, measures, organ_of
from planner.app.needle_structures import StructureStore, absent_structures, effective_rules
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.items import REGION
from planner.model.needle_items import NeedleMeasures
from planner.model.needle_rules import NeedleRules
from planner.model.session import Session
from planner.planning.needles import Needle, in_plane_deg, out_of_plane_deg
from planner.planning.obstacles import Bounds, Clearance, bounds_around
from planner.planning.path_limits import Setting, measured, organ_field
from planner.planning.path_scores import scores, usable_ranking
from planner.planning.path_search import length_limit, not_checked
from planner.planning.path_target import Target
from planner.workflow.template import Template

_REACH_MM = 250.0
"""How far around its tip a needle can be dragged without preparing again, where no length limits it."""
_BESIDE_MM = 30.0
"""Room outside the body, for an entry that is dragged through the air."""


@dataclass(slots=True)
class LiveNeedle:
    """Measures a needle while it is dragged: everything is prepared, an update takes a fraction of a frame.

    Make it with `live_needle`, in a job. It answers inside `bounds_lps_mm`; beyond, nothing counts as checked.
    """

    task: NeedleTask
    rules: NeedleRules
    setting: Setting
    absent: frozenset[str]
    digest: str
    bounds_lps_mm: Bounds

    def covers(self, entry_lps_mm: ArrayLike, tip_lps_mm: ArrayLike) -> bool:
        ends = np.array([entry_lps_mm, tip_lps_mm], dtype=np.float64)
        return bool(np.all(ends >= self.bounds_lps_mm[0]) and np.all(ends <= self.bounds_lps_mm[1]))

    def clearances(self, needle: Needle) -> dict[str, Clearance]:
        """Clearance to every structure; empty outside the prepared box."""
        if not self.covers(needle.entry_lps_mm, needle.tip_lps_mm):
            return {}
        return self.setting.obstacles.clearance(needle)

    def profile_mm(
        self, needle: Needle, step_mm: float = 1.0
    ) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
        """Depths below the skin, and for each structure the distance of the shaft's outer wall at them."""
        depths = np.arange(0.0, needle.length_mm + step_mm, step_mm).clip(max=needle.length_mm)
        points = needle.entry_lps_mm - depths[:, None] * needle.hub_lps
        obstacles = self.setting.obstacles
        if not self.covers(needle.entry_lps_mm, needle.tip_lps_mm):
            return depths, {}
        return depths, {
            key: field.at(points) - needle.diameter_mm / 2.0
            for key, field in zip(obstacles.keys, obstacles.fields, strict=True)
        }

    def measure(self, needle: Needle) -> NeedleMeasures:
        """Everything that is stored of a needle, judged by the rules."""
        if not self.covers(needle.entry_lps_mm, needle.tip_lps_mm):
            return self._unmeasured(needle)
        target = replace(self.setting.target, point_lps_mm=needle.tip_lps_mm)
        setting = replace(self.setting, target=target, diameter_mm=needle.diameter_mm)
        found = measured(setting, needle.entry_lps_mm[None, :])
        score = float(scores(setting, found, usable_ranking(self.rules.ranking, setting.organ is not None))[0])
        return measures(setting, self.rules, found, 0, score, self.absent, self.task.series, self.digest)

    def _unmeasured(self, needle: Needle) -> NeedleMeasures:
        keys = self.setting.obstacles.keys
        required = not_checked(self.rules, (), self.absent)
        return NeedleMeasures(
            needle.length_mm,
            float(in_plane_deg(needle.hub_lps, self.task.position)),
            float(out_of_plane_deg(needle.hub_lps)),
            clearances_mm=MappingProxyType(dict.fromkeys(keys)),
            not_checked=tuple(dict.fromkeys((*required, *keys))),
            absent=tuple(sorted(self.absent)),
            series=self.task.series,
            structures_digest=self.digest,
        )


def live_needle(
    store: StructureStore,
    session: Session,
    template: Template,
    task: NeedleTask,
    around_lps_mm: ArrayLike,
    context: Context | None = None,
) -> LiveNeedle:
    """Prepare the structures around a needle. A job; fields of before are used again where they reach.

    Parameters
    ----------
    around_lps_mm
        (n, 3) points that must be covered: entry and tip.
    """
    rules = effective_rules(session, template, task.organ)
    points = np.asarray(around_lps_mm, dtype=np.float64).reshape(-1, 3)
    item = None if task.region_id is None else session.item(task.region_id)
    mask = store.mask(region_of(item).blob) if item is not None and item.type == REGION else None
    target = Target(points[-1], mask)
    body, organ = store.skin(session, task.frame_uid), organ_of(store, session, task, target)
    reach = length_limit(rules, task.usable_length_mm)
    bounds = _room(points, body, _REACH_MM if reach is None else reach)
    obstacles = store.prepared(store.obstacles(session, rules, task.frame_uid), bounds, context)
    setting = Setting(
        target, obstacles, task.diameter_mm, task.position, rules.limits, reach, body, organ, gantry_point(task),
        None if organ is None else organ_field(organ, None, bounds),
        None if mask is None or mask.is_empty else organ_field(mask, None, bounds),
    )  # fmt: skip
    return LiveNeedle(task, rules, setting, absent_structures(session), digest_of(session, rules, task), bounds)


def _room(points_lps_mm: NDArray[np.float64], body: Mask | None, reach_mm: float) -> Bounds:
    """The box around the tip that a needle may be dragged in: as far as it reaches, and not far beyond the body."""
    tip = points_lps_mm[-1]
    low, high = tip - reach_mm, tip + reach_mm
    if body is not None and not body.is_empty:
        corners = body.grid.cropped(*body.box).bounds_lps_mm
        low, high = np.maximum(low, corners[0] - _BESIDE_MM), np.minimum(high, corners[1] + _BESIDE_MM)
    return bounds_around(points_lps_mm, _BESIDE_MM, np.stack([np.minimum(low, tip), np.maximum(high, tip)]))
