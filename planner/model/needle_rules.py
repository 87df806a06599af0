"""What a template says about needles: distances to keep, limits of a path, and the order of preference among paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

LIMITS = {
    "out_of_plane_deg": "deg",
    "capsule_deg": "deg",
    "organ_before_subcapsular_mm": "mm",
    "subcapsular_mm": "mm",
    "parallel_deg": "deg",
    "maximum_length_mm": "mm",
    "gantry_clearance_mm": "mm",
    "gantry_radius_mm": "mm",
    "below_horizontal_deg": "deg",
    "capsule_exclusion_mm": "mm",
    "margin_minimum_mm": "mm",
    "margin_desired_mm": "mm",
    "heat_sink_diameter_mm": "mm",
    "heat_sink_distance_mm": "mm",
    "pedicle_wall_mm": "mm",
    "posterior_wall_mm": "mm",
    "tip_error_mm": "mm",
}
"""Limits a template may name, with the unit each is given in."""
CRITERIA = ("clearance", "length", "out_of_plane", "capsule", "organ", "near_vertical")
"""What paths may be ranked by."""


@dataclass(frozen=True, slots=True)
class SourcedLimit:
    """A number with its unit (UCUM), where it comes from, and how well that was read (``S``, ``S2``, ``M``, ``P``)."""

    value: float
    unit: str
    source: str
    tag: str


@dataclass(frozen=True, slots=True)
class StructureLimit:
    """How far a needle stays from a structure.

    Attributes
    ----------
    structure
        Key of ``resources/structures.toml``.
    stands_for
        Other keys whose masks count as this one (``duodenum`` and ``colon`` for ``bowel``).
    organs
        Of the target; empty holds for every organ.
    hard_mm
        No path comes nearer.
    desired_mm
        Nearer costs.
    required
        While it is neither segmented nor confirmed absent no path is admissible.
    automatic
        Name of the automatic segmentation that offers it (``bone``, ``lung``, ``gas``, ``vessels``), or None.
    """

    structure: str
    hard_mm: float
    desired_mm: float
    source: str
    tag: str
    required: bool = False
    automatic: str | None = None
    stands_for: tuple[str, ...] = ()
    organs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NeedleRules:
    """The ``[needle]`` part of a template.

    Attributes
    ----------
    purpose
        Of needles planned in it (`planner.model.needle_items.NeedlePathBody`).
    structures
        To keep away from, in the order they are listed to a person.
    limits
        By name (`LIMITS`); absent ones do not limit.
    ranking
        `CRITERIA` in their order of preference.
    """

    purpose: str
    structures: tuple[StructureLimit, ...] = ()
    limits: Mapping[str, SourcedLimit] = field(default_factory=dict)
    ranking: tuple[str, ...] = ()

    def limit(self, name: str) -> SourcedLimit | None:
        return self.limits.get(name)

    def for_organ(self, organ: str) -> NeedleRules:
        """The rules for a target in an organ (``liver``)."""
        return replace(
            self, structures=tuple(each for each in self.structures if not each.organs or organ in each.organs)
        )

    def structure(self, key: str) -> StructureLimit | None:
        """The row a structure falls under, by its own name or as one that another stands for."""
        for each in self.structures:
            if key == each.structure or key in each.stands_for:
                return each
        return None
