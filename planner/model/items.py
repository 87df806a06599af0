"""Plan items: what is marked on images. Masks are never inside: an item holds a `BlobRef`.

An item is ``{id, type, schema, frame_uid, source_uids, author, tool, body}``; unknown types survive a round trip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

REGION = "region"
"""Body: `RegionBody`. A lesion or an organ painted on a grid."""
VESSEL_PATH = "vessel-path"
"""Body: `VesselPathBody`. From the access to a tumour, in named segments."""
MEASUREMENT = "measurement"
"""Body: `MeasurementBody`."""
KEY_IMAGE = "key-image"
"""Body: `KeyImageBody`. A view to be printed."""

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A mask in the blob store: packed bits of the cropped box.

    Attributes
    ----------
    sha256
        Of the packed bytes; the name of the blob.
    size_kji, lps_from_kji, frame_uid
        The full grid the box lies in (flat row-major 4x4, mm).
    low_kji, high_kji
        The box, low inclusive, high exclusive.
    """

    sha256: str
    size_kji: tuple[int, int, int]
    lps_from_kji: tuple[float, ...]
    frame_uid: str
    low_kji: tuple[int, int, int]
    high_kji: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class RegionBody:
    """A painted region. `lesion_id` for lesions, `structure` (key of ``resources/structures.toml``) otherwise.

    `copy_of` is the id of the region on other images that it was brought over from, None for one that was marked.
    """

    blob: BlobRef
    lesion_id: str | None = None
    structure: str | None = None
    colour: str = "#d0a030"
    volume_ml: float | None = None
    longest_mm: float | None = None
    copy_of: str | None = None


@dataclass(frozen=True, slots=True)
class PathSegment:
    """A named stretch of a vessel path. `artery` is a key of ``resources/arteries.toml``."""

    artery: str
    start_mm: float
    end_mm: float
    mean_diameter_mm: float | None = None
    minimum_diameter_mm: float | None = None
    low_confidence: bool = False


@dataclass(frozen=True, slots=True)
class VesselPathBody:
    """A path along the lumen; `radius_mm` has one entry per point, None where it could not be measured."""

    points_lps_mm: tuple[Point, ...]
    radius_mm: tuple[float | None, ...] = ()
    segments: tuple[PathSegment, ...] = ()
    clicks_lps_mm: tuple[Point, ...] = ()
    lesion_ids: tuple[str, ...] = ()
    method: str = "minimal-path"
    low_confidence: bool = False


@dataclass(frozen=True, slots=True)
class MeasurementBody:
    """A measurement. `kind` is ``distance``, ``angle``, ``ellipse`` or ``volume``; `values` carry UCUM units as keys.

    For an ellipse the points are centre, end of the first half axis, end of the second half axis.
    """

    kind: str
    points_lps_mm: tuple[Point, ...]
    values: Mapping[str, float | None] = field(default_factory=dict)
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class KeyImageBody:
    """A view worth printing: which layout, where the cursor stood, which window."""

    layout: str
    cursor_lps_mm: Point
    series_uid: str
    window: tuple[float, float] | None = None
    caption: str = ""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class PlanItem:
    """One marked thing. `body` is the JSON of its type's body (see `planner.model.codec`).

    `inherited_from` is the session it was copied from; such an item is marked for review until somebody confirms it.
    """

    id: str
    type: str
    name: str
    frame_uid: str
    body: Mapping[str, Any]
    schema: int = 1
    source_uids: tuple[str, ...] = ()
    author: str | None = None
    tool: str | None = None
    created_at: datetime | None = None
    visible: bool = True
    inherited_from: str | None = None
