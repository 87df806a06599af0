"""Which C-arm angulation shows a stretch of a vessel at full length and free of others.

Rays count as parallel: over a few centimetres around the isocentre that changes angles by less than 3 degrees. Angles
are the patient's (`planner.geometry.c_arm`); the map lies around the direction in which the detector is above the
table, which is AP for a supine patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.catalogues import catalogue
from planner.errors import BugError, OperatorError, UsageError
from planner.geometry.c_arm import angle_words
from planner.geometry.patient_positions import PatientPosition
from planner.imaging.bands import in_bands
from planner.jobs import Context
from planner.model.vessel_items import ViewMeasures
from planner.planning.arteries import arteries
from planner.planning.vessel_tree import Floats, TreeSegment, VesselTree

PRIMARY_REACH_DEG, SECONDARY_REACH_DEG = 60.0, 45.0
"""Half extents of the map."""
_STEP_MM = 1.0
"""Length of the pieces in which the stretch is measured."""
_PIECE_MM = 4.0
"""Longest piece of another vessel."""
_JOINT_MM = 2.0
"""Beyond the radii of both, so far around a branching another vessel is the branching itself and hides nothing."""
_UNKNOWN_RADIUS_MM = 1.0
"""Of a vessel whose width is not known, in its shadow only."""
_ALIKE = 0.02
"""Views that lose this little more than the best are as good; of them the one with the least tilt is proposed."""
_FLAT = 0.05
"""Gain over the usual views below which the map is said to be flat."""


@dataclass(frozen=True, slots=True)
class ViewLimits:
    """What a machine reaches, as the C-arm of a supine, head-first patient counts; lowest and highest, degrees."""

    id: str
    title: str
    primary_deg: tuple[float, float]
    secondary_deg: tuple[float, float]
    source: str
    tag: str


@dataclass(frozen=True, slots=True)
class UsualView:
    """A view that is taken without planning, in the patient's own angles; `losses` are filled in by the map."""

    id: str
    title: str
    primary_deg: float
    secondary_deg: float
    source: str
    tag: str
    foreshortening: float | None = None
    overlap: float | None = None


@dataclass(frozen=True, eq=False)
class ViewMap:
    """Every direction of the detector over a stretch of a vessel.

    Attributes
    ----------
    primary_deg, secondary_deg
        (p,) and (s,), ascending; the patient's own angles.
    foreshortening
        (s, p): 1 - projected length / length.
    overlap
        (s, p): share of the stretch's shadow that lies in the shadow of another vessel.
    allowed
        (s, p): within the limits of the machine.
    best
        Primary and secondary recommended; None where the machine reaches none of the map.
    flat
        The best view gains little over the best usual one: any of them does.
    length_mm
        Of the stretch.
    """

    primary_deg: Floats
    secondary_deg: Floats
    foreshortening: NDArray[np.float32]
    overlap: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    best: tuple[float, float] | None
    flat: bool
    usual: tuple[UsualView, ...]
    limits: ViewLimits
    position: PatientPosition
    length_mm: float

    @property
    def score(self) -> NDArray[np.float32]:
        """(s, p) 1 shows the whole length free of others; the worse of both losses counts."""
        found: NDArray[np.float32] = (1.0 - np.maximum(self.foreshortening, self.overlap)).astype(np.float32)
        return found

    def at(self, primary_deg: float, secondary_deg: float) -> tuple[float, float]:
        """Foreshortening and overlap of the nearest direction of the map."""
        row = int(np.argmin(np.abs(self.secondary_deg - secondary_deg)))
        column = int(np.argmin(np.abs(_turn(self.primary_deg - primary_deg))))
        return float(self.foreshortening[row, column]), float(self.overlap[row, column])

    def measures(self, primary_deg: float, secondary_deg: float, *, by_person: bool) -> ViewMeasures:
        """What is stored of a view."""
        short, hidden = self.at(primary_deg, secondary_deg)
        return ViewMeasures(primary_deg, secondary_deg, short, hidden, self.position.posture, by_person)

    @property
    def words(self) -> str:
        """One sentence: what is recommended, and how much it gains over the best usual view."""
        if self.best is None:
            return f"No direction of the map is within the limits of the machine ({self.limits.title})."
        short, hidden = self.at(*self.best)
        said = f"{angle_words(*self.best)}, {self.position.words}: {short:.0%} foreshortened, {hidden:.0%} overlapped"
        usual = self._best_usual()
        if usual is None or usual.foreshortening is None or usual.overlap is None:
            return f"{said}."
        beside = f"{usual.title} {usual.foreshortening:.0%} and {usual.overlap:.0%}"
        return f"{said} ({beside}; about as good)." if self.flat else f"{said} ({beside})."

    def _best_usual(self) -> UsualView | None:
        known = [each for each in self.usual if each.foreshortening is not None]
        return min(known, key=lambda each: max(each.foreshortening or 0.0, each.overlap or 0.0), default=None)


