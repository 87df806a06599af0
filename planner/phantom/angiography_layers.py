"""The parts of a simulated run that add up on the detector, and how they move."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.geometry.c_arm import CArm
from planner.imaging.angio import Shutter
from planner.imaging.projection import line_integrals
from planner.jobs import Context
from planner.phantom.enhancement import structure_value
from planner.phantom.flow import Injection, TreeFlow, concentration, flow_from, node_named, tissue_curve
from planner.phantom.patient import DigitalPatient
from planner.phantom.vessel_shadows import Shadow, rod_shadow, tree_shadow

if TYPE_CHECKING:
    from planner.phantom.angiography import RunPlan

Array = NDArray[np.float32]

WATER_PER_MM = 0.0205
"""Linear attenuation of water at an effective 65 keV (NIST XCOM), per mm."""
BLOOD_HU = 45.0
BREATHING = (
    *("lung_left", "lung_right", "heart", "liver", "gallbladder", "spleen", "stomach", "duodenum", "small_bowel"),
    *("colon", "pancreas", "kidney_left", "kidney_right", "adrenal_gland_left", "adrenal_gland_right"),
)
"""Structures that follow the diaphragm; the vena cava, the aorta and bones lie still."""
CATHETER_FRENCH = 5.0
CATHETER_PER_MM = 0.11
"""Attenuation of a barium-filled catheter wall, per mm."""
TUMOUR_TRANSIT_S, LIVER_TRANSIT_S, SPLEEN_TRANSIT_S = 4.0, 6.0, 4.5
TUMOUR_BLOOD_SHARE, LIVER_BLOOD_SHARE, SPLEEN_BLOOD_SHARE = 0.10, 0.012, 0.05
"""Blood volume of tissue as a share of it: how strongly it blushes beside a vessel of the same thickness."""
PORTAL_DILUTION = 0.22


@dataclass(eq=False)
class Layers:
    """What adds up: still and breathing anatomy, arteries, blushes and the portal return.

    Attributes
    ----------
    still, breathing
        (y, x) line integrals of attenuation without contrast medium.
    weight
        (y, 1) how much of the diaphragm's displacement a row follows.
    blushes
        Name -> (picture of attenuation at full concentration, vessel delay at which it is supplied, transit s).
    """

    size_yx: tuple[int, int]
    still: Array
    breathing: Array
    weight: Array
    arteries: Shadow
    flow: TreeFlow
    portal: Shadow | None
    blushes: dict[str, tuple[Array, float, float]]
    catheter_lps_mm: NDArray[np.float64]
    shutter: Shutter
    open_field: NDArray[np.bool_]
    _curves: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    _times: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    _injection: Injection = Injection(0.0, 0.0)
    _iodine_per_mm: float = 0.0
    _still_spline: Array = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @property
    def background(self) -> Array:
        """(y, x) line integrals without contrast medium and motion."""
        return self.still + self.breathing

    def prepare(self, times: NDArray[np.float64], injection: Injection, iodine_per_mm: float) -> None:
        """What all frames share."""
        from scipy.ndimage import spline_filter

        self._times, self._injection, self._iodine_per_mm = times, injection, iodine_per_mm
        self._still_spline = spline_filter(self.still, 3, output=np.float32)
        self._curves = {
            name: tissue_curve(times, supplied, injection, transit)
            for name, (_, supplied, transit) in self.blushes.items()
        }

    def blush_curve(self, name: str) -> NDArray[np.float64]:
        """(frame,) concentration in a tissue, 0 to 1."""
        return self._curves[name]

    def contrast(self, frame: int) -> Array:
        """(y, x) attenuation by contrast medium, before anything moves."""
        time = float(self._times[frame])
        weights = concentration(time, self.arteries.delay_s.astype(np.float64), self._injection)
        found = self.arteries.image(weights * self._iodine_per_mm)
        for name, (picture, _, _) in self.blushes.items():
            found += picture * np.float32(self._curves[name][frame] * self._iodine_per_mm)
        if self.portal is not None:
            since = np.clip(self._times - SPLEEN_TRANSIT_S, 0.0, None)
            spleen = np.interp(since[frame] - self.portal.delay_s, self._times, self._curves["spleen"])
            found += self.portal.image(spleen * PORTAL_DILUTION * self._iodine_per_mm)
        return found

    def counts(self, frame: int, shift_px: NDArray[np.float64], breath_px: NDArray[np.float64]) -> Array:
        """(y, x) intensity behind the patient relative to none, with every part where it is in this frame."""
        from scipy.ndimage import spline_filter

        from planner.phantom.shadow_kernels import shift_rows

        breath = self.weight[:, 0].astype(np.float64)
        none = np.zeros_like(breath)
        still, moving = np.empty(self.size_yx, np.float32), np.empty(self.size_yx, np.float32)
        shift_rows(self._still_spline, none + shift_px[0], none + shift_px[1], still)
        spline = spline_filter(self.breathing + self.contrast(frame), 3, output=np.float32)
        shift_rows(spline, shift_px[0] + breath_px[0] * breath, shift_px[1] + breath_px[1] * breath, moving)
        intensity: Array = np.exp(-(still + moving), dtype=np.float32)
        return intensity


def breathing_weight(rows: int) -> Array:
    """(rows, 1): 1 at the diaphragm, fading below the liver."""
    share = np.linspace(0.0, 1.0, rows, dtype=np.float32)[:, None]
    weight: Array = (1.0 / (1.0 + np.exp((share - 0.72) / 0.09))).astype(np.float32)
    return weight


def build_layers(
    patient: DigitalPatient, plan: RunPlan, c_arm: CArm, size_yx: tuple[int, int], context: Context
) -> Layers:
    """Project everything a run needs once."""
    from planner.phantom.angiography import shutter_of

    still, breathing = _anatomy(patient, c_arm, size_yx, context.part(0.0, 0.6))
    tree = patient.truth.trees["artery"]
    tip = node_named(tree, plan.inject_at)
    flow = flow_from(tree, tip, plan.occluded, plan.slowed)
    context.step(0.7, "Casting vessels")
    catheter = _catheter(patient, tip)
    radius = CATHETER_FRENCH / 6.0
    wall = (
        rod_shadow(catheter, radius, c_arm, size_yx).image()
        - rod_shadow(catheter, 0.62 * radius, c_arm, size_yx).image()
    )
    shutter = shutter_of(size_yx[0])
    blushes = _blushes(patient, plan, flow, c_arm, size_yx, context.part(0.75, 1.0))
    return Layers(
        size_yx=size_yx,
        still=still + CATHETER_PER_MM * np.maximum(wall, 0.0),
        breathing=breathing,
        weight=breathing_weight(size_yx[0]),
        arteries=tree_shadow(flow, c_arm, size_yx, plan.narrowed),
        flow=flow,
        portal=_portal(patient, c_arm, size_yx) if "spleen" in blushes else None,
        blushes=blushes,
        catheter_lps_mm=catheter,
        shutter=shutter,
        open_field=_open(shutter, size_yx),
    )


def _open(shutter: Shutter, size_yx: tuple[int, int]) -> NDArray[np.bool_]:
    y, x = np.mgrid[: size_yx[0], : size_yx[1]]
    left, right, top, bottom = (value or 0.0 for value in (shutter.left, shutter.right, shutter.top, shutter.bottom))
    inside: NDArray[np.bool_] = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    return inside


def _anatomy(patient: DigitalPatient, c_arm: CArm, size_yx: tuple[int, int], context: Context) -> tuple[Array, Array]:
    """Line integrals of what lies still and of what breathes, without contrast medium.

    The anatomy is far coarser than the detector, so it is projected on every second pixel and refined by splines.
    """
    truth, grid = patient.truth, patient.arterial.grid
    hu = np.asarray(patient.arterial.voxels, dtype=np.float32).copy()
    filled = (truth.vessels.voxels != 0) | (truth.structures.voxels == structure_value("aorta"))
    hu[filled] = np.minimum(hu[filled], BLOOD_HU)
    attenuation = (np.maximum(hu, -1000.0) + 1000.0) * np.float32(WATER_PER_MM / 1000.0)
    attenuation[hu < -900.0] = 0.0
    moves = np.isin(truth.structures.voxels, [structure_value(key) for key in BREATHING]) | (truth.vessels.voxels == 2)
    coarse = _coarse(c_arm)
    half = (size_yx[0] // 2, size_yx[1] // 2)
    water = np.float32(WATER_PER_MM)
    parts = []
    # Where organs breathe, water lies still and they are what differs from it: as they move, tissue like them comes
    # into their place, and no hole.
    for number, layer in enumerate((np.where(moves, water, attenuation), np.where(moves, attenuation - water, 0.0))):
        part = context.part(number / 2, (number + 1) / 2)
        parts.append(_refined(line_integrals(layer.astype(np.float32), grid, coarse, half, part), size_yx))
    return parts[0], parts[1]


def _coarse(c_arm: CArm) -> CArm:
    """The same detector with pixels twice as wide."""
    from dataclasses import replace

    from planner.geometry.c_arm import DetectorSpacing

    spacing = DetectorSpacing(2 * c_arm.spacing.down_mm, 2 * c_arm.spacing.right_mm)
    x, y = ((value + 0.5) / 2 - 0.5 for value in c_arm.principal_xy)
    return replace(c_arm, spacing=spacing, principal_xy=(x, y))


def _refined(picture: Array, size_yx: tuple[int, int]) -> Array:
    from scipy.ndimage import map_coordinates

    y, x = np.mgrid[: size_yx[0], : size_yx[1]].astype(np.float32)
    refined: Array = map_coordinates(picture, [(y + 0.5) / 2 - 0.5, (x + 0.5) / 2 - 0.5], order=3, mode="nearest")
    return refined


def _catheter(patient: DigitalPatient, tip: int) -> NDArray[np.float64]:
    """(n, 3) from the right iliac artery up the aorta into the engaged vessel."""
    tree = patient.truth.trees["artery"]
    way_in = [tip]
    while tree.names[way_in[-1]] != "aorta":
        way_in.append(tree.parents[way_in[-1]])
    low = len(tree.names) - 1 - tree.names[::-1].index("right common iliac artery")
    up = [low]
    while up[-1] != way_in[-1]:
        up.append(tree.parents[up[-1]])
        if up[-1] < 0:
            break
    nodes = [*up[:-1], *reversed(way_in)]
    return np.array([tree.positions[node] for node in nodes])


def _blushes(
    patient: DigitalPatient, plan: RunPlan, flow: TreeFlow, c_arm: CArm, size_yx: tuple[int, int], context: Context
) -> dict[str, tuple[Array, float, float]]:
    """Tissues that blush because an artery into them fills."""
    truth, grid = patient.truth, patient.arterial.grid
    tree = patient.truth.trees["artery"]
    masks: list[tuple[str, NDArray[np.bool_], list[int], float, float]] = []
    for lesion in truth.lesions:
        feeders = [node for node, fed in enumerate(tree.feeds) if fed == lesion.identifier]
        viable = truth.lesion_map.voxels == lesion.label
        masks.append((lesion.identifier, viable, feeders, TUMOUR_BLOOD_SHARE, TUMOUR_TRANSIT_S))
    liver = [node for node, name in enumerate(tree.names) if name.startswith("segment ")]
    in_liver = truth.structures.voxels == structure_value("liver")
    masks.append(("liver", in_liver, liver, LIVER_BLOOD_SHARE, LIVER_TRANSIT_S))
    hilum = [node for node, name in enumerate(tree.names) if name == "splenic hilar branch"]
    spleen = truth.structures.voxels == structure_value("spleen")
    masks.append(("spleen", spleen, hilum, SPLEEN_BLOOD_SHARE, SPLEEN_TRANSIT_S))
    found = {}
    coarse, half = _coarse(c_arm), (size_yx[0] // 2, size_yx[1] // 2)
    for number, (name, mask, nodes, share, transit) in enumerate(masks):
        context.step(number / len(masks), f"Blush of {name}")
        delays = flow.delay_s[nodes]
        if np.all(np.isnan(delays)):
            continue
        way = line_integrals(mask.astype(np.float32), grid, coarse, half)
        found[name] = (_refined(way, size_yx) * np.float32(share), float(np.nanmedian(delays)), transit)
    return found


def _portal(patient: DigitalPatient, c_arm: CArm, size_yx: tuple[int, int]) -> Shadow:
    tree = patient.truth.trees["portal vein"]
    return tree_shadow(flow_from(tree, 0, slowed=2.0), c_arm, size_yx)
