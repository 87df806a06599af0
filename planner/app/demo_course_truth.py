"""What the walk through the course found, beside what is true of the digital patient."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from planner.app.demo_course_images import CourseDay
from planner.imaging.displacement import PointMap
from planner.model.links import FrameLink
from planner.phantom.enhancement import structure_value

MOST_POINTS = 20_000
"""Voxels of the liver at which a field is compared with the truth."""


@dataclass(frozen=True, slots=True)
class LinkSeen:
    """How far a registration lies from the modelled motion, over the whole liver, mm.

    Attributes
    ----------
    before_mm
        Mean distance without any registration.
    mean_mm, p95_mm, largest_mm
        After it.
    landmarks_mm
        Mean at the landmarks that a person clicked: what the program itself can tell.
    """

    day: str
    role: str
    model: str
    before_mm: float
    mean_mm: float
    p95_mm: float
    largest_mm: float
    landmarks_mm: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class IdentitySeen:
    """What was proposed of a tumour's identity, and whether that is who it is."""

    day: str
    tumour: str
    proposed: str | None
    right: bool


@dataclass(frozen=True, slots=True)
class SizeSeen:
    """A diameter as it was found and as it was modelled, mm; None is not evaluable, or nothing viable."""

    day: str
    tumour: str
    found_mm: float | None
    true_mm: float | None


@dataclass(frozen=True, slots=True)
class MarginSeen:
    """Least margin of an ablation as measured on its completion scan and as modelled inside the liver, mm."""

    tumour: str
    planned_mm: float | None
    found_mm: float | None
    registration_error_mm: float | None
    true_mm: float


@dataclass(frozen=True, slots=True)
class CourseTruth:
    """Everything that was compared."""

    links: tuple[LinkSeen, ...]
    identities: tuple[IdentitySeen, ...]
    longest: tuple[SizeSeen, ...]
    viable: tuple[SizeSeen, ...]
    margins: tuple[MarginSeen, ...]

    def to_json(self) -> dict[str, Any]:
        right = sum(each.right for each in self.identities)
        return {
            "registration": [asdict(each) for each in self.links],
            "identity": {
                "right": right,
                "wrong": len(self.identities) - right,
                "proposals": [asdict(each) for each in self.identities],
            },
            "longest_mm": [asdict(each) for each in self.longest],
            "viable_mm": [asdict(each) for each in self.viable],
            "margins": [asdict(each) for each in self.margins],
        }


def link_seen(day: CourseDay, role: str, link: FrameLink, found: PointMap) -> LinkSeen:
    """A registration to the baseline against the motion of the day, at voxels of the liver."""
    true = day.truth_of(role)
    inside = np.argwhere(true.structures.voxels == structure_value("liver"))
    chosen = inside[:: max(1, len(inside) // MOST_POINTS)].astype(np.float64)
    points = true.grid.lps_from_kji.points(chosen)
    wanted = true.day_map.inverse_points(points)
    before = np.linalg.norm(points - wanted, axis=1)
    after = np.linalg.norm(found.points(points) - wanted, axis=1)
    quality = link.quality
    landmarks = None if quality is None or quality.landmark_after_mm is None else quality.landmark_after_mm[0]
    return LinkSeen(
        day=day.key,
        role=role,
        model="rigid" if quality is None else quality.model,
        before_mm=float(before.mean()),
        mean_mm=float(after.mean()),
        p95_mm=float(np.percentile(after, 95)),
        largest_mm=float(after.max()),
        landmarks_mm=landmarks,
        seconds=None if quality is None else quality.seconds,
    )
