"""Needles into a vertebra, through the pedicle or beside it, with the widest wall around them.

The search is exhaustive on two lattices: every place of the isthmus a needle can pass, with every place of the front
of the body it can end in. Of each line the least distance from the needle's outer wall to the bone's surface is
computed from the back of the pedicle to the tip, and its distance from the canal all the way to the skin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.clinical.constants import Overrides, RuleConstants
from planner.clinical.registry import evaluate, rule
from planner.imaging.bands import in_bands
from planner.jobs import Context
from planner.planning.pedicles import Pedicle, angles_deg, side_sign
from planner.planning.vertebra_bone import Floats
from planner.planning.vertebra_frame import Vertebra

if TYPE_CHECKING:
    from planner.imaging.volumes import Volume

TRANSPEDICULAR, PARAPEDICULAR = "transpedicular", "parapedicular"

_GATE_MM = 0.5
_TIP_MM = 1.2
_STEP_MM = 0.5
_CANAL_BEHIND_MM = 45.0
_BONE_BEHIND_MM = 45.0
_IPSILATERAL_SHARE = 0.3
"""Of half the body's width: where the tip of one of two needles is best placed."""
_LEAST_TURN_DEG = -10.0
"""A needle may diverge so much at most."""
_BESIDE_LEAST_DEG = 10.0
_WALLS = (("lateral", "medial"), ("anterior", "posterior"), ("superior", "inferior"))