@cache
def view_limits(machine: str = "generic") -> ViewLimits:
    """Of a machine of ``resources/c_arm_views.toml``.

    Raises
    ------
    UsageError
        ``unknown-machine``.
    BugError
        For a row without a source.
    """
    for row in catalogue("c_arm_views.toml")["machine"]:
        if row["id"] != machine:
            continue
        if not row.get("source") or not row.get("tag"):
            raise BugError(f"resources/c_arm_views.toml names no source or tag for the machine {machine}")
        primary, secondary = row["primary_deg"], row["secondary_deg"]
        return ViewLimits(
            machine, row["title"], (primary[0], primary[1]), (secondary[0], secondary[1]), row["source"], row["tag"]
        )
    raise UsageError("unknown-machine", f"No C-arm is called {machine}; choose one of the list.", subject=machine)


def usual_views(organ: str | None, position: PatientPosition) -> tuple[UsualView, ...]:
    """The views taken of an organ without planning, in the angles of a patient who lies like this.

    Raises
    ------
    BugError
        For a row without a source.
    """
    found = []
    for row in catalogue("c_arm_views.toml")["view"]:
        if not row.get("source") or not row.get("tag"):
            raise BugError(f"resources/c_arm_views.toml names no source or tag for the view {row['id']}")
        if row["organs"] and organ not in row["organs"]:
            continue
        direction = direction_lps(row["primary_deg"], row["secondary_deg"]) @ position.room_from_lps
        primary, secondary = _angles_deg(direction)
        found.append(UsualView(row["id"], row["title"], primary, secondary, row["source"], row["tag"]))
    return tuple(found)


def direction_lps(primary_deg: ArrayLike, secondary_deg: ArrayLike) -> Floats:
    """(..., 3) unit direction to the detector, as `planner.geometry.c_arm.CArm.axes_lps` has it."""
    return _axes(primary_deg, secondary_deg)[2]


def view_map(
    tree: VesselTree,
    segment: str,
    *,
    points_lps_mm: ArrayLike | None = None,
    limits: ViewLimits | None = None,
    position: PatientPosition | None = None,
    others: Sequence[str] | None = None,
    organ: str | None = "liver",
    step_deg: float = 2.5,
    context: Context | None = None,
) -> ViewMap:
    """Foreshortening and overlap of a segment over +-60 x +-45 degrees.

    Parameters
    ----------
    points_lps_mm
        (n, 3) of another stretch than the whole segment, such as one around a catheter's tip.
    limits
        None takes those of a usual machine.
    others
        Segments that may hide it; None takes everything that an injection before it would show: what hangs on the way
        to it beyond the aorta and the arteries of access.
    organ
        Chooses the usual views.

    Raises
    ------
    KeyError
        For a segment that is not of the tree.
    OperatorError
        ``no-length``, for a stretch without one.
    """
    where = position or PatientPosition()
    reached = limits or view_limits()
    own = tree.segment(segment)
    points, radius, weight, vectors, length = _stretch(own, points_lps_mm)
    middle = _angles_deg(where.up_lps)[0]
    primary = middle + _axis(PRIMARY_REACH_DEG, step_deg)
    secondary = _axis(SECONDARY_REACH_DEG, step_deg)
    job = context or Context()
    job.step(0.0, "Working view")
    mesh_s, mesh_p = np.meshgrid(secondary, primary, indexing="ij")
    right, down, towards = _axes(mesh_p.ravel(), mesh_s.ravel())
    along = towards @ vectors.T
    squared = np.einsum("ij,ij->i", vectors, vectors)
    short = 1.0 - np.sqrt(np.maximum(squared[None, :] - along**2, 0.0)).sum(axis=1) / length
    hidden = _hidden(tree, own, others, right, down, (points, radius, weight))
    job.step(1.0, "Working view")
    size = mesh_p.shape
    allowed = _within(reached, where, towards).reshape(size)
    shown = np.clip(short, 0.0, 1.0).reshape(size).astype(np.float32)
    overlap = hidden.reshape(size).astype(np.float32)
    best = _best(primary, secondary, shown, overlap, allowed, middle)
    bare = ViewMap(primary, secondary, shown, overlap, allowed, best, False, (), reached, where, length)
    return _with_usual(bare, usual_views(organ, where))


