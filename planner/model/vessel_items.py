"""Plan items of endovascular work: vessel trees, feeders, catheter positions, lumens and stents.

Points are LPS mm, lengths mm, angles degrees, shares 0 to 1. Everything measured is stored with what it stands on, so
that gates and paper need no images. None is unknown. Centrelines are packed (`planner.model.packed`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from planner.model.items import BlobRef, Point

VESSEL_TREE = "vessel-tree"
"""Body: `VesselTreeBody`. One kind of vessel as it was seen; never complete."""
FEEDERS = "feeders"
"""Body: `FeedersBody`. What may supply one lesion; at most one per lesion and session."""
CATHETER_POSITION = "catheter-position"
"""Body: `CatheterPositionBody`. Where a catheter is to stand, and what would be reached from there."""
LUMEN = "lumen"
"""Body: `LumenBody`. A centreline with its diameters: airway, gullet, bile duct, vein or artery."""
STENT = "stent"
"""Body: `StentBody`. A stent as it is planned in a lumen."""

TREE_KINDS = ("artery", "portal-vein", "hepatic-vein", "airway", "bile-duct", "vein")
LUMEN_KINDS = ("airway", "oesophagus", "bowel", "bile", "vein", "artery")
FOUND, BRIDGED, ADDED = "found", "bridged", "added"
"""How a stretch of a tree came about: seen in the image, across a gap, or drawn by a person."""


@dataclass(frozen=True, slots=True)
class TreeNodeRow:
    """A node of a tree: its root, a branching or an end."""

    id: str
    lps_mm: Point


@dataclass(frozen=True, slots=True)
class TreeSegmentRow:
    """An unbranched stretch, from the root outwards.

    Attributes
    ----------
    start, end
        Nodes at its ends.
    points
        How many rows of the packed table are its own, in the order of the segments.
    name
        Key of ``resources/arteries.toml`` (arteries) or ``resources/veins.toml``, or a person's own words.
    proposed
        The name is a proposal that nobody has confirmed.
    origin
        `FOUND`, `BRIDGED` or `ADDED`.
    doubtful_share
        Share of its points whose lumen is narrow or faint for the image.
    """

    id: str
    start: str
    end: str
    points: int
    length_mm: float
    mean_diameter_mm: float | None = None
    minimum_diameter_mm: float | None = None
    generation: int = 0
    strahler: int = 1
    name: str | None = None
    proposed: bool = False
    origin: str = FOUND
    doubtful_share: float = 0.0


@dataclass(frozen=True, slots=True)
class VesselTreeBody:
    """A rooted tree of centrelines.

    Attributes
    ----------
    table
        Packed (n, 5): x, y, z, radius in mm (NaN unknown), 1 where doubtful.
    pattern
        Of the hepatic arteries (Michels I to X), proposed from the names; None where it cannot be told.
    series
        ``series_uid#part`` of the images it was found in; None for a tree of a mask.
    smallest_visible_mm
        Diameter below which vessels are not to be expected in these images.
    findings
        What was cut, bridged or left out, one sentence each.
    """

    kind: str
    root: str
    nodes: tuple[TreeNodeRow, ...]
    segments: tuple[TreeSegmentRow, ...]
    table: str
    method: str
    pattern: str | None = None
    series: str | None = None
    smallest_visible_mm: float | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeederRow:
    """An artery that may supply a lesion.

    Attributes
    ----------
    segments
        Of the tree, from the root to the feeder.
    entry_lps_mm
        Where its centreline crosses the lesion's surface, or ends nearest to it.
    distance_mm
        From there to the surface; 0 where it crosses it.
    angle_deg
        Between its course and the direction to the lesion's middle; None where it crosses.
    share
        Of the supply, by calibre; shown as main or minor, never as a number.
    reason
        One sentence of evidence; for a candidate, why it was not accepted.
    by_person
        Accepted or rejected by hand.
    """

    segment: str
    segments: tuple[str, ...]
    entry_lps_mm: Point
    distance_mm: float
    reason: str
    angle_deg: float | None = None
    share: float | None = None
    main: bool | None = None
    diameter_mm: float | None = None
    length_from_root_mm: float | None = None
    total_turning_deg: float | None = None
    doubtful: bool = False
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class OutsideSupply:
    """An artery from elsewhere to look for, because of where a lesion lies."""

    artery: str
    reason: str
    source: str
    tag: str


@dataclass(frozen=True, slots=True)
class FeedersBody:
    """What may supply one lesion. A feeder not found is not a feeder absent.

    `findings` says what was not known or not looked at, one sentence each.
    """

    lesion_id: str
    tree: str
    tree_digest: str
    feeders: tuple[FeederRow, ...] = ()
    candidates: tuple[FeederRow, ...] = ()
    outside: tuple[OutsideSupply, ...] = ()
    smallest_visible_mm: float | None = None
    slice_mm: float | None = None
    series: str | None = None
    phase: str | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TakeOff:
    """The turn a catheter takes into a branch: 0 is straight on."""

    segment: str
    name: str | None
    angle_deg: float
    along_mm: float


@dataclass(frozen=True, slots=True)
class WayMeasures:
    """The way of a catheter from the access to its position.

    Attributes
    ----------
    access
        Key of ``resources/arteries.toml`` (``femoral_right``, ``radial_left``).
    outside_image_mm
        What lies before the image and is not measured, from a cited table; None where no row speaks of it.
    tortuosity
        Length over the straight distance, of the part in the image.
    """

    access: str
    length_mm: float
    minimum_diameter_mm: float | None
    tortuosity: float
    total_turning_deg: float
    take_offs: tuple[TakeOff, ...] = ()
    outside_image_mm: float | None = None
    catheter: str | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NonTarget:
    """A branch that must not be hit.

    Attributes
    ----------
    how
        ``downstream``, ``reflux`` (leaves shortly before the tip), or ``not-found`` (which is not absent).
    distance_mm
        Along the vessel from the tip; None where not found.
    """

    artery: str
    how: str
    segment: str | None = None
    distance_mm: float | None = None


@dataclass(frozen=True, slots=True)
class InjectionMeasures:
    """What would be reached by an injection at a position: a model, to be confirmed by angiography.

    Attributes
    ----------
    flow_share
        Of the root's flow that passes the position, by Murray's law.
    coverage
        Lesion id -> share of its volume in the territory; None where it could not be told.
    """

    flow_share: float | None
    territory_ml: float | None
    healthy_ml: float | None
    organ_ml: float | None
    coverage: Mapping[str, float | None] = field(default_factory=dict)
    non_targets: tuple[NonTarget, ...] = ()
    territory: BlobRef | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ViewMeasures:
    """A C-arm angulation for a segment. LAO and cranial positive, of a patient who lies as `position` says."""

    primary_deg: float
    secondary_deg: float
    foreshortening: float
    overlap: float
    position: str = "supine"
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class CatheterPositionBody:
    """A catheter's tip on a tree. `action` is ``embolise``, ``spare`` or ``protect``."""

    tree: str
    tree_digest: str
    segment: str
    along_mm: float
    tip_lps_mm: Point
    lesion_ids: tuple[str, ...] = ()
    action: str = "embolise"
    way: WayMeasures | None = None
    injection: InjectionMeasures | None = None
    view: ViewMeasures | None = None


