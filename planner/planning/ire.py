"""Pairs of electrodes for irreversible electroporation: spacing, voltage, and whether they stand parallel.

Every number comes from the rules R14. The volt-per-centimetre figure sets a generator; it is not the field in tissue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.clinical.constants import Overrides
from planner.clinical.registry import evaluate, rule
from planner.findings import Finding
from planner.planning.zones import Applicator, Point, point

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ElectrodePair:
    """Two electrodes that are pulsed against each other.

    Attributes
    ----------
    spacing_mm
        Largest distance between the exposed parts, at their ends; the voltage is set by it.
    narrowest_mm
        Smallest distance between the shafts at those ends.
    angle_deg, tip_difference_mm
        Between the shafts, and between the tips along them.
    voltage_v
        By the rule; it is named even where the rule refuses it.
    needed
        Without this pair an electrode would stand alone, or the pattern fall apart.
    """

    first: str
    second: str
    spacing_mm: float
    narrowest_mm: float
    angle_deg: float
    tip_difference_mm: float
    voltage_v: float | None
    allowed: bool
    needed: bool
    middle_lps_mm: Point
    findings: tuple[Finding, ...]


def electrode_pairs(
    electrodes: Sequence[Applicator], *, exposure_mm: float | None = None, overrides: Overrides | None = None
) -> tuple[ElectrodePair, ...]:
    """Every pair of a pattern, the needed ones first.

    Parameters
    ----------
    exposure_mm
        Length of the exposed part behind the tip; None takes the rule's.

    Returns
    -------
    Pairs that hold the pattern together (the shortest connections between all electrodes), with everything the rules
    say about them; and the other pairs whose voltage is allowed.
    """
    changes = (overrides or {}).get("ire_pair", {})
    exposed = exposure_mm or rule("ire_pair").constants.replaced(changes).number("exposure")
    pairs = [
        _pair(first, second, exposed, overrides)
        for at, first in enumerate(electrodes)
        for second in electrodes[at + 1 :]
    ]
    joined = {each.id: {each.id} for each in electrodes}
    found = []
    for pair in sorted(pairs, key=lambda each: each.spacing_mm):
        needed = joined[pair.first] is not joined[pair.second]
        if needed:
            together = joined[pair.first] | joined[pair.second]
            for each in together:
                joined[each] = together
            found.append(replace(pair, needed=True))
        elif pair.allowed:
            found.append(pair)
    return tuple(sorted(found, key=lambda each: (not each.needed, each.spacing_mm)))


def _pair(first: Applicator, second: Applicator, exposed_mm: float, overrides: Overrides | None) -> ElectrodePair:
    here, there = first.direction_lps, second.direction_lps
    tip, other = np.asarray(first.tip_lps_mm), np.asarray(second.tip_lps_mm)
    ends = [(tip - share * here, other - share * there) for share in (0.0, exposed_mm)]
    axis = here + there
    axis = axis / max(float(np.linalg.norm(axis)), 1e-9)
    across = [_across(end - start, axis) for start, end in ends]
    spacing, narrowest = max(across), min(across)
    angle = float(np.degrees(np.arccos(np.clip(here @ there, -1.0, 1.0))))
    difference = abs(float((other - tip) @ axis))
    voltage = evaluate("ire_voltage", {"spacing": (spacing / 10.0, "cm")}, overrides=overrides) if spacing > 0 else None
    results = [
        evaluate("applicator_spacing", {"energy": "ire", "spacing": spacing}, overrides=overrides),
        evaluate("ire_pair", {"angle": angle, "tip_difference": difference}, overrides=overrides),
        *([] if voltage is None else [voltage]),
    ]
    subject = f"{first.id}, {second.id}"
    return ElectrodePair(
        first=first.id,
        second=second.id,
        spacing_mm=spacing,
        narrowest_mm=narrowest,
        angle_deg=angle,
        tip_difference_mm=difference,
        voltage_v=None if voltage is None else voltage.number("voltage"),
        allowed=voltage is not None and voltage.value("allowed") is True,
        needed=False,
        middle_lps_mm=point(np.mean([each for pair in ends for each in pair], axis=0)),
        findings=tuple(replace(each, subject=subject) for result in results for each in result.findings),
    )


def _across(offset: Floats, axis: Floats) -> float:
    return float(np.linalg.norm(offset - axis * float(offset @ axis)))
