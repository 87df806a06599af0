"""The tumours of the course on one day: their shapes in the baseline's own space, and how they are painted there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from planner.phantom.ablation_day import CORE_SHARE, RIM_MM, BurntZone
from planner.phantom.anatomy import Anatomy
from planner.phantom.canvas import Canvas
from planner.phantom.course_story import CRESCENT_REACH, CRESCENT_TOWARDS_LPS, LesionStory
from planner.phantom.fields import Array, Box, Frame, ellipsoid
from planner.phantom.lesions import Tumour
from planner.phantom.liver import gallbladder, liver
from planner.phantom.mr_signal import MR_PHASES

REACH_MM = 9.0
"""The box of a tumour reaches this far beyond it."""
SPECK_MM = 4.0
"""How fast the noise that breaks oil up passes through one of its standard deviations."""
OIL_WITHIN_MM = 0.6
DENSE_SHARE = 0.5
"""From this share on oil lies in clouds; below, in specks."""
FAR_MM = 99.0
SPILT_REACH_MM = 42.0
SPILT_ABOVE, SPILT_STRENGTH = 2.0, 0.18
GALLBLADDER_LOW_MM, GALLBLADDER_HIGH_MM = (-78.0, -100.0, -72.0), (-26.0, -30.0, 8.0)
GALLBLADDER_ABOVE, GALLBLADDER_STRENGTH, GALLBLADDER_WALL_MM = 0.3, 0.22, 1.8


@dataclass(frozen=True, eq=False)
class LesionShapes:
    """Signed distances (mm, negative inside) on a box of the baseline.

    Attributes
    ----------
    viable, oil
        Never overlap; positive everywhere where there is none.
    """

    box: Box
    whole: Array
    viable: Array
    oil: Array


@dataclass(frozen=True, eq=False)
class Trace:
    """Oil outside the tumours: where, and which share of dense oil it shows."""

    box: Box
    shape: Array
    strength: float


def grown(tumour: Tumour, story: LesionStory) -> Tumour:
    """The tumour at the size of that day."""
    return replace(tumour, radius_mm=tumour.radius_mm * story.size, necrosis_mm=tumour.necrosis_mm * story.size)


def lesion_shapes(box: Box, anatomy: Anatomy, tumour: Tumour, story: LesionStory) -> LesionShapes:
    """Shapes of a tumour, of its size of the day (see `grown`), on a box of any axial grid."""
    whole = tumour.distance(box, anatomy)
    nowhere: Array = np.full(box.shape, FAR_MM, dtype=np.float32)
    dead = _dead_part(box, tumour, story, whole) if story.state == "residual" else nowhere
    if story.state in ("treated", "ablated"):
        dead, viable = whole, nowhere
    elif story.state == "residual":
        viable = np.maximum(whole, -dead)
    else:
        viable = np.maximum(whole, -necrosis(box, anatomy, tumour, whole))
    oil = _oil(box, anatomy, whole, dead, story)
    return LesionShapes(box, whole, np.maximum(viable, -oil).astype(np.float32), oil)


def necrosis(box: Box, anatomy: Anatomy, tumour: Tumour, whole: Array) -> Array:
    """The dead core that a large tumour has before any treatment; positive everywhere in one without."""
    if tumour.necrosis_mm <= 0.0:
        return np.full(box.shape, FAR_MM, dtype=np.float32)
    core: Array = whole + tumour.radius_mm - tumour.necrosis_mm + 1.5 * anatomy.noise_6.on(box)
    return core.astype(np.float32)


def _dead_part(box: Box, tumour: Tumour, story: LesionStory, whole: Array) -> Array:
    """All but what lies near a place on the surface and not deep: a crescent of the tumour stays alive."""
    towards = np.asarray(CRESCENT_TOWARDS_LPS) / np.linalg.norm(CRESCENT_TOWARDS_LPS)
    middle = tumour.centre_lps_mm + towards * tumour.radius_mm
    x, y, z = (box.x - middle[0], box.y - middle[1], box.z - middle[2])
    around = np.sqrt(x * x + y * y + z * z) - CRESCENT_REACH * tumour.radius_mm
    alive: Array = np.maximum(around, -(whole + story.crescent_mm)).astype(np.float32)
    return -alive


def _oil(box: Box, anatomy: Anatomy, whole: Array, dead: Array, story: LesionStory) -> Array:
    from scipy.special import ndtri

    if story.oil <= 0.0:
        return np.full(box.shape, FAR_MM, dtype=np.float32)
    region = np.maximum(whole, dead) if story.state in ("residual", "treated") else whole
    noise = anatomy.noise_12 if story.oil >= DENSE_SHARE else anatomy.noise_6
    holes = (float(ndtri(1.0 - story.oil)) - noise.on(box)) * SPECK_MM
    oil: Array = np.maximum(region + OIL_WITHIN_MM, holes).astype(np.float32)
    return oil


def paint_lesion(canvas: Canvas, anatomy: Anatomy, tumour: Tumour, story: LesionStory) -> LesionShapes | None:
    """Paint a tumour of its size of the day; None when the canvas shows none of it."""
    box = tumour.box_in(canvas.frame, REACH_MM)
    if box is None:
        return None
    shapes = lesion_shapes(box, anatomy, tumour, story)
    if story.state not in ("ablated", "new"):
        canvas.paint(box, shapes.whole, "hcc_treated")
    if story.state != "ablated":
        mosaic = 9.0 * anatomy.noise_6.on(box) + 7.0 * anatomy.noise_12.on(box)
        canvas.paint(box, shapes.viable, "hcc", texture=mosaic.astype(np.float32))
    if story.oil > 0.0:
        # Dense oil differs much from place to place on CT; with its fat suppressed it does not on MR.
        clouds = None if MR_PHASES[0] in canvas.phases else (90.0 * anatomy.noise_6.on(box)).astype(np.float32)
        canvas.paint(box, shapes.oil, "lipiodol", texture=clouds)
    return shapes


def zone_shape(box: Box, anatomy: Anatomy, zone: BurntZone) -> Array:
    """Signed distance to the coagulated tissue: it ends at the liver's surface."""
    return np.maximum(zone.distance(box), liver(box, anatomy)).astype(np.float32)