@dataclass(frozen=True, slots=True)
class NeedleLimits:
    """Limits of a needle into a vertebra, as rule ``vertebroplasty_needle`` gives them; mm, degrees."""

    wall_mm: float
    canal_mm: float
    posterior_wall_mm: float
    front_wall_mm: float
    anterior_share: float
    anterior_share_most: float
    midline_mm: float
    as_wide_mm: float
    convergence_most_deg: float
    craniocaudal_most_deg: float
    gauges: Mapping[str, tuple[int, ...]]
    diameters_mm: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One needle.

    Attributes
    ----------
    entry_lps_mm
        Where it first meets the vertebra.
    tip_lps_mm
        Its end.
    gate_lps_mm
        Where it passes the isthmus, or the body's corner beside the pedicle.
    wall_clearance_mm
        Least distance from its outer wall to the bone's surface, from the back of the pedicle to the tip; negative
        where it leaves the bone.
    wall
        The wall that is nearest there (``medial``, ``inferior``, ...), and `nearest_lps_mm` where.
    canal_mm
        Least distance from its outer wall to the canal, along all of it.
    posterior_wall_mm, anterior_share, midline_mm
        Of the tip; see `planner.model.needle_items.PedicleMeasures`.
    examined
        Lines that were looked at.
    """

    side: str
    approach: str
    gauge: str
    diameter_mm: float
    entry_lps_mm: Floats
    tip_lps_mm: Floats
    gate_lps_mm: Floats
    pedicle_width_mm: float
    wall_clearance_mm: float
    wall: str
    nearest_lps_mm: Floats
    canal_mm: float
    posterior_wall_mm: float
    anterior_share: float
    midline_mm: float
    convergence_deg: float
    craniocaudal_deg: float
    examined: int
    skin_lps_mm: Floats | None = None

    @property
    def breach(self) -> bool:
        """The needle leaves the bone."""
        return self.wall_clearance_mm < 0.0 or self.canal_mm < 0.0

    @property
    def length_mm(self) -> float:
        """From the skin to the tip; from the bone where the skin is not in the image."""
        start = self.entry_lps_mm if self.skin_lps_mm is None else self.skin_lps_mm
        return float(np.linalg.norm(self.tip_lps_mm - start))

    @property
    def outward_lps(self) -> Floats:
        """Unit direction from the tip to the hub."""
        away = self.entry_lps_mm - self.tip_lps_mm
        unit: Floats = away / np.linalg.norm(away)
        return unit

    def reaches_midline(self, limits: NeedleLimits) -> bool:
        """One needle may do: its tip lies near the midline or beyond."""
        return self.midline_mm <= limits.midline_mm


def needle_limits(overrides: Overrides | None = None) -> NeedleLimits:
    """The shipped limits, or those of an institution profile (``{rule: {constant: value}}``)."""
    constants = _constants(overrides)
    gauges = {name: tuple(int(each) for each in row) for name, row in constants.table("gauges").items()}
    return NeedleLimits(
        wall_mm=constants.number("wall"),
        canal_mm=constants.number("canal"),
        posterior_wall_mm=constants.number("posterior_wall"),
        front_wall_mm=constants.number("front_wall"),
        anterior_share=constants.number("anterior_share"),
        anterior_share_most=constants.number("anterior_share_most"),
        midline_mm=constants.number("midline"),
        as_wide_mm=constants.number("as_wide"),
        convergence_most_deg=constants.number("convergence_most"),
        craniocaudal_most_deg=constants.number("craniocaudal_most"),
        gauges=gauges,
        diameters_mm={int(gauge): float(mm) for gauge, mm in constants.table("diameters").items()},
    )


def _constants(overrides: Overrides | None) -> RuleConstants:
    known = rule("vertebroplasty_needle")
    changes = (overrides or {}).get(known.id)
    return known.constants.replaced(changes) if changes else known.constants


def region_of_level(level: str | None) -> str | None:
    """``cervical``, ``thoracic`` or ``lumbar`` of a key such as ``vertebrae_L2``; None for another one."""
    letter = (level or "").removeprefix("vertebrae_")[:1].upper()
    return {"C": "cervical", "T": "thoracic", "L": "lumbar"}.get(letter)


def usual_convergence_deg(level: str | None) -> tuple[float, float] | None:
    """Least and largest usual convergence at a level; None where no usual one is known."""
    name = (level or "").removeprefix("vertebrae_")
    if name not in rule("vertebra_convergence").inputs["level"].choices:
        return None
    found = evaluate("vertebra_convergence", {"level": name})
    low, high = found.value("low"), found.value("high")
    return (float(low), float(high)) if isinstance(low, float) and isinstance(high, float) else None


def widest(
    vertebra: Vertebra,
    pedicle: Pedicle,
    limits: NeedleLimits,
    *,
    region: str,
    approach: str | None = None,
    convergence_deg: tuple[float, float] | None = None,
    to_midline: bool = False,
    context: Context | None = None,
) -> Trajectory | None:
    """The needle with the widest wall; among equally wide ones that with the best placed tip.

    Parameters
    ----------
    region
        ``cervical``, ``thoracic`` or ``lumbar``: which gauges are usual.
    approach
        None takes what the pedicle's width says.
    convergence_deg
        Usual angles of the level, preferred among equally wide needles.
    to_midline
        The tip has to reach the midline: one needle for both sides.

    Returns
    -------
    None where no line within the limits of angle, canal and tip exists. A line that leaves the bone is returned when
    there is no better one: see `Trajectory.breach`.
    """
    said = evaluate("vertebroplasty_needle", {"region": region, "pedicle_width": pedicle.width_mm})
    chosen = approach or str(said.value("approach") or TRANSPEDICULAR)
    usual = limits.gauges[region]
    first = int(str(said.value("gauge") or usual[-1]).split()[0])
    best: Trajectory | None = None
    for gauge in [each for each in usual if each >= first]:
        found = _search(vertebra, pedicle, limits, gauge, chosen, convergence_deg, to_midline, context or Context())
        if found is not None and (best is None or found.wall_clearance_mm > best.wall_clearance_mm):
            best = found
        if found is not None and found.wall_clearance_mm >= limits.wall_mm:
            break
    return best


def tip_lattice(
    vertebra: Vertebra, pedicle: Pedicle, limits: NeedleLimits, radius_mm: float, to_midline: bool
) -> Floats:
    """(n, 3) LPS mm: the front of the body where a tip may lie, on the needle's side up to the midline."""
    sign = side_sign(pedicle.side)
    half = half_width_mm(vertebra)
    u = np.arange(0.0, half, _TIP_MM) if not to_midline else np.arange(-limits.midline_mm, 0.01, 1.0)
    v = np.arange(-0.5 * vertebra.depth_mm, 0.5 * vertebra.depth_mm, 1.0)
    w = np.arange(-20.0, 20.01, _TIP_MM)
    points = np.stack(np.meshgrid(sign * u, v, w, indexing="ij"), axis=-1).reshape(-1, 3)
    share = vertebra.depth_share(points)
    kept = (share >= limits.anterior_share) & (share <= limits.anterior_share_most)
    kept &= -vertebra.behind_wall_mm(points) >= limits.posterior_wall_mm
    placed = vertebra.lps(points[kept])
    deep = -vertebra.bone.at(placed) >= radius_mm + limits.front_wall_mm
    found: Floats = placed[deep]
    return found


