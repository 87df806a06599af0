"""Every point of the skin is a candidate entry; each is measured in full, judged by the hard limits, and ranked.

Nothing is sampled, pruned or stopped early, so that no path on this grid of entries is missed and none is better than
the first: the independent brute force in the tests is the proof that is run each time.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.errors import InputRefused
from planner.findings import Finding, Severity
from planner.geometry.patient_positions import PatientPosition
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.needle_rules import NeedleRules
from planner.planning.needles import Needle
from planner.planning.obstacles import Clearance, DistanceField, Obstacle, bounds_around, prepared, same_frame
from planner.planning.path_limits import (
    FIRST_STRUCTURE,
    GENERAL,
    LENGTH,
    MOST_STRUCTURES,
    Floats,
    Measured,
    Setting,
    measured,
    sentences,
)
from planner.planning.path_scores import scores, usable_ranking
from planner.planning.path_surface import SkinPoints, filled_body, skin_points
from planner.planning.path_target import Target
from planner.units import shown

KEPT = 0
"""Codes of a skin map: 0 keeps every limit, else one more than the bit of the limit that is named first."""
ALIKE_DEG = 5.0
"""Two paths to one target that enclose a smaller angle are shown as one in the short list."""
LONGER_MM = 60.0
"""Where no entry keeps the limits, entries this much beyond the usable length are looked at as well, to say whether a
longer device would help."""
_MARGIN_MM = 8.0


@dataclass(frozen=True, eq=False, slots=True)
class Aim:
    """What is to be reached, with what, and how the patient lies.

    Attributes
    ----------
    rules
        Limits and the order of preference; distances are those of the obstacles.
    usable_length_mm
        Of the device; the shorter of it and the rules' ``maximum_length_mm`` limits.
    absent
        Structures that a person confirmed absent.
    """

    target: Target
    body: Mask
    rules: NeedleRules
    diameter_mm: float = 0.0
    usable_length_mm: float | None = None
    position: PatientPosition = PatientPosition()
    organ: Mask | None = None
    gantry_centre_lps_mm: Floats | None = None
    absent: frozenset[str] = frozenset()

    @property
    def length_limit_mm(self) -> float | None:
        return length_limit(self.rules, self.usable_length_mm)

    @property
    def ranking(self) -> tuple[str, ...]:
        """The order of preference; what cannot be measured without the organ is left out of it."""
        return usable_ranking(self.rules.ranking, self.organ is not None)


@dataclass(frozen=True, eq=False, slots=True)
class SkinMap:
    """One row per skin point that was looked at.

    Attributes
    ----------
    lps_mm, kji
        Where it lies, and its voxel of the body mask.
    score
        In [0, 1]; NaN where a limit is broken.
    reason
        `KEPT`, or one more than the bit of the worst broken limit (`PathSearch.reason_names`).
    """

    lps_mm: Floats
    kji: NDArray[np.int64]
    score: Floats
    reason: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class CostliestLimit:
    """The limit that alone keeps most candidates out. `frees` counts them; 0 where two limits always act together."""

    name: str
    frees: int
    text: str


@dataclass(frozen=True, eq=False, slots=True)
class FoundPath:
    """One path of the ranked list; `row` is its row in the search's arrays."""

    row: int
    needle: Needle
    score: float
    in_plane_deg: float
    out_of_plane_deg: float
    clearances: dict[str, Clearance]
    organ_mm: float | None
    capsule_deg: float | None