@dataclass(frozen=True, slots=True)
class LumenMark:
    """An anatomical place along a lumen (carina, papilla, confluence), by a person's click."""

    name: str
    along_mm: float
    lps_mm: Point


@dataclass(frozen=True, slots=True)
class StenosisMeasures:
    """A narrowing, by diameter. Distances are along the centreline from its start.

    Attributes
    ----------
    percent
        100 x (1 - minimum / reference); None where the reference is unknown.
    reference_mm
        What the reference would be at the narrowest place, between both sides.
    """

    start_mm: float
    end_mm: float
    minimum_at_mm: float
    minimum_mm: float
    percent: float | None = None
    reference_mm: float | None = None
    proximal_reference_mm: float | None = None
    distal_reference_mm: float | None = None
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class LumenBody:
    """A measured lumen.

    Attributes
    ----------
    kind
        One of `LUMEN_KINDS`.
    site
        Key of the stent rule's site (``trachea``, ``biliary``, ``svc``...), or None.
    table
        Packed (n, 9): x, y, z; diameters in mm: inscribed, of a circle of the area, least, greatest; the angle in
        degrees of the greatest axis; 1 where doubtful. NaN where the lumen is closed or could not be measured.
    """

    kind: str
    table: str
    clicks_lps_mm: tuple[Point, ...]
    method: str
    site: str | None = None
    length_mm: float = 0.0
    marks: tuple[LumenMark, ...] = ()
    stenosis: StenosisMeasures | None = None
    series: str | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StentFinding:
    """What a rule says of a planned stent; `severity` as in `planner.findings`."""

    code: str
    severity: str
    text: str
    source: str = ""
    tag: str = "M"


@dataclass(frozen=True, slots=True)
class StentBody:
    """A planned stent.

    Attributes
    ----------
    site, indication
        Keys of ``resources/devices/stents.toml``'s sites and indications.
    device
        Row of the catalogue, or None for a size that the rule gives without a product.
    start_mm, end_mm
        Ends along the lumen's centreline.
    type
        ``bare``, ``covered``, ``partly-covered``, ``iodine-125``...: a key of the catalogue's types.
    partner
        The other stent of a Y or a pair, by item id.
    """

    lumen: str
    lumen_digest: str
    site: str
    diameter_mm: float
    length_mm: float
    start_mm: float
    end_mm: float
    type: str
    indication: str
    device: str | None = None
    oversize_percent: float | None = None
    delivery_french: float | None = None
    partner: str | None = None
    drained_share: float | None = None
    findings: tuple[StentFinding, ...] = ()
