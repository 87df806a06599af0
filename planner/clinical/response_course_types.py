"""What response over time is asked with and what it answers. Words are the criteria's own; None is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from planner.findings import Finding, any_blocks

CRITERIA = ("recist-1.1", "mrecist", "easl", "choi", "lirads-tr-2024", "qeasl", "volumetric")
COMMAND_LINE_CRITERIA = CRITERIA[:5]
ROLES = ("target", "non-target", "new")
STATES = ("present", "absent", "too-small", "not-evaluable", "progressed")
ENHANCEMENTS = ("none", "uncertain", "present", "stable", "decreased", "new", "increased")
NOT_EVALUABLE = "NE"


@dataclass(frozen=True, slots=True)
class Seen:
    """One lesion on one day.

    Attributes
    ----------
    diameter_mm, short_axis_mm, viable_mm
        Longest axial diameter, short axis of a node, longest diameter of the arterially enhancing part.
    enhancing_mm
        Two perpendicular diameters of the enhancing part.
    density_hu
        Mean attenuation in the portal phase.
    therapy
        ``non-radiation`` or ``radiation`` or a word that the rule of LI-RADS knows (``tace``, ``tare`` …).
    typical_pattern
        Of a new lesion: arterial enhancement with wash-out; None was not said.
    """

    on: date
    modality: str | None = None
    diameter_mm: float | None = None
    viable_mm: float | None = None
    short_axis_mm: float | None = None
    enhancing_mm: tuple[float, float] | None = None
    density_hu: float | None = None
    therapy: str | None = None
    assessable: bool | None = None
    masslike_enhancement: str | None = None
    state: str | None = None
    volume_ml: float | None = None
    enhancing_ml: float | None = None
    mri_ancillary: bool | None = None
    slice_mm: float | None = None
    typical_pattern: bool | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """A lesion with its observations in the order of their days, at most one a day.

    Attributes
    ----------
    node
        None: to be told from the organ's words and from what was measured.
    kind
        ``nodule``, ``infiltrative``, ``thrombus``, ``fluid`` … in words; None is unknown.
    ablated_on
        Day of an ablation of this lesion; None where there was none that is known.
    """

    id: str
    role: str
    organ: str | None = None
    observations: tuple[Seen, ...] = ()
    name: str | None = None
    node: bool | None = None
    kind: str | None = None
    ablated_on: date | None = None

    @property
    def title(self) -> str:
        return self.name or self.id

    def seen(self, on: date) -> Seen | None:
        return next((each for each in self.observations if each.on == on), None)


@dataclass(frozen=True, slots=True)
class CourseRequest:
    """Criteria, lesions, and the day that is compared with (None: the first day of all observations)."""

    criteria: str
    lesions: tuple[Followed, ...]
    baseline_on: date | None = None


@dataclass(frozen=True, slots=True)
class LesionTimepoint:
    """One lesion at one timepoint.

    Attributes
    ----------
    category
        ``CR PR SD PD NE`` of this lesion alone, ``present``, or the category of LI-RADS; None where there is none.
    measured
        In the unit of the timepoint; None was not measured.
    note
        What decided, where it is no measurement.
    """

    lesion_id: str
    role: str
    category: str | None
    measured: float | None = None
    change_from_baseline: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Timepoint:
    """The response on one day.

    Attributes
    ----------
    total, nadir
        Sum over the targets in `unit` and the smallest sum before, baseline included (at the baseline, its own sum).
    change_from_baseline, change_from_nadir
        Per cent.
    target, non_target, overall
        Categories; None at the baseline and where the criteria name none.
    new_lesion
        None where a new lesion may be there and cannot be told.
    flag
        What a rule wants looked at again; None is no flag.
    """

    on: date
    unit: str | None
    total: float | None = None
    nadir: float | None = None
    nadir_on: date | None = None
    change_from_baseline: float | None = None
    change_from_nadir: float | None = None
    target: str | None = None
    non_target: str | None = None
    new_lesion: bool | None = False
    overall: str | None = None
    flag: str | None = None
    is_baseline: bool = False
    lesions: tuple[LesionTimepoint, ...] = ()

    @property
    def sum_mm(self) -> float | None:
        """The sum of diameters; None for criteria that add areas or volumes."""
        return self.total if self.unit == "mm" else None

    @property
    def nadir_mm(self) -> float | None:
        return self.nadir if self.unit == "mm" else None


@dataclass(frozen=True, slots=True)
class Assessment:
    """The answer: one row per day.

    Attributes
    ----------
    versions
        Rule -> version, as a signed reading stores them.
    """

    criteria: str
    baseline_on: date | None
    timepoints: tuple[Timepoint, ...] = ()
    findings: tuple[Finding, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def blocks(self) -> bool:
        return any_blocks(self.findings)

    def on(self, day: date) -> Timepoint | None:
        return next((each for each in self.timepoints if each.on == day), None)

    def to_json(self) -> dict[str, object]:
        """The answer as the command line's contract prints it."""
        return {
            "criteria": self.criteria,
            "baseline_on": self.baseline_on.isoformat() if self.baseline_on else None,
            "timepoints": [_row(each) for each in self.timepoints],
            "findings": [finding.to_json() for finding in self.findings],
            "versions": dict(self.versions),
        }


def _row(point: Timepoint) -> dict[str, object]:
    return {
        "date": point.on.isoformat(),
        "baseline": point.is_baseline,
        "sum_mm": point.sum_mm,
        "nadir_mm": point.nadir_mm,
        "sum": point.total,
        "nadir": point.nadir,
        "unit": point.unit,
        "nadir_date": point.nadir_on.isoformat() if point.nadir_on else None,
        "change_from_baseline": point.change_from_baseline,
        "change_from_nadir": point.change_from_nadir,
        "target": point.target,
        "non_target": point.non_target,
        "new_lesion": point.new_lesion,
        "overall": point.overall,
        "flag": point.flag,
        "lesions": [
            {
                "id": each.lesion_id,
                "role": each.role,
                "category": each.category,
                "measured": each.measured,
                "change_from_baseline": each.change_from_baseline,
                "note": each.note,
            }
            for each in point.lesions
        ],
    }
