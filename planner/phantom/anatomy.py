"""The measures of one digital patient, drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from planner.phantom.fields import SmoothField

VERTEBRA_LEVELS = (
    ("vertebrae_T9", 128.0, 12.0),
    ("vertebrae_T10", 98.0, 12.4),
    ("vertebrae_T11", 66.5, 12.8),
    ("vertebrae_T12", 33.8, 13.3),
    ("vertebrae_L1", 0.0, 13.8),
    ("vertebrae_L2", -35.0, 14.0),
    ("vertebrae_L3", -71.0, 14.2),
    ("vertebrae_L4", -107.5, 14.2),
)
"""Name, z of the centre, half height of the body (mm)."""

MICHELS_TYPES = ("I", "II", "III")
"""Hepatic arterial patterns that are modelled: the usual one, replaced left from the left gastric artery, replaced
right from the superior mesenteric artery (Michels, Am J Surg 1966;112:337)."""


@dataclass(frozen=True)
class Anatomy:
    """Measures that vary between patients.

    Attributes
    ----------
    seed
        Everything random follows from it.
    girth, depth
        Factors of the body's width and of its depth.
    fat_mm
        Subcutaneous fat at the flank.
    liver
        Factor of the liver's lower and left extent.
    michels
        Hepatic arterial pattern, one of `MICHELS_TYPES`.
    main_offset_mm, second_offset_mm
        Shift of the two tumours from their usual place.
    second_segment
        Couinaud segment of the small tumour.
    main_diameter_mm, second_diameter_mm
        Diameters of the tumours.
    fractured_level
        Vertebra whose body is compressed, or None.
    """

    seed: int
    girth: float
    depth: float
    fat_mm: float
    liver: float
    michels: str
    main_offset_mm: tuple[float, float, float]
    second_offset_mm: tuple[float, float, float]
    second_segment: int
    main_diameter_mm: float
    second_diameter_mm: float
    fractured_level: str | None = None

    @cached_property
    def noise_12(self) -> SmoothField:
        return SmoothField(self.seed * 1009 + 1, 12.0)

    @cached_property
    def noise_28(self) -> SmoothField:
        return SmoothField(self.seed * 1009 + 2, 28.0)

    @cached_property
    def noise_55(self) -> SmoothField:
        return SmoothField(self.seed * 1009 + 3, 55.0)

    @cached_property
    def noise_6(self) -> SmoothField:
        return SmoothField(self.seed * 1009 + 4, 6.0)

    def random(self, purpose: int) -> np.random.Generator:
        """A generator of its own for each purpose, so that one part may change without moving the others."""
        return np.random.default_rng([self.seed, purpose])


def draw_anatomy(seed: int, fractured_level: str | None = None) -> Anatomy:
    """The patient of a seed."""
    random = np.random.default_rng([seed, 0])
    pattern = random.choice(len(MICHELS_TYPES), p=(0.76, 0.12, 0.12))
    shift = random.uniform(-1.0, 1.0, (2, 3))
    return Anatomy(
        seed=seed,
        girth=float(random.uniform(0.97, 1.04)),
        depth=float(random.uniform(0.97, 1.04)),
        fat_mm=float(random.uniform(12.0, 22.0)),
        liver=float(random.uniform(0.96, 1.04)),
        michels=MICHELS_TYPES[int(pattern)],
        main_offset_mm=(float(shift[0, 0] * 5), float(shift[0, 1] * 5), float(shift[0, 2] * 6)),
        second_offset_mm=(float(shift[1, 0] * 4), float(shift[1, 1] * 4), float(shift[1, 2] * 4)),
        second_segment=int(random.choice((3, 6))),
        main_diameter_mm=float(np.round(random.uniform(33.0, 37.0), 1)),
        second_diameter_mm=float(np.round(random.uniform(17.0, 19.5), 1)),
        fractured_level=fractured_level,
    )
