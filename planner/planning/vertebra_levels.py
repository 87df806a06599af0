"""Levels of the spine: their order, the numbers that label files use, and counting from the top.

An automatic label is a proposal: people miscount where the anatomy is transitional, and so do programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from planner.errors import InputRefused
from planner.findings import Finding, Severity
from planner.imaging.masks import Mask

LEVELS = (
    *(f"vertebrae_C{number}" for number in range(1, 8)),
    *(f"vertebrae_T{number}" for number in range(1, 13)),
    *(f"vertebrae_L{number}" for number in range(1, 6)),
    "vertebrae_S1",
)
"""From the head to the feet; keys of ``resources/structures.toml``."""

COUNTING_SOURCE = "practice notes 2.4: levels are counted from the top; wrong-site errors come from counting"


def short_level(level: str) -> str:
    """``L3`` of ``vertebrae_L3``."""
    return level.removeprefix("vertebrae_")


def level_of_verse_number(number: int) -> str | None:
    """The level that a VerSe label stands for: 1-7 cervical, 8-19 thoracic, 20-24 lumbar; None for another number."""
    return LEVELS[number - 1] if 1 <= number <= 24 else None


@dataclass(frozen=True, slots=True)
class LevelCount:
    """Labelled vertebrae in the order in which they lie.

    Attributes
    ----------
    levels
        From the head to the feet, as they are labelled.
    anchored
        The count starts at C1 or C2: only then was it made from the top.
    findings
        Gaps, labels out of order, labels given twice, a top that is not in the image.
    """

    levels: tuple[str, ...]
    anchored: bool
    findings: tuple[Finding, ...]

    def place_of(self, level: str) -> int | None:
        """Which one from the top of the image, from 1; None when it is not there."""
        return self.levels.index(level) + 1 if level in self.levels else None


def count_from_top(vertebrae: Sequence[tuple[str, Mask]]) -> LevelCount:
    """Count labelled vertebrae from the head to the feet.

    Parameters
    ----------
    vertebrae
        Level and mask, in any order, all of one frame of reference.

    Raises
    ------
    InputRefused
        ``empty-mask`` when none has voxels, ``mixed-frames`` for masks of several frames.
    """
    placed = []
    for level, mask in vertebrae:
        middle = mask.centroid_lps_mm()
        if middle is not None:
            placed.append((float(middle[2]), level))
    if not placed:
        raise InputRefused("empty-mask", "None of the vertebrae has a mask; nothing can be counted.")
    if len({mask.grid.frame_uid for _, mask in vertebrae}) > 1:
        raise InputRefused("mixed-frames", "The vertebrae lie in different frames of reference; count one image.")
    levels = tuple(level for _, level in sorted(placed, reverse=True))
    anchored = levels[0] in LEVELS[:2]
    return LevelCount(levels, anchored, tuple(_faults(levels, placed, anchored)))


def _faults(levels: tuple[str, ...], placed: Sequence[tuple[float, str]], anchored: bool) -> list[Finding]:
    found = []
    if not anchored:
        text = (
            f"The image begins at {short_level(levels[0])}: its levels were not counted from the top. "
            "Count on a whole-spine image or a localiser."
        )
        found.append(_warning("top-not-in-image", text))
    for level in sorted({level for level in levels if levels.count(level) > 1}):
        found.append(_warning("level-twice", f"{short_level(level)} is labelled twice; look at both.", level))
    for upper, lower in pairwise(levels):
        if upper not in LEVELS or lower not in LEVELS:
            name = lower if lower not in LEVELS else upper
            found.append(_warning("unknown-level", f"{name} is no level that can be counted.", name))
            continue
        step = LEVELS.index(lower) - LEVELS.index(upper)
        between = f"{short_level(upper)} and {short_level(lower)}"
        if step < 0:
            found.append(_warning("level-order", f"{between} lie in the wrong order; check the labels.", lower))
        elif step > 1:
            found.append(_warning("level-gap", f"{step - 1} level(s) between {between} have no label.", lower))
    heights = np.sort([height for height, _ in placed])[::-1]
    if len(heights) >= 3:
        gaps = -np.diff(heights)
        if gaps.max() > 1.7 * float(np.median(gaps)):
            upper = levels[int(np.argmax(gaps))]
            text = f"Below {short_level(upper)} the distance to the next label is wide: a vertebra may lack its label."
            found.append(_warning("level-distance", text, upper))
    return found


def _warning(code: str, text: str, subject: str | None = None) -> Finding:
    return Finding(code, Severity.WARN, text, subject=subject, source=COUNTING_SOURCE, tag="S")