@dataclass(frozen=True, eq=False, slots=True)
class PathSearch:
    """The answer of a search.

    Attributes
    ----------
    candidates
        Entries that were measured in full.
    feasible
        Of them, those that keep every limit.
    not_checked
        Required structures that are neither segmented nor confirmed absent. While one is named, nothing is admissible.
    ranked
        Rows that keep every limit, best first.
    nearest_skin_mm
        From the target to the nearest skin point that was looked at.
    """

    setting: Setting
    ranking: tuple[str, ...]
    measured: Measured
    scores: Floats
    skin: SkinPoints
    ranked: NDArray[np.int64]
    not_checked: tuple[str, ...]
    costliest: CostliestLimit | None
    nearest_skin_mm: float | None
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def candidates(self) -> int:
        return len(self.measured)

    @property
    def feasible(self) -> int:
        return len(self.ranked)

    @property
    def admissible(self) -> int:
        """Paths that keep every limit while every required structure was looked at."""
        return 0 if self.not_checked else self.feasible

    @property
    def reason_names(self) -> tuple[str, ...]:
        """By code of the skin map: empty, the general limits, then structures by key."""
        return ("", *GENERAL, *self.setting.obstacles.keys)

    def path(self, row: int) -> FoundPath:
        found = self.measured
        keys = self.setting.obstacles.keys
        clearances = {
            key: Clearance(float(found.clearance_mm[row, at]), float(found.depth_mm[row, at]))
            for at, key in enumerate(keys)
        }
        needle = Needle(found.entry_lps_mm[row], self.setting.target.point_lps_mm, self.setting.diameter_mm)
        organ, capsule = float(found.organ_mm[row]), float(found.capsule_deg[row])
        return FoundPath(
            row, needle, float(self.scores[row]), float(found.in_plane_deg[row]), float(found.out_of_plane_deg[row]),
            clearances, organ if np.isfinite(organ) else None, capsule if np.isfinite(capsule) else None,
        )  # fmt: skip

    def paths(self, top: int | None = 10, *, alike_deg: float = ALIKE_DEG) -> tuple[FoundPath, ...]:
        """The ranked list, best first.

        Parameters
        ----------
        top
            None gives every path that keeps the limits, near-duplicates included.
        """
        if top is None:
            return tuple(self.path(int(row)) for row in self.ranked)
        hubs, most = self.measured.hub_lps, np.cos(np.radians(alike_deg))
        left = self.ranked
        chosen: list[int] = []
        while len(left) and len(chosen) < top:
            best = int(left[0])
            chosen.append(best)
            left = left[hubs[left] @ hubs[best] <= most]
        return tuple(self.path(row) for row in chosen)

    def rejection(self, row: int) -> tuple[str, ...]:
        """Why a candidate is rejected, worst first; empty for one that keeps every limit."""
        return sentences(self.setting, self.measured, row)

    def nearest_row(self, lps_mm: NDArray[np.float64]) -> int | None:
        """The candidate whose entry lies nearest to a point of the skin map."""
        if not len(self.measured):
            return None
        return int(np.argmin(np.linalg.norm(self.measured.entry_lps_mm - lps_mm, axis=1)))

    def skin_map(self) -> SkinMap:
        kept = self.measured.broken == 0
        score = np.where(kept, self.scores, np.nan)
        return SkinMap(self.measured.entry_lps_mm, self.skin.kji, score, worst_reason(self.setting, self.measured))


def search(
    aim: Aim,
    obstacles: Collection[Obstacle],
    context: Context | None = None,
    *,
    kept: Mapping[str, DistanceField] | None = None,
) -> PathSearch:
    """Measure, judge and rank every entry from the skin to the target.

    Parameters
    ----------
    kept
        Fields from before, by `Obstacle.digest`; used where they cover what is needed.

    Raises
    ------
    InputRefused
        ``empty-mask`` for the body or a structure; ``too-many-structures``; ``mask-outside`` where the target lies
        outside the body.
    FrameMismatch
        When masks lie in different frames of reference.
    Cancelled
        When the operator cancelled.
    """
    began = time.perf_counter()
    job = context or Context()
    _require_sane(aim, obstacles)
    job.step(0.0, "Points of the skin")
    aim = replace(aim, body=filled_body(aim.body))
    _require_inside(aim)
    reach = aim.length_limit_mm
    skin = skin_points(aim.body, aim.target.point_lps_mm, reach)
    nearest = _nearest_skin_mm(aim, skin)
    setting, found = _measure(aim, obstacles, skin, job.part(0.1, 0.9), kept)
    keeps = found.broken == 0
    costliest = None
    if not keeps.any():
        costliest = _costliest(aim, obstacles, setting, found, nearest, job.part(0.9, 0.98))
    score = scores(setting, found, aim.ranking)
    rows = np.flatnonzero(keeps)
    # Ties go to the entry that comes first on the grid, so that the same images give the same list.
    ranked = rows[np.lexsort((rows, -score[rows]))]
    missing = not_checked(aim.rules, {each.key for each in obstacles}, aim.absent)
    findings = _findings(aim, obstacles, setting, len(rows), missing, costliest, nearest)
    job.step(1.0, "Ranked")
    return PathSearch(
        setting, aim.ranking, found, score, skin, ranked, missing, costliest, nearest, findings,
        time.perf_counter() - began,
    )  # fmt: skip


