"""Lumens and stents of the session as pictures need them: edges, outlines and walls, made once from stored numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planner.imaging.reformat import Course
from planner.model.vessel_items import LumenMark, StenosisMeasures
from planner.planning.lumens import Lumen
from planner.planning.stent_deployment import Deployment

Floats = NDArray[np.float64]

STEP_MM = 0.5
RAYS = 48
SIDES = 20
"""Of a drawn stent."""
WALL_STEP = 3
"""Of the points of a lumen every third is a ring of its wall."""
WALL_RAYS = 32
"""At least so many rays of an outline are corners of a ring of the wall."""


@dataclass(frozen=True, eq=False)
class LumenShown:
    """A lumen of the session as it is drawn.

    Attributes
    ----------
    id
        Of its plan item.
    lumen
        With contours where it was traced or outlined since the case was opened.
    series
        ``series_uid#part`` of the images it was traced on.
    """

    id: str
    name: str
    lumen: Lumen
    stenosis: StenosisMeasures | None = None
    marks: tuple[LumenMark, ...] = ()
    series: str | None = None
    site: str | None = None

    @property
    def frame_uid(self) -> str:
        return self.lumen.centreline.frame_uid

    @property
    def length_mm(self) -> float:
        return self.lumen.length_mm

    @property
    def is_outlined(self) -> bool:
        """Whether the outline is the measured one; else it is the ellipse of the stored axes."""
        return self.lumen.contours_mm is not None

    @cached_property
    def course(self) -> Course:
        """Prepared once for all pictures."""
        return Course.of(self.lumen.centreline, STEP_MM)

    @cached_property
    def radii_mm(self) -> Floats:
        """(n, rays) around the centreline, turning from the first direction across; NaN where nothing was measured."""
        lumen = self.lumen
        if lumen.contours_mm is not None:
            return lumen.contours_mm
        turn = np.arange(RAYS) * (2.0 * np.pi / RAYS)
        angle = np.deg2rad(np.nan_to_num(lumen.greatest_angle_deg))
        away = turn[None, :] - angle[:, None]
        long, short = 0.5 * lumen.greatest_mm[:, None], 0.5 * lumen.least_mm[:, None]
        below = np.sqrt((short * np.cos(away)) ** 2 + (long * np.sin(away)) ** 2)
        radii: Floats = long * short / np.where(below > 0.0, below, np.nan)
        return radii

    def reach_mm(self, directions_lps: Floats) -> Floats:
        """(n,) from the centreline to the edge, along one direction for each of its points."""
        _, across, beside = self.lumen.frames
        turn = np.arctan2(np.sum(directions_lps * beside, axis=1), np.sum(directions_lps * across, axis=1))
        rays = self.radii_mm.shape[1]
        place = (turn / (2.0 * np.pi) * rays) % rays
        low = np.floor(place).astype(np.intp) % rays
        share = place - np.floor(place)
        rows = np.arange(len(place))
        found: Floats = (1.0 - share) * self.radii_mm[rows, low] + share * self.radii_mm[rows, (low + 1) % rays]
        return found

    def edges_mm(self, angle_deg: float) -> tuple[Floats, Floats]:
        """(n,), (n,) from the middle of a straightened picture to its edge on the right and on the left."""
        right = self._rights(angle_deg)
        return self.reach_mm(right), self.reach_mm(-right)

    def _rights(self, angle_deg: float) -> Floats:
        rows = np.clip(np.rint(self.lumen.along_mm / self.course.step_mm).astype(np.intp), 0, None)
        across, _ = self.course.turned(angle_deg)
        found: Floats = across[np.minimum(rows, len(across) - 1)]
        return found

    def edge_lps_mm(self, sweep_lps: Floats) -> tuple[Floats, Floats]:
        """(n, 3), (n, 3): the edge towards a fixed direction, and the one opposite, for a curved picture."""
        tangents, _, _ = self.lumen.frames
        flat = sweep_lps - tangents * (tangents @ sweep_lps)[:, None]
        flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
        points = self.lumen.centreline.points_lps_mm
        one = points + self.reach_mm(flat)[:, None] * flat
        other = points - self.reach_mm(-flat)[:, None] * flat
        return one, other

    def index_at(self, along_mm: float) -> int:
        """Of the point of the centreline nearest to a place."""
        return int(np.argmin(np.abs(self.lumen.along_mm - along_mm)))

    def outline_at(self, along_mm: float) -> Floats | None:
        """(rays, 3) LPS mm of the outline across the lumen at a place; None where it is closed or was not measured."""
        at = self.index_at(along_mm)
        radii = self.radii_mm[at]
        if not np.isfinite(radii).all():
            return None
        _, across, beside = (each[at] for each in self.lumen.frames)
        turn = np.arange(len(radii)) * (2.0 * np.pi / len(radii))
        ring = np.cos(turn)[:, None] * across + np.sin(turn)[:, None] * beside
        outline: Floats = self.lumen.centreline.points_lps_mm[at] + radii[:, None] * ring
        return outline

    @cached_property
    def wall(self) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
        """Vertices (r * rays, 3) LPS mm, triangles (m, 3) of the open tube, and (r * rays,) where it is doubtful."""
        radii = self.radii_mm[::WALL_STEP, :: max(1, self.radii_mm.shape[1] // WALL_RAYS)]
        points = self.lumen.centreline.points_lps_mm[::WALL_STEP]
        _, across, beside = (each[::WALL_STEP] for each in self.lumen.frames)
        rays = radii.shape[1]
        turn = np.arange(rays) * (2.0 * np.pi / rays)
        ring = np.cos(turn)[None, :, None] * across[:, None] + np.sin(turn)[None, :, None] * beside[:, None]
        vertices = points[:, None] + np.nan_to_num(radii)[:, :, None] * ring
        known: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(radii), axis=1)
        both = np.asarray(known[:-1] & known[1:], dtype=np.bool_)
        rows, sides = np.flatnonzero(both)[:, None] * rays, np.arange(rays)[None, :]
        here, next_side = (rows + sides).ravel(), (rows + (sides + 1) % rays).ravel()
        triangles = np.concatenate(
            [
                np.stack([here, next_side, here + rays], axis=1),
                np.stack([next_side, next_side + rays, here + rays], axis=1),
            ]
        ).astype(np.int64)
        doubtful = np.repeat(self.lumen.doubtful[::WALL_STEP], rays)
        return vertices.reshape(-1, 3), triangles, doubtful

    @property
    def widest_mm(self) -> float:
        """Greatest diameter that was measured; 10 mm where none was, so that pictures have a width."""
        known = self.lumen.greatest_mm[np.isfinite(self.lumen.greatest_mm)]
        return float(known.max()) if known.size else 10.0


@dataclass(frozen=True, eq=False)
class StentShown:
    """A stent of the session, or under the hand, as it is drawn.

    Attributes
    ----------
    deployment
        None where it lies outside the lumen as it is now.
    landing_mm
        Of the stent before and behind the stricture; None without a stricture.
    stale
        Why its findings no longer hold; empty while they do.
    words
        Product or rule, and size.
    """

    id: str
    name: str
    lumen_id: str
    start_mm: float
    end_mm: float
    diameter_mm: float
    deployment: Deployment | None = None
    stale: str = ""
    words: str = ""

    @property
    def length_mm(self) -> float:
        return self.end_mm - self.start_mm

    @cached_property
    def rings(self) -> tuple[Floats, Floats]:
        """Places (n, 3) of its rings on the course, and (n, SIDES, 3) unit directions from there to its wall."""
        made = self.deployment
        if made is None:
            return np.zeros((0, 3)), np.zeros((0, SIDES, 3))
        course = made.course
        turn = np.arange(SIDES) * (2.0 * np.pi / SIDES)
        rows = made.along_mm / course.step_mm
        across, beside = (_between(each, rows) for each in course.turned(0.0))
        ring = np.cos(turn)[None, :, None] * across[:, None] + np.sin(turn)[None, :, None] * beside[:, None]
        return course.at(made.along_mm), ring

    @cached_property
    def walls(self) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """(n * SIDES, 3) as it lies and at its nominal diameter, and the triangles (m, 3) of either tube."""
        middles, ring = self.rings
        made = self.deployment
        held = np.zeros(0) if made is None else made.held_mm
        found = [
            (middles[:, None] + 0.5 * np.asarray(width)[..., None, None] * ring).reshape(-1, 3)
            for width in (held, np.full_like(held, self.diameter_mm))
        ]
        rows, sides = np.arange(max(len(middles) - 1, 0))[:, None] * SIDES, np.arange(SIDES)[None, :]
        here, beside = (rows + sides).ravel(), (rows + (sides + 1) % SIDES).ravel()
        triangles = np.concatenate(
            [np.stack([here, beside, here + SIDES], axis=1), np.stack([beside, beside + SIDES, here + SIDES], axis=1)]
        )
        return found[0], found[1], triangles

    @property
    def landing_mm(self) -> tuple[float | None, float | None]:
        made = self.deployment
        return (None, None) if made is None else (made.landing_proximal_mm, made.landing_distal_mm)


def _between(table: Floats, rows: Floats) -> Floats:
    """(n, 3) of a table (m, 3) at places between its rows."""
    known = np.arange(len(table), dtype=np.float64)
    return np.stack([np.interp(rows, known, table[:, axis]) for axis in range(3)], axis=-1)