def half_width_mm(vertebra: Vertebra) -> float:
    """Half the body's width in its middle, the mean of both sides."""
    u = np.arange(0.0, 40.0, 0.5)
    reach = []
    for sign in (-1.0, 1.0):
        line = np.stack([sign * u, np.zeros_like(u), np.zeros_like(u)], axis=-1)
        outside = np.flatnonzero(vertebra.bone.at(vertebra.lps(line)) >= 0)
        reach.append(u[outside[0]] if len(outside) else u[-1])
    return float(np.mean(reach))


def gate_lattice(pedicle: Pedicle, spacing_mm: float = _GATE_MM) -> Floats:
    """(n, 3) LPS mm: the isthmus on a square lattice, wherever its outline holds a point."""
    centre = pedicle.centre_lps_mm
    first = np.cross(pedicle.axis_lps, pedicle.outline_lps_mm[0] - centre)
    first /= np.linalg.norm(first)
    second = np.cross(pedicle.axis_lps, first)
    flat = (pedicle.outline_lps_mm - centre) @ np.stack([first, second]).T
    reach = np.arange(-np.ceil(np.abs(flat).max() / spacing_mm), np.ceil(np.abs(flat).max() / spacing_mm) + 1)
    places = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2) * spacing_mm
    inside = _within(places, flat)
    found: Floats = centre + places[inside, :1] * first + places[inside, 1:] * second
    return found


def _within(places: Floats, outline: Floats) -> NDArray[np.bool_]:
    """Which points a closed outline holds: crossings of a ray to the right are odd."""
    x, y = places[:, :1], places[:, 1:]
    first, second = outline, np.roll(outline, -1, axis=0)
    spans = (first[:, 1] > y) != (second[:, 1] > y)
    rise = np.where(second[:, 1] != first[:, 1], second[:, 1] - first[:, 1], 1.0)
    at = first[:, 0] + (y - first[:, 1]) * (second[:, 0] - first[:, 0]) / rise
    inside: NDArray[np.bool_] = (np.count_nonzero(spans & (x < at), axis=1) % 2) == 1
    return inside


def _corner_lattice(vertebra: Vertebra, pedicle: Pedicle, limits: NeedleLimits, radius_mm: float) -> Floats:
    """(n, 3) LPS mm: the posterolateral corner of the body beside the pedicle, just inside its wall."""
    sign = side_sign(pedicle.side)
    middle = vertebra.local(pedicle.centre_lps_mm)
    depth = radius_mm + limits.wall_mm + 2.0
    u = np.arange(abs(middle[0]) + 0.5 * pedicle.width_mm, half_width_mm(vertebra) + 2.0, 1.0)
    w = np.arange(middle[2] - 8.0, middle[2] + 8.01, 1.0)
    grid_u, grid_w = np.meshgrid(u, w, indexing="ij")
    local = np.stack([sign * grid_u, vertebra.wall.at(grid_w, 0.0) + depth, grid_w], axis=-1).reshape(-1, 3)
    return vertebra.lps(local)


def _search(
    vertebra: Vertebra,
    pedicle: Pedicle,
    limits: NeedleLimits,
    gauge: int,
    approach: str,
    usual_deg: tuple[float, float] | None,
    to_midline: bool,
    context: Context,
) -> Trajectory | None:
    radius = limits.diameters_mm[gauge] / 2.0
    tips = tip_lattice(vertebra, pedicle, limits, radius, to_midline)
    if approach == TRANSPEDICULAR:
        gates, behind, least_turn = gate_lattice(pedicle), pedicle.back_mm, _LEAST_TURN_DEG
    else:
        gates, behind, least_turn = _corner_lattice(vertebra, pedicle, limits, radius), 0.0, _BESIDE_LEAST_DEG
    if not len(tips) or not len(gates):
        return None
    lines = _Lines(vertebra, pedicle.side, limits, radius, behind, least_turn)
    # A thinned search gives a clearance that is surely reached; below it no line needs to be finished.
    first = lines.clearance(gates[::5], tips[::5], -1e3)
    sure = float(np.nanmax(first)) if np.isfinite(first).any() else -1e3
    context.step(0.3, f"Searching {pedicle.side} {approach} needles")
    clearance = lines.clearance(gates, tips, sure - limits.as_wide_mm)
    if not np.isfinite(clearance).any():
        return None
    as_wide = clearance >= np.nanmax(clearance) - limits.as_wide_mm
    gate, tip = np.nonzero(as_wide)
    order = _placement(vertebra, pedicle, gates[gate], tips[tip], usual_deg, to_midline)
    best = int(np.argmin(order))
    context.step(1.0, f"Searched {clearance.size} lines")
    found = measured(vertebra, pedicle, limits, tips[tip[best]], gates[gate[best]], gauge, approach)
    return replace(found, examined=int(clearance.size))


