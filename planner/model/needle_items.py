"""Plan items of percutaneous work: needles, margins and vertebrae. Points are LPS mm, lengths mm, angles degrees.

Everything measured is stored with what it stands on, so that gates and paper need no images. None is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from planner.model.items import Point

NEEDLE_PATH = "needle-path"
"""Body: `NeedlePathBody`. One straight needle, applicator, electrode or drain."""
ABLATION_MARGIN = "ablation-margin"
"""Body: `AblationMarginBody`. A target against its planned or achieved zone; at most one of each kind per target."""
VERTEBRA = "vertebra-plan"
"""Body: `VertebraPlanBody`. The frame and the measures of one vertebra; at most one per level and session."""

PLANNED, ACHIEVED = "planned", "achieved"


@dataclass(frozen=True, slots=True)
class NeedleMeasures:
    """What was measured along a needle, and what it stands on.

    Attributes
    ----------
    length_mm
        Skin to tip.
    in_plane_deg, out_of_plane_deg
        See `planner.planning.needles`.
    clearances_mm
        Structure -> smallest distance from the outer wall of the shaft to its surface, negative inside it; None where
        the structure is not there to be measured.
    nearest_depth_mm
        Structure -> depth below the skin at which that distance lies.
    hard_mm, desired_mm
        Structure -> the limits it was judged by.
    not_checked
        Required structures that are not segmented: while one is named here the path is not admissible.
    absent
        Structures that a person confirmed absent.
    rejected_because
        One sentence for each limit that the path breaks; empty for none.
    organ_mm, capsule_deg
        Length of the organ traversed before the target, and angle between the needle and the capsule's normal.
    series
        ``series_uid#part`` of the images it was planned on.
    structures_digest
        Changes whenever a structure, a limit or the search's settings do: what was measured then no longer holds.
    """

    length_mm: float
    in_plane_deg: float
    out_of_plane_deg: float
    clearances_mm: Mapping[str, float | None] = field(default_factory=dict)
    nearest_depth_mm: Mapping[str, float | None] = field(default_factory=dict)
    hard_mm: Mapping[str, float] = field(default_factory=dict)
    desired_mm: Mapping[str, float] = field(default_factory=dict)
    not_checked: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    rejected_because: tuple[str, ...] = ()
    organ_mm: float | None = None
    capsule_deg: float | None = None
    score: float | None = None
    series: str | None = None
    structures_digest: str = ""

    @property
    def admissible(self) -> bool:
        """Every required structure was looked at, and no limit is broken."""
        return not self.not_checked and not self.rejected_because


@dataclass(frozen=True, slots=True)
class PedicleMeasures:
    """Of a needle through or beside a pedicle.

    Attributes
    ----------
    level
        Key of ``resources/structures.toml`` (``vertebrae_L2``).
    side
        ``left`` or ``right`` of the patient.
    approach
        ``transpedicular`` or ``parapedicular``.
    bone_entry_lps_mm
        Where the needle meets bone.
    pedicle_width_mm
        Smallest width of the pedicle across the needle.
    wall_clearance_mm
        Smallest distance from the needle's outer wall to the pedicle's; negative where it leaves the bone.
    posterior_wall_mm
        From the tip to the posterior wall of the body, along the body's depth.
    anterior_share
        Where the tip lies in the depth of the body: 0 at the posterior wall, 1 at the anterior one.
    midline_mm
        From the tip to the midline plane; negative where it has crossed it.
    convergence_deg, craniocaudal_deg
        In the vertebra's own frame: towards the midline positive; towards the head positive.
    """

    level: str
    side: str
    approach: str
    bone_entry_lps_mm: Point
    pedicle_width_mm: float | None = None
    wall_clearance_mm: float | None = None
    breach: bool | None = None
    posterior_wall_mm: float | None = None
    anterior_share: float | None = None
    midline_mm: float | None = None
    convergence_deg: float | None = None
    craniocaudal_deg: float | None = None


@dataclass(frozen=True, slots=True)
class NeedlePathBody:
    """A straight path from the skin to the tip.

    Attributes
    ----------
    purpose
        ``ablation``, ``biopsy``, ``drainage``, ``sclerotherapy``, ``vertebra`` or ``access``.
    diameter_mm
        Outer diameter of the shaft.
    device, setting
        Keys of ``resources/devices``; the zone of an applicator follows from both.
    usable_length_mm
        Of the device.
    posture
        How the patient lies for it (`planner.geometry.patient_positions`).
    parallel_to
        Id of the needle it was copied from and stays parallel to.
    region_id
        Id of the region item it aims at.
    """

    entry_lps_mm: Point
    tip_lps_mm: Point
    purpose: str
    diameter_mm: float
    gauge: str | None = None
    device: str | None = None
    setting: str | None = None
    usable_length_mm: float | None = None
    posture: str = "supine"
    lesion_ids: tuple[str, ...] = ()
    region_id: str | None = None
    locked: bool = False
    parallel_to: str | None = None
    measured: NeedleMeasures | None = None
    pedicle: PedicleMeasures | None = None


@dataclass(frozen=True, slots=True)
class MarginNumbers:
    """Signed distances from the target's surface to the zone's: positive where the zone reaches beyond the target.

    Attributes
    ----------
    surface_fraction
        ``lt_0``, ``0_5``, ``5_10``, ``ge_10``: shares of the target's surface by margin in mm.
    """

    minimum_mm: float | None
    mean_mm: float | None
    percentile_5_mm: float | None
    covered_fraction: float | None
    uncovered_ml: float | None
    surface_fraction: Mapping[str, float] = field(default_factory=dict)
    zone_ml: float | None = None


@dataclass(frozen=True, slots=True)
class AblationMarginBody:
    """The margin of one target.

    Attributes
    ----------
    kind
        ``planned`` (chart ellipsoids) or ``achieved`` (zone seen on the images after).
    mean, minus_sd
        For the mean zone; and, planned only, for the zone smaller by one standard deviation (None: the chart gives
        none).
    without_capsule
        The same as `minus_sd` (planned) or `mean` (achieved) without the surface near the capsule; None when no
        capsule was given.
    excluded_fraction
        Share of the surface left out near the capsule.
    needle_ids
        Applicators, planned.
    zone_id
        Region item of the zone, achieved.
    registration_error_mm
        Of the images after to the planning images; an achieved margin without it has no numbers.
    within_registration_error
        The minimum is not larger than that error.
    covered
        Every piece of target and margin lies inside one zone; None when it was not decided.
    tissues
        What the charts were measured in (``in vivo porcine liver``).
    collateral_ml
        Zone outside target and margin.
    """

    kind: str
    region_id: str
    lesion_id: str | None
    mean: MarginNumbers
    minus_sd: MarginNumbers | None = None
    without_capsule: MarginNumbers | None = None
    excluded_fraction: float | None = None
    needle_ids: tuple[str, ...] = ()
    zone_id: str | None = None
    required_mm: float | None = None
    target_ml: float | None = None
    registration_error_mm: float | None = None
    registration_note: str = ""
    within_registration_error: bool | None = None
    covered: bool | None = None
    tissues: tuple[str, ...] = ()
    collateral_ml: float | None = None
    sectors_mm: Mapping[str, float] = field(default_factory=dict)
    """Direction (``left``, ``right``, ``front``, ``back``, ``head``, ``feet``) -> least margin of that sector."""
    heat_sinks: tuple[str, ...] = ()
    """One sentence for each vessel near the zone that may cool it."""
    digest: str = ""
    """Changes whenever target, zone, applicators or chart do."""
    needles_digest: str = ""
    """`planner.model.needle_digests.placed_digest` of the applicators, planned: gates tell by it, without images, that
    one was moved or set otherwise since. Empty where it was not stored."""


@dataclass(frozen=True, slots=True)
class WorkingView:
    """A C-arm view of a vertebra. Angles are the patient's own (LAO and cranial positive), from the supine CT.

    `machine_primary_deg` and `machine_secondary_deg` are what a gantry shows that takes the patient of `posture` for
    supine.
    """

    name: str
    primary_deg: float
    secondary_deg: float
    machine_primary_deg: float
    machine_secondary_deg: float
    posture: str
    head_first: bool = True


@dataclass(frozen=True, slots=True)
class WallDefect:
    """Missing cortex: where cement may leave the body. `wall` is ``posterior``, ``anterior``, ``superior-endplate``,
    ``inferior-endplate``, ``left``, ``right`` or ``basivertebral``."""

    wall: str
    area_mm2: float
    centre_lps_mm: Point


@dataclass(frozen=True, slots=True)
class VertebraPlanBody:
    """One vertebra, measured.

    Attributes
    ----------
    level
        Key of ``resources/structures.toml``: a proposal until two people confirmed it.
    region_id, canal_id
        Region items of the vertebra and the spinal canal.
    centre_lps_mm, left_lps, anterior_lps, superior_lps
        Frame of the body.
    endplate_angle_deg
        Between upper and lower endplate, wedge positive towards the front.
    heights_mm
        ``anterior``, ``middle``, ``posterior``.
    cement_ml
        ``low``, ``high`` and ``usual_upper``: usual volumes, never safe ones.
    """

    level: str
    region_id: str
    centre_lps_mm: Point
    left_lps: Point
    anterior_lps: Point
    superior_lps: Point
    canal_id: str | None = None
    endplate_angle_deg: float | None = None
    heights_mm: Mapping[str, float] = field(default_factory=dict)
    body_ml: float | None = None
    lytic_ml: float | None = None
    defects: tuple[WallDefect, ...] = ()
    cement_ml: Mapping[str, float | None] = field(default_factory=dict)
    views: tuple[WorkingView, ...] = ()
    digest: str = ""