def length_limit(rules: NeedleRules, usable_length_mm: float | None) -> float | None:
    """The shorter of the device's usable length and the rules' longest path; None when neither is given."""
    said = rules.limit("maximum_length_mm")
    given = [each for each in (usable_length_mm, None if said is None else said.value) if each is not None]
    return min(given) if given else None


def not_checked(rules: NeedleRules, present: Collection[str], absent: Collection[str]) -> tuple[str, ...]:
    """Required structures that are neither segmented (also under a name they stand for) nor confirmed absent."""
    missing = []
    for each in rules.structures:
        names = {each.structure, *each.stands_for}
        if each.required and not names & set(present) and each.structure not in absent:
            missing.append(each.structure)
    return tuple(missing)


def worst_reason(setting: Setting, found: Measured) -> NDArray[np.int16]:
    """Code per candidate: of the structures it comes too near to the one most violated, else the first other limit."""
    reason = np.zeros(len(found), dtype=np.int16)
    for bit in range(FIRST_STRUCTURE - 1, -1, -1):
        reason[(found.broken >> np.uint64(bit)) & np.uint64(1) == 1] = bit + 1
    lacking = np.stack(
        [found.clearance_mm[:, at] - item.hard_mm for at, item in enumerate(setting.obstacles.items)], axis=1
    ) if setting.obstacles.items else np.ones((len(found), 1))  # fmt: skip
    worst = np.argmin(lacking, axis=1) if len(found) else np.zeros(0, dtype=np.int64)
    hit = lacking[np.arange(len(found)), worst] < 0.0
    reason[hit] = (FIRST_STRUCTURE + 1 + worst[hit]).astype(np.int16)
    return reason


def _require_sane(aim: Aim, obstacles: Collection[Obstacle]) -> None:
    same_frame([aim.body, *(each.mask for each in obstacles), *([aim.organ] if aim.organ is not None else [])])
    if len(obstacles) > MOST_STRUCTURES:
        raise InputRefused("too-many-structures", f"More than {MOST_STRUCTURES} structures to avoid; unite some.")


def _require_inside(aim: Aim) -> None:
    if not aim.body.contains(aim.target.point_lps_mm):
        place = ", ".join(f"{value:.0f}" for value in aim.target.point_lps_mm)
        text = f"The target at {place} mm lies outside the body; check that target and skin belong together."
        raise InputRefused("mask-outside", text, subject="target")


def _setting(
    aim: Aim,
    obstacles: Collection[Obstacle],
    ends: Floats,
    job: Context,
    kept: Mapping[str, DistanceField] | None,
) -> Setting:
    bounds = bounds_around(np.concatenate([ends, aim.target.point_lps_mm[None, :]]), _MARGIN_MM)
    return Setting(
        aim.target, prepared(obstacles, bounds, job, kept), aim.diameter_mm, aim.position, aim.rules.limits,
        aim.length_limit_mm, aim.body, aim.organ, aim.gantry_centre_lps_mm,
    )  # fmt: skip


def _measure(
    aim: Aim,
    obstacles: Collection[Obstacle],
    skin: SkinPoints,
    job: Context,
    kept: Mapping[str, DistanceField] | None = None,
) -> tuple[Setting, Measured]:
    setting = _setting(aim, obstacles, skin.lps_mm, job.part(0.0, 0.6), kept)
    job.step(0.6, f"{len(skin)} paths")
    return setting, measured(setting, skin.lps_mm)


