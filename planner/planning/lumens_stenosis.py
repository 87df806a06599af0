"""A narrowing of a measured lumen: where, how long, how narrow, against what.

Percent = 100 (1 - minimum / reference), by the diameter of a circle of the same area. The reference at the narrowest
place lies on a straight line between the healthy stretches on both sides, so that a tapering lumen is not called
narrowed; how each number is defined stands in ``resources/lumen_measures.toml``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.catalogues import catalogue
from planner.errors import OperatorError
from planner.model.vessel_items import StenosisMeasures
from planner.planning.lumens import Lumen

Floats = NDArray[np.float64]

_CALM_POINTS = 5
_ROUNDS = 4
_LEAST_POINTS = 4
_ENVELOPE_SHARE = 0.8
_LEAST_CLOSED_MM = 3.0
"""A shorter closed stretch at an end of the lumen may be the click's own inaccuracy."""


@dataclass(frozen=True, eq=False)
class _Profile:
    """Places where something is known: a diameter, or that the lumen is closed (0)."""

    along: Floats
    diameter: Floats


@dataclass(frozen=True, slots=True)
class _Side:
    """A healthy stretch: its middle and its diameter."""

    middle_mm: float
    diameter_mm: float


def find_stenosis(lumen: Lumen) -> StenosisMeasures | None:
    """The most marked narrowing of a lumen; None when there is none, or nothing healthy to compare it with.

    A closed stretch has the minimum 0 and 100 percent; the lumen's findings say where it is. In a gullet or bowel a
    healthy collapsed stretch looks the same: a person confirms, or sets the ends (`stenosis_between`).
    """
    profile = _profile(lumen)
    if profile is None:
        return None
    at = _narrowest(profile)
    if at is None:
        return _closed_at_an_end(profile)
    proximal, distal = _side(profile, at, -1), _side(profile, at, 1)
    if proximal is None or distal is None:
        return None
    low, high = at, at
    for _ in range(_ROUNDS):
        # Each shoulder against its own side: a duct that is wide above a stricture and usual below it ends where the
        # usual width is reached.
        beside = np.where(profile.along <= profile.along[at], proximal.diameter_mm, distal.diameter_mm)
        share = profile.diameter / np.maximum(beside, 1e-6)
        low, high = _run(share < _setting("narrowed_below") / 100.0, at)
        proximal = _stretch(profile, float(profile.along[low]), -1) or proximal
        distal = _stretch(profile, float(profile.along[high]), 1) or distal
    found = _measures(profile, low, high, proximal, distal, by_person=False)
    if found.percent is None or found.percent < _setting("least_percent"):
        return None
    return found


def stenosis_between(lumen: Lumen, start_mm: float, end_mm: float) -> StenosisMeasures:
    """The narrowing between two places along a lumen that a person chose.

    Raises
    ------
    OperatorError
        When the stretch has no length on the lumen, or nothing in it could be measured.
    """
    low_mm, high_mm = max(0.0, min(start_mm, end_mm)), min(lumen.length_mm, max(start_mm, end_mm))
    profile = _profile(lumen)
    inside = None if profile is None else np.flatnonzero((profile.along >= low_mm) & (profile.along <= high_mm))
    if profile is None or inside is None or not len(inside) or high_mm <= low_mm:
        raise OperatorError(
            "empty-stenosis", "Nothing was measured between these two places of the lumen; move one of them."
        )
    proximal, distal = _stretch(profile, low_mm, -1), _stretch(profile, high_mm, 1)
    found = _measures(profile, int(inside[0]), int(inside[-1]), proximal, distal, by_person=True)
    return StenosisMeasures(
        low_mm, high_mm, found.minimum_at_mm, found.minimum_mm, found.percent, found.reference_mm,
        found.proximal_reference_mm, found.distal_reference_mm, by_person=True,
    )  # fmt: skip


def _setting(name: str) -> float:
    return float(catalogue("lumen_measures.toml")[name]["value"])


def _profile(lumen: Lumen) -> _Profile | None:
    """Running median of the diameters; places that could not be measured are left out."""
    from scipy import ndimage

    diameter = np.where(lumen.closed, 0.0, lumen.equivalent_mm)
    known = np.isfinite(diameter)
    if known.sum() < 2 * _LEAST_POINTS or not (diameter[known] > 0.0).any():
        return None
    calm = ndimage.median_filter(diameter[known], size=_CALM_POINTS, mode="nearest")
    return _Profile(lumen.along_mm[known], calm)


