"""What is true of the digital patient: masks, trees, landmarks, lesions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from planner.imaging import LabelMap
from planner.phantom.lumens import TrueLumen
from planner.phantom.trees import VesselSegment, VesselTree


@dataclass(frozen=True, slots=True)
class Landmark:
    """A named point, LPS mm."""

    name: str
    lps_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class TrueLesion:
    """A tumour as it was modelled.

    Attributes
    ----------
    diameter_mm
        Longest diameter in an axial plane of the modelled surface.
    segment
        Couinaud segment of its centre.
    feeders
        Names of the arteries that supply it.
    label
        Voxel value in the lesion map.
    """

    identifier: str
    label: int
    centre_lps_mm: tuple[float, float, float]
    diameter_mm: float
    volume_ml: float
    segment: int
    feeders: tuple[str, ...]
    arterial_hyperenhancement: bool
    washout: bool
    capsule: bool


@dataclass(frozen=True, eq=False)
class Truth:
    """The ground truth of one digital patient.

    Attributes
    ----------
    structures
        Organs and bones; vessels inside the liver and tumours count as liver.
    segments
        Couinaud segments of the liver, values 1 to 8.
    vessels
        1 arteries, 2 portal vein and tributaries, 3 hepatic veins, 4 inferior vena cava.
    lesions
        Value = `TrueLesion.label`.
    trees
        ``artery``, ``portal vein`` and ``hepatic vein``; the case `stent` has a ``bile duct`` from the confluence up.
    lumens
        Lumens whose width is known all along; only the case `stent` has one.
    """

    structures: LabelMap
    segments: LabelMap
    vessels: LabelMap
    lesion_map: LabelMap
    trees: Mapping[str, VesselTree]
    landmarks: tuple[Landmark, ...]
    lesions: tuple[TrueLesion, ...]
    michels: str
    lumens: Mapping[str, TrueLumen] = field(default_factory=dict)

    def landmark(self, name: str) -> tuple[float, float, float]:
        """Position of a landmark, LPS mm; KeyError for an unknown name."""
        return {point.name: point.lps_mm for point in self.landmarks}[name]

    def path_to(self, segment_name: str) -> list[VesselSegment]:
        """Arterial segments from the aorta to the first one of a name, in order; empty when there is none."""
        segments = self.trees["artery"].segments()
        target = next((segment for segment in segments if segment.name == segment_name), None)
        path: list[VesselSegment] = []
        while target is not None:
            path.append(target)
            target = None if target.parent is None else segments[target.parent]
        return path[::-1]