def _nearest_skin_mm(aim: Aim, skin: SkinPoints) -> float | None:
    points = skin if len(skin) else skin_points(aim.body, aim.target.point_lps_mm, None)
    return float(np.linalg.norm(points.lps_mm - aim.target.point_lps_mm, axis=1).min()) if len(points) else None


def _costliest(
    aim: Aim, obstacles: Collection[Obstacle], setting: Setting, found: Measured, nearest: float | None, job: Context
) -> CostliestLimit | None:
    """The limit whose removal alone frees most candidates.

    Where no limit alone frees one, entries beyond the device's reach are measured as well: a longer device may.
    """
    alone = _freed(setting, found)
    if max(alone) == 0 and setting.usable_length_mm is not None and nearest is not None:
        reach = max(setting.usable_length_mm, nearest) + LONGER_MM
        setting, found = _measure(aim, obstacles, skin_points(aim.body, aim.target.point_lps_mm, reach), job)
        alone = _freed(setting, found)
    if not len(found):
        return None
    best = int(np.argmax(alone))
    if alone[best] == 0:
        counts = [int(np.count_nonzero((found.broken >> np.uint64(bit)) & np.uint64(1))) for bit in range(len(alone))]
        best = int(np.argmax(counts))
        text = f"No single limit frees an entry; {_named(setting, best)} is broken by most, {counts[best]} entries."
        return CostliestLimit(_key(setting, best), 0, text)
    more = ""
    if best == LENGTH:
        shortest = float(found.length_mm[found.broken == np.uint64(1 << best)].min())
        more = f"; the shortest of them needs {shown(shortest, 'mm', digits=0)}"
    text = f"Without {_named(setting, best)} alone {alone[best]} entries would keep all other limits{more}."
    return CostliestLimit(_key(setting, best), alone[best], text)


def _freed(setting: Setting, found: Measured) -> list[int]:
    """For each limit, how many candidates break it and no other."""
    bits = range(FIRST_STRUCTURE + len(setting.obstacles.items))
    return [int(np.count_nonzero(found.broken == np.uint64(1 << bit))) for bit in bits]


def _key(setting: Setting, bit: int) -> str:
    return GENERAL[bit] if bit < FIRST_STRUCTURE else setting.obstacles.keys[bit - FIRST_STRUCTURE]


def _named(setting: Setting, bit: int) -> str:
    if bit == LENGTH:
        return f"the usable length of {shown(setting.usable_length_mm, 'mm')}"
    if bit < FIRST_STRUCTURE:
        return f"the limit {GENERAL[bit].replace('_', ' ')}"
    item = setting.obstacles.items[bit - FIRST_STRUCTURE]
    return f"the {shown(item.hard_mm, 'mm')} kept from the {item.spoken}"


def _findings(
    aim: Aim,
    obstacles: Collection[Obstacle],
    setting: Setting,
    feasible: int,
    missing: tuple[str, ...],
    costliest: CostliestLimit | None,
    nearest: float | None,
) -> tuple[Finding, ...]:
    found: list[Finding] = []
    if missing:
        named = ", ".join(each.replace("_", " ") for each in missing)
        text = f"NOT CHECKED: {named}. No path is called admissible before they are segmented or confirmed absent."
        found.append(Finding("not-checked", Severity.BLOCK, text, overridable=False))
    covered = [each.spoken for each in obstacles if each.mask.contains(aim.target.point_lps_mm)]
    if covered:
        text = f"The target point lies inside {', '.join(covered)}: every path to it touches that structure."
        found.append(Finding("target-in-structure", Severity.WARN, text))
    if feasible == 0:
        limit = setting.usable_length_mm
        text = "No path keeps every limit."
        if limit is not None and nearest is not None and nearest > limit:
            text = f"The nearest skin lies {shown(nearest, 'mm', digits=0)} from the target, the device reaches "
            text += f"{shown(limit, 'mm', digits=0)}."
        text += "" if costliest is None else f" {costliest.text}"
        found.append(Finding("no-path", Severity.WARN, text, subject=None if costliest is None else costliest.name))
    if aim.target.specks:
        text = f"{aim.target.specks} specks of the target's mask, each below 1 % of it, were left out."
        found.append(Finding("target-specks", Severity.INFO, text))
    return tuple(found)
