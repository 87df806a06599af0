"""What the tree and the image each say of vessels that enter a lesion, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from planner.planning.feeders_ends import ENTERS, SHOWN, Course, Ending
from planner.planning.feeders_shell import Crossing

_SAME_MM = 8.0
"""A crossing in the image this near to an entry of the tree is the same vessel: in a bright lesion's rim a centreline
strays by about the vessel's width and the rim's."""
_CLOSE_MM = 3.0
"""Further than this the image's place is taken for the entry."""
_DEEP_MM = 6.0
"""An entry that the image does not show is believed of a clearly visible vessel that goes at least this deep."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Ends that enter as both say, those that the image does not bear out, and entries that the tree lacked."""

    kept: tuple[Ending, ...]
    doubted: tuple[Ending, ...]


def confirmed(
    endings: Sequence[Ending], crossings: Sequence[Crossing], widths_mm: Mapping[str, float | None], clear_mm: float
) -> Judged:
    """Endings that supply the lesion, judged by what crosses its surface in the image.

    Parameters
    ----------
    widths_mm
        By leaf: diameter at the entry, None unknown.
    clear_mm
        Diameter of a vessel that the image shows clearly.
    """
    kept: list[Ending] = []
    doubted: list[Ending] = []
    met: set[int] = set()
    entered: dict[int, tuple[str, float]] = {}
    for ending in sorted(endings, key=lambda each: (each.kind != ENTERS, _nearest(each, crossings)[1])):
        at, gap = _nearest(ending, crossings)
        width = widths_mm.get(ending.leaf)
        sure = width is not None and width >= clear_mm and ending.inside_mm >= _DEEP_MM
        enters = ending.kind == ENTERS
        entry = ending.segment, ending.along_mm
        if at is None or (enters and gap > _CLOSE_MM and entered.get(at, entry) != entry):
            # What the image shows here, if anything, is another vessel that enters nearer to it.
            (kept if sure or (at is None and not enters) else doubted).append(ending)
        elif not enters and at in entered:
            # What goes on beside this end is another feeder's entry.
            doubted.append(ending)
        else:
            met.add(at)
            if enters:
                entered.setdefault(at, entry)
            moved = gap > _CLOSE_MM and enters
            kept.append(replace(ending, place_lps_mm=crossings[at].entry_lps_mm) if moved else ending)
    added = [_shown(each) for number, each in enumerate(crossings) if number not in met]
    return Judged((*kept, *added), tuple(doubted))


def _nearest(ending: Ending, crossings: Sequence[Crossing]) -> tuple[int | None, float]:
    """The crossing that may be the same vessel as an ending, and its distance."""
    gaps = [float(np.linalg.norm(each.entry_lps_mm - ending.place_lps_mm)) for each in crossings]
    least = min(gaps, default=np.inf)
    return (int(np.argmin(gaps)) if least <= _SAME_MM else None), float(least)


def _shown(crossing: Crossing) -> Ending:
    """An entry of the image that hangs on a vessel of the tree."""
    place = crossing.place
    return Ending(
        SHOWN, place.segment, place.segment, place.along_mm, crossing.entry_lps_mm, 0.0, beyond_mm=crossing.way_mm
    )


def width_at(ending: Ending, courses: Mapping[str, Course], before_mm: float) -> float | None:
    """Typical diameter just before an ending's place on the tree; None where none is known."""
    course = courses[ending.segment]
    near = (course.along_mm <= ending.along_mm + 1.0) & (course.along_mm >= ending.along_mm - before_mm)
    known = course.radius_mm[near & np.isfinite(course.radius_mm)]
    if known.size:
        return 2.0 * float(np.median(known))
    mean = course.segment.mean_radius_mm
    return None if mean is None else 2.0 * mean