@dataclass(frozen=True, eq=False)
class _Lines:
    """What all lines of one search share."""

    vertebra: Vertebra
    side: str
    limits: NeedleLimits
    radius_mm: float
    behind_mm: float
    least_turn_deg: float

    def clearance(self, gates: Floats, tips: Floats, floor_mm: float) -> NDArray[np.float32]:
        """(gates, tips) mm, NaN where a line is ruled out."""
        from planner.planning.vertebra_kernels import line_clearances

        vertebra, limits = self.vertebra, self.limits
        lengths = np.array([self.behind_mm, _CANAL_BEHIND_MM, _STEP_MM])
        bounds = np.array([self.radius_mm, limits.canal_mm, floor_mm])
        axes = vertebra.axes_lps.copy()
        axes[0] *= side_sign(self.side)
        turns = (self.least_turn_deg, limits.convergence_most_deg, limits.craniocaudal_most_deg)
        angles = np.deg2rad(np.array(turns))
        gates, tips = np.ascontiguousarray(gates), np.ascontiguousarray(tips)
        found = np.empty((len(gates), len(tips)), dtype=np.float32)
        fields = vertebra.bone.distance_mm, vertebra.canal_mm, vertebra.bone.rows

        def band(first: int, last: int) -> None:
            line_clearances(*fields, gates, tips, lengths, bounds, axes, angles, found, first, last)

        in_bands(len(gates), band, least_rows=4)
        return found


def _placement(
    vertebra: Vertebra,
    pedicle: Pedicle,
    gates: Floats,
    tips: Floats,
    usual_deg: tuple[float, float] | None,
    to_midline: bool,
) -> Floats:
    """How far each tip lies from the best place (mm), with a little for unusual angles (0.2 mm per degree)."""
    local = vertebra.local(tips)
    across = 0.0 if to_midline else side_sign(pedicle.side) * _IPSILATERAL_SHARE * half_width_mm(vertebra)
    middle = 0.5 * (vertebra.upper.at(local[:, 0], local[:, 1]) + vertebra.lower.at(local[:, 0], local[:, 1]))
    share = vertebra.depth_share(local)
    off = np.hypot(np.hypot(local[:, 0] - across, local[:, 2] - middle), (share - 0.75) * vertebra.depth_mm)
    direction = (tips - gates) @ vertebra.axes_lps.T
    turn = np.rad2deg(np.arctan2(-side_sign(pedicle.side) * direction[:, 0], direction[:, 1]))
    low, high = usual_deg or (pedicle.convergence_deg, pedicle.convergence_deg)
    unusual = np.maximum(low - turn, 0.0) + np.maximum(turn - high, 0.0)
    found: Floats = off + 0.2 * unusual
    return found