def _with_usual(found: ViewMap, usual: Sequence[UsualView]) -> ViewMap:
    """With the losses of the usual views, and whether the best one gains anything over them."""
    filled = tuple(
        UsualView(
            each.id, each.title, each.primary_deg, each.secondary_deg, each.source, each.tag,
            *found.at(each.primary_deg, each.secondary_deg),
        )
        for each in usual
    )  # fmt: skip
    flat = False
    if found.best is not None and filled:
        least = min(max(each.foreshortening or 0.0, each.overlap or 0.0) for each in filled)
        flat = least - max(found.at(*found.best)) < _FLAT
    return ViewMap(
        found.primary_deg, found.secondary_deg, found.foreshortening, found.overlap, found.allowed, found.best, flat,
        filled, found.limits, found.position, found.length_mm,
    )  # fmt: skip


def _axis(reach_deg: float, step_deg: float) -> Floats:
    steps = int(np.ceil(reach_deg / step_deg))
    found: Floats = np.linspace(-reach_deg, reach_deg, 2 * steps + 1)
    return found


def _axes(primary_deg: ArrayLike, secondary_deg: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Right, down and towards the detector, (..., 3) each."""
    primary, secondary = np.deg2rad(np.asarray(primary_deg, float)), np.deg2rad(np.asarray(secondary_deg, float))
    sin_p, cos_p, sin_s, cos_s = np.sin(primary), np.cos(primary), np.sin(secondary), np.cos(secondary)
    right = np.stack([cos_p, sin_p, np.zeros_like(sin_p)], axis=-1)
    down = np.stack([sin_s * sin_p, -sin_s * cos_p, -cos_s], axis=-1)
    return right, down, np.stack([sin_p * cos_s, -cos_p * cos_s, sin_s], axis=-1)


def _angles_deg(direction_lps_unit: Floats) -> tuple[float, float]:
    x, y, z = direction_lps_unit
    return float(np.rad2deg(np.arctan2(x, -y))), float(np.rad2deg(np.arcsin(np.clip(z, -1.0, 1.0))))


def _turn(degrees: Floats) -> Floats:
    """The same turn between -180 and 180 degrees."""
    found: Floats = (degrees + 180.0) % 360.0 - 180.0
    return found


def _within(limits: ViewLimits, position: PatientPosition, towards_lps: Floats) -> NDArray[np.bool_]:
    """(v,) directions the machine reaches; with a tolerance for angles that are computed."""
    x, y, z = position.turned(towards_lps).T
    primary, secondary = np.rad2deg(np.arctan2(x, -y)), np.rad2deg(np.arcsin(np.clip(z, -1.0, 1.0)))
    (low_p, high_p), (low_s, high_s) = limits.primary_deg, limits.secondary_deg
    found: NDArray[np.bool_] = (
        (primary >= low_p - 1e-6) & (primary <= high_p + 1e-6) & (secondary >= low_s - 1e-6)
        & (secondary <= high_s + 1e-6)
    )  # fmt: skip
    return found


def _best(
    primary: Floats,
    secondary: Floats,
    short: NDArray[np.float32],
    hidden: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    middle_deg: float,
) -> tuple[float, float] | None:
    """Of the allowed views that lose about the least, the one with the least tilt."""
    if not allowed.any():
        return None
    loss = np.where(allowed, np.maximum(short, hidden), np.inf)
    tilt = np.hypot(secondary[:, None], primary[None, :] - middle_deg)
    row, column = np.unravel_index(int(np.argmin(np.where(loss <= loss.min() + _ALIKE, tilt, np.inf))), loss.shape)
    return float(primary[column]), float(secondary[row])


def _stretch(segment: TreeSegment, points_lps_mm: ArrayLike | None) -> tuple[Floats, Floats, Floats, Floats, float]:
    """Middles of the pieces, their radius, their share of the length, their vectors, and the length."""
    line = segment.points_lps_mm if points_lps_mm is None else np.asarray(points_lps_mm, float).reshape(-1, 3)
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    if len(line) < 2 or along[-1] <= 0.0:
        raise OperatorError("no-length", "The stretch has no length; choose a longer one.", subject=segment.id)
    count = max(2, int(np.ceil(along[-1] / _STEP_MM)))
    edges = np.linspace(0.0, along[-1], count + 1)
    places = np.stack([np.interp(edges, along, line[:, axis]) for axis in range(3)], axis=1)
    vectors = np.diff(places, axis=0)
    lengths = np.linalg.norm(vectors, axis=1)
    middles = (places[:-1] + places[1:]) / 2.0
    known = np.isfinite(segment.radius_mm)
    radius = np.full(count, _UNKNOWN_RADIUS_MM)
    if known.any():
        gaps = np.linalg.norm(middles[:, None] - segment.points_lps_mm[known][None], axis=2)
        radius = segment.radius_mm[known][np.argmin(gaps, axis=1)]
    return middles, np.maximum(radius, 1e-3), lengths / lengths.sum(), vectors, float(lengths.sum())


def _hidden(
    tree: VesselTree,
    own: TreeSegment,
    others: Sequence[str] | None,
    right: Floats,
    down: Floats,
    stretch: tuple[Floats, Floats, Floats],
) -> Floats:
    from planner.planning.working_view_kernels import hidden_shares

    points, radius, weight = stretch
    starts, ends, width = _pieces(tree, others if others is not None else _shown_with(tree, own.id), own, points)
    found = np.zeros(len(right))
    if len(starts):
        in_bands(
            len(right),
            lambda first, last: hidden_shares(
                right, down, points, radius, weight, starts, ends, width, found, first, last
            ),
            least_rows=32,
        )
    return found


def _shown_with(tree: VesselTree, key: str) -> list[str]:
    """What an injection on the way would show: beyond the last stretch of the way that is aorta or access."""
    way = tree.way_to(key)
    start = 0
    for at, segment in enumerate(way[:-1]):
        known = arteries().get(segment.name or "")
        plain = (segment.name or "").casefold()
        if "aorta" in plain or (known is not None and known.group == "access"):
            start = at + 1
    return [each.id for each in tree.downstream(way[start].id)]


def _pieces(tree: VesselTree, others: Sequence[str], own: TreeSegment, points: Floats) -> tuple[Floats, Floats, Floats]:
    """Short pieces of the other vessels, without the stretch itself and what meets it at its branchings."""
    starts, ends, widths = [np.empty((0, 3))], [np.empty((0, 3))], [np.empty(0)]
    for key in others:
        if key == own.id:
            continue
        segment = tree.segment(key)
        count = max(1, int(np.ceil(segment.length_mm / _PIECE_MM)))
        edges = np.linspace(0.0, segment.length_mm, count + 1)
        line = np.stack([np.interp(edges, segment.along_mm, segment.points_lps_mm[:, a]) for a in range(3)], axis=1)
        starts.append(line[:-1])
        ends.append(line[1:])
        widths.append(np.full(count, segment.mean_radius_mm or _UNKNOWN_RADIUS_MM))
    start, end, width = np.concatenate(starts), np.concatenate(ends), np.concatenate(widths)
    if not len(start):
        return start, end, width
    joints = np.stack([tree.nodes[own.start], tree.nodes[own.end], points[0], points[-1]])
    middle = (start + end) / 2.0
    gap = np.linalg.norm(middle[:, None] - joints[None], axis=2).min(axis=1)
    free = gap - np.linalg.norm(end - start, axis=1) / 2.0 > width + (own.mean_radius_mm or 0.0) + _JOINT_MM
    return np.ascontiguousarray(start[free]), np.ascontiguousarray(end[free]), np.ascontiguousarray(width[free])
