"""Which of two paths is preferred.

Each criterion gives a merit from 0 (at the limit) to 1 (nothing to wish for), and the score is their weighted mean:
in the order of preference each criterion weighs twice as much as the next. It lies in [0, 1], more is better, it never
falls when a criterion improves, and it does not jump, so that a path found elsewhere can be compared with it.
"""

from __future__ import annotations

import numpy as np

from planner.planning.path_limits import Floats, Measured, Setting

DEFAULT_RANKING = ("clearance", "length", "out_of_plane", "capsule", "organ", "near_vertical")
"""Where a template names no order of preference."""
OF_ORGAN = ("capsule", "organ")
"""Criteria that need the mask of the organ."""
_RIGHT_ANGLE_DEG = 90.0


def usable_ranking(ranking: tuple[str, ...], has_organ: bool) -> tuple[str, ...]:
    """The order of preference; what cannot be measured without the organ is left out of it."""
    return tuple(each for each in ranking or DEFAULT_RANKING if has_organ or each not in OF_ORGAN)


def weights(ranking: tuple[str, ...]) -> dict[str, float]:
    """Criterion -> weight; they add up to 1, and each is twice the next."""
    plain = [0.5**place for place in range(len(ranking))]
    return {name: weight / sum(plain) for name, weight in zip(ranking, plain, strict=True)}


def scores(setting: Setting, found: Measured, ranking: tuple[str, ...]) -> Floats:
    """(n,) scores in [0, 1], of every candidate whether it keeps the limits or not."""
    total = np.zeros(len(found))
    for name, weight in weights(ranking).items():
        total += weight * merit(setting, found, name)
    return total


def merit(setting: Setting, found: Measured, criterion: str) -> Floats:
    """(n,) in [0, 1].

    clearance: of the structure that is worst off, from its hard limit (0) to its desired distance (1); more does not
    count. length: against the usable length, or the longest candidate. out_of_plane, capsule: against their limit, or
    90 degrees. organ: against the length wanted before a subcapsular target, or the length of the path. near_vertical:
    90 degrees from straight above is 0. What was not measured counts 0 for all.
    """
    if criterion == "clearance":
        return _clearance(setting, found)
    if criterion == "length":
        most = setting.usable_length_mm or float(found.length_mm.max(initial=1.0))
        return _unit(1.0 - found.length_mm / most)
    if criterion == "out_of_plane":
        limit = setting.limit("out_of_plane_deg") or _RIGHT_ANGLE_DEG
        return _unit(1.0 - np.abs(found.out_of_plane_deg) / limit)
    if criterion == "capsule":
        return _unit(1.0 - found.capsule_deg / (setting.limit("capsule_deg") or _RIGHT_ANGLE_DEG))
    if criterion == "organ":
        wanted = setting.limit("organ_before_subcapsular_mm")
        return _unit(found.organ_mm / (wanted if wanted else np.maximum(found.length_mm, 1.0)))
    return _unit(found.above_horizontal_deg / _RIGHT_ANGLE_DEG)


def _clearance(setting: Setting, found: Measured) -> Floats:
    worst = np.ones(len(found))
    for column, item in enumerate(setting.obstacles.items):
        room = item.desired_mm - item.hard_mm
        beyond = found.clearance_mm[:, column] - item.hard_mm
        worst = np.minimum(worst, _unit(beyond / room) if room > 0.0 else (beyond >= 0.0).astype(np.float64))
    return worst


def _unit(values: Floats) -> Floats:
    clipped: Floats = np.clip(np.nan_to_num(values, nan=0.0), 0.0, 1.0)
    return clipped