def measured(
    vertebra: Vertebra,
    pedicle: Pedicle,
    limits: NeedleLimits,
    tip_lps_mm: Floats,
    through_lps_mm: Floats,
    gauge: int,
    approach: str = TRANSPEDICULAR,
) -> Trajectory:
    """Measure any needle, found or drawn by hand.

    Parameters
    ----------
    through_lps_mm
        Another point of the needle, behind the tip.
    """
    tip = np.asarray(tip_lps_mm, dtype=np.float64)
    away = np.asarray(through_lps_mm, dtype=np.float64) - tip
    outward = away / np.linalg.norm(away)
    radius = limits.diameters_mm[gauge] / 2.0
    # Where the line crosses the plane of the isthmus.
    facing = float(outward @ pedicle.axis_lps)
    to_gate = float((pedicle.centre_lps_mm - tip) @ pedicle.axis_lps) / facing if abs(facing) > 0.2 else np.inf
    if approach == PARAPEDICULAR or not 0.0 < to_gate < 120.0:
        to_gate = float(np.linalg.norm(away))
    behind = pedicle.back_mm if approach == TRANSPEDICULAR else 0.0
    along = np.arange(0.0, to_gate + max(_BONE_BEHIND_MM, _CANAL_BEHIND_MM), 0.25)
    line = tip + along[:, None] * outward
    bone, canal = vertebra.bone.measured(line), vertebra.canal.at(line)
    walled = along <= to_gate + behind
    nearest = int(np.argmax(np.where(walled, bone, -np.inf)))
    entry = tip + _outermost(bone, along) * outward
    local = vertebra.local(tip)
    convergence, craniocaudal = angles_deg(vertebra, -outward, pedicle.side)
    return Trajectory(
        side=pedicle.side,
        approach=approach,
        gauge=f"{gauge} G",
        diameter_mm=2.0 * radius,
        entry_lps_mm=entry,
        tip_lps_mm=tip,
        gate_lps_mm=tip + to_gate * outward,
        pedicle_width_mm=pedicle.width_mm,
        wall_clearance_mm=float(-bone[nearest]) - radius,
        wall=_wall_name(vertebra, line[nearest], pedicle.side, outward),
        nearest_lps_mm=line[nearest],
        canal_mm=float(canal.min()) - radius,
        posterior_wall_mm=float(-vertebra.behind_wall_mm(local)),
        anterior_share=float(vertebra.depth_share(local)),
        midline_mm=float(side_sign(pedicle.side) * local[0]),
        convergence_deg=convergence,
        craniocaudal_deg=craniocaudal,
        examined=1,
    )


def _outermost(bone: Floats, along: Floats) -> float:
    """Where the line, coming from outside, first meets bone; between samples."""
    inside = np.flatnonzero(bone < 0)
    if not len(inside):
        return 0.0
    last = int(inside[-1])
    if last + 1 >= len(along):
        return float(along[last])
    share = float(-bone[last] / (bone[last + 1] - bone[last]))
    return float(along[last] + share * (along[last + 1] - along[last]))


def _wall_name(vertebra: Vertebra, point: Floats, side: str, outward: Floats) -> str:
    """The side of the needle on which the surface is nearest."""
    slope = vertebra.bone.gradient(point)
    across = vertebra.axes_lps @ (slope - outward * float(slope @ outward))
    if vertebra.depth_share(vertebra.local(point)) > 0.6 and abs(float(slope @ outward)) > 0.7:
        return "anterior"
    across[0] *= side_sign(side)
    main = int(np.argmax(np.abs(across)))
    return _WALLS[main][0 if across[main] > 0 else 1]


def with_skin(trajectory: Trajectory, volume: Volume, tissue_above_hu: float) -> Trajectory:
    """The trajectory with the place where its line leaves the patient; unchanged where the image ends before.

    The skin is the end of the last tissue of some thickness, so that a lung on the way is not taken for the room and
    the table's sheet not for the patient.
    """
    from planner.imaging.slicing import sample

    thick, step = 8.0, 0.5
    grid = volume.grid
    span = float(np.linalg.norm(grid.bounds_lps_mm[1] - grid.bounds_lps_mm[0]))
    along = np.arange(0.0, span, step)
    line = trajectory.entry_lps_mm + along[:, None] * trajectory.outward_lps
    inside = grid.contains_kji(grid.kji_from_lps.points(line))
    count = int(np.argmin(inside)) if not inside.all() else len(inside)
    if count < 2:
        return trajectory
    tissue = np.nan_to_num(sample(volume, line[:count]), nan=-1024.0) > tissue_above_hu
    edges = np.flatnonzero(np.diff(np.concatenate([[0], tissue.astype(np.int8), [0]])))
    ends = [stop for start, stop in zip(edges[::2], edges[1::2], strict=True) if (stop - start) * step >= thick]
    if not ends or ends[-1] >= count - 1:
        return trajectory
    return replace(trajectory, skin_lps_mm=trajectory.entry_lps_mm + along[ends[-1]] * trajectory.outward_lps)