def _narrowest(profile: _Profile) -> int | None:
    """The place with the deepest narrowing that has wider lumen on both sides; None where there is none."""
    along, diameter = profile.along, profile.diameter
    reach = _setting("envelope_mm")
    beside = np.empty(len(along))
    for index, place in enumerate(along):
        before = diameter[(along <= place) & (along >= place - reach)]
        after = diameter[(along >= place) & (along <= place + reach)]
        beside[index] = min(_wide(before), _wide(after))
    share = diameter / np.maximum(beside, 1e-6)
    share[beside <= 0.0] = 1.0
    if 100.0 * (1.0 - float(share.min())) < 0.8 * _setting("least_percent"):
        return None
    lowest = np.flatnonzero(share <= share.min() + 1e-9)
    runs = np.split(lowest, np.flatnonzero(np.diff(lowest) > 1) + 1)
    longest = max(runs, key=len)
    return int(longest[len(longest) // 2])


def _wide(diameters: Floats) -> float:
    """The width that a stretch reaches, and not in one place only."""
    if len(diameters) < _LEAST_POINTS:
        return 0.0
    return float(np.sort(diameters)[-max(_LEAST_POINTS, len(diameters) // 6)])


def _side(profile: _Profile, at: int, way: int) -> _Side | None:
    """The first healthy stretch on one side of a place (-1 before it, 1 after it)."""
    along, diameter = profile.along, profile.diameter
    reach = _setting("envelope_mm")
    away = (along - along[at]) * way
    beside = np.flatnonzero((away > 0.0) & (away <= reach))
    if len(beside) < _LEAST_POINTS:
        return None
    wide = _wide(diameter[beside])
    healthy = beside[diameter[beside] >= _setting("narrowed_below") / 100.0 * wide]
    shoulder = healthy[-1] if way < 0 else healthy[0]
    return _stretch(profile, float(along[shoulder]), way)


def _stretch(profile: _Profile, edge_mm: float, way: int) -> _Side | None:
    """Median of the open lumen over the reference length beyond an edge; None where the lumen ends first."""
    away = (profile.along - edge_mm) * way
    chosen = (away >= 0.0) & (away <= _setting("reference_mm")) & (profile.diameter > 0.0)
    if chosen.sum() < _LEAST_POINTS:
        return None
    return _Side(float(profile.along[chosen].mean()), float(np.median(profile.diameter[chosen])))


def _line(along: Floats, proximal: _Side, distal: _Side) -> Floats:
    """Reference diameter: between the stretches on a straight line, beyond them constant."""
    if distal.middle_mm <= proximal.middle_mm:
        return np.full(len(along), 0.5 * (proximal.diameter_mm + distal.diameter_mm))
    line: Floats = np.interp(along, (proximal.middle_mm, distal.middle_mm), (proximal.diameter_mm, distal.diameter_mm))
    return line


def _run(narrowed: NDArray[np.bool_], at: int) -> tuple[int, int]:
    """First and last index of the run of narrowed places around one."""
    low = high = at
    while low > 0 and narrowed[low - 1]:
        low -= 1
    while high < len(narrowed) - 1 and narrowed[high + 1]:
        high += 1
    return low, high


def _measures(
    profile: _Profile, low: int, high: int, proximal: _Side | None, distal: _Side | None, *, by_person: bool
) -> StenosisMeasures:
    inside = profile.diameter[low : high + 1]
    lowest = np.flatnonzero(inside <= inside.min())
    at = low + int(lowest[len(lowest) // 2])
    minimum = float(profile.diameter[at])
    reference = _reference(float(profile.along[at]), proximal, distal)
    return StenosisMeasures(
        start_mm=float(profile.along[low]),
        end_mm=float(profile.along[high]),
        minimum_at_mm=float(profile.along[at]),
        minimum_mm=minimum,
        percent=None if reference is None else 100.0 * (1.0 - minimum / reference),
        reference_mm=reference,
        proximal_reference_mm=None if proximal is None else proximal.diameter_mm,
        distal_reference_mm=None if distal is None else distal.diameter_mm,
        by_person=by_person,
    )


def _reference(at_mm: float, proximal: _Side | None, distal: _Side | None) -> float | None:
    if proximal is None or distal is None:
        one = proximal or distal
        return None if one is None else one.diameter_mm
    return float(_line(np.array([at_mm]), proximal, distal)[0])


def _closed_at_an_end(profile: _Profile) -> StenosisMeasures | None:
    """A lumen that is closed up to one of its ends: compared with the open side alone."""
    shut = profile.diameter <= 0.0
    if shut.all() or not (shut[0] or shut[-1]):
        return None
    low, high = _run(shut, len(shut) - 1 if shut[-1] else 0)
    if float(profile.along[high] - profile.along[low]) < _LEAST_CLOSED_MM:
        return None
    proximal = _stretch(profile, float(profile.along[low]), -1) if shut[-1] else None
    distal = _stretch(profile, float(profile.along[high]), 1) if not shut[-1] else None
    if proximal is None and distal is None:
        return None
    return _measures(profile, low, high, proximal, distal, by_person=False)