def zone_box(frame: Frame, zone: BurntZone) -> Box | None:
    reach = zone.half_long_mm + RIM_MM + REACH_MM
    return frame.box(np.asarray(zone.centre_lps_mm) - reach, np.asarray(zone.centre_lps_mm) + reach)


def paint_zone(canvas: Canvas, anatomy: Anatomy, zone: BurntZone, *, fresh: bool) -> tuple[Box, Array] | None:
    """Paint the zone: fresh with its hyperaemic rim and dense core, later even; the box and the signed distance."""
    box = zone_box(canvas.frame, zone)
    if box is None:
        return None
    shape = zone_shape(box, anatomy, zone)
    if fresh:
        rim = np.maximum(zone.distance(box) - np.float32(RIM_MM), liver(box, anatomy))
        canvas.paint(box, rim, "ablation_rim")
    canvas.paint(box, shape, "ablated")
    if fresh:
        core = (CORE_SHARE * zone.half_short_mm,) * 3
        canvas.paint(box, ellipsoid(box, zone.centre_lps_mm, core), "ablated_core")
    return box, shape


def spilt_oil(frame: Frame, anatomy: Anatomy, tumour: Tumour) -> tuple[Trace, ...]:
    """Specks of oil in the liver around a treated tumour and a trace of it in the wall of the gall bladder."""
    found = []
    box = frame.box(tumour.centre_lps_mm - SPILT_REACH_MM, tumour.centre_lps_mm + SPILT_REACH_MM)
    if box is not None:
        specks = (SPILT_ABOVE - anatomy.noise_6.on(box)) * SPECK_MM
        inside = np.maximum(liver(box, anatomy) + 3.0, 2.0 - tumour.distance(box, anatomy))
        found.append(Trace(box, np.maximum(specks, inside).astype(np.float32), SPILT_STRENGTH))
    box = frame.box(GALLBLADDER_LOW_MM, GALLBLADDER_HIGH_MM)
    if box is not None:
        sac = gallbladder(box)
        wall = np.maximum(sac, -(sac + GALLBLADDER_WALL_MM))
        patches = (GALLBLADDER_ABOVE - anatomy.noise_12.on(box)) * SPECK_MM
        found.append(Trace(box, np.maximum(wall, patches).astype(np.float32), GALLBLADDER_STRENGTH))
    return tuple(found)


def paint_trace(canvas: Canvas, trace: Trace) -> None:
    canvas.blend(trace.box, canvas.coverage(trace.shape) * np.float32(trace.strength), "lipiodol")
