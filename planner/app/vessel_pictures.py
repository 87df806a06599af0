"""Pictures of record of vessels and lumens: the tree with what positions reach, working views, the straightened lumen.

They are projections simulated from the CT with the stored tree on them, and say so. What they show stands in the plan:
nothing is searched or measured again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from planner.app.injections import is_stale
from planner.app.marking import load_mask, region_of
from planner.app.rendering import SheetMark, SheetPanel, SheetRequest
from planner.app.vessel_trees import load_tree
from planner.catalogues import catalogue
from planner.geometry.c_arm import CArm, DetectorSpacing, angle_words
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.imaging.projection_views import Projectable, simulated_view
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.items import REGION, PlanItem
from planner.model.session import Session
from planner.model.vessel_items import CatheterPositionBody
from planner.model.vessel_reading import lumen_of, lumens_of, positions_of, stents_of, trees_of
from planner.planning.vessel_tree import VesselTree
from planner.store.library import Library

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

TREE_PANES = frozenset({"tree-diagram", "working-view"})
LUMEN_PANES = frozenset({"straightened", "cross-section", "diameter-profile"})
TREE_CAPTION = "vessels as seen on CT, never all of them; territories by a model: confirm by angiography"
STALE = "measured before the tree changed"
POSITION_COLOURS = ((79, 179, 255), (255, 177, 79), (125, 220, 125), (214, 140, 255))
_WAY, _BESIDE, _TUMOUR = (255, 255, 255), (196, 84, 84), (255, 235, 90)
MOST_VIEWS = 3
_PANEL_YX = (480, 720)
_AROUND_MM = 25.0
_VIEW_FIELD_MM = 200.0
"""Height of a working view in the plane of the vessel: a usual field of view of the liver."""
_SOURCE_TO_DETECTOR_MM, _SOURCE_TO_ISOCENTRE_MM = 1150.0, 750.0
"""Of a usual angiography machine: the pictures' scale depends on them, no number does."""
_SAME_PX = 16.0
"""Tips nearer to each other in a picture share their words."""
_COARSE_PX = 8
"""Territories are shaded in blocks of so many pixels, then smoothed: voxels are coarser than pixels."""
_STRONGEST = 0.55
_PERCENTILES = (35.0, 99.7)


@dataclass(frozen=True, eq=False)
class _Shade:
    """Voxel centres of a mask and the colour they are shaded in."""

    points_lps_mm: Floats
    colour: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class _Scene:
    """A tree with its positions, prepared once for all its panels."""

    source: Projectable
    tree: VesselTree
    positions: tuple[tuple[PlanItem, CatheterPositionBody], ...]
    shades: tuple[_Shade, ...]
    lesions: tuple[tuple[str, Floats], ...]
    ways: frozenset[str]


def panes_of(layout: str) -> frozenset[str]:
    """Kinds of the panes of a layout; empty for one that is not in ``resources/layouts.toml``."""
    panes = next((each["pane"] for each in catalogue("layouts.toml")["layout"] if each["key"] == layout), ())
    return frozenset(str(pane["kind"]) for pane in panes)


def series_reference(case: Case, key: str | None) -> SeriesRef | None:
    """The series of the case that an item names as ``series_uid#part``."""
    return next((each for each in case.studies if key == f"{each.series_uid}#{each.part}"), None)


def pictured_trees(session: Session) -> tuple[tuple[PlanItem, str], ...]:
    """Visible trees that carry catheter positions, and the series they were found in."""
    used = {body.tree for _, body in positions_of(session.items)}
    read = ((item, body.series) for item, body in trees_of(session.items) if item.visible and item.id in used)
    return tuple((item, series) for item, series in read if series is not None)


def tree_sheet(
    library: Library,
    case: Case,
    session: Session,
    item: PlanItem,
    volume: Volume,
    size_px: tuple[int, int],
    caption: Sequence[str] = (),
) -> SheetRequest:
    """A tree from the front with what its positions reach, and the working view of each of the first positions.

    Parameters
    ----------
    volume
        CT in the tree's frame of reference.

    Raises
    ------
    FrameMismatch
        When the images lie in another frame of reference than the tree.
    StoreError
        When a mask is missing or damaged.
    """
    scene = _scene(library, case, session, item, volume)
    panels = [_frontal(scene)]
    seen = [(each, body) for each, body in scene.positions if body.view is not None][:MOST_VIEWS]
    panels += [_working(scene, each, body, session) for each, body in seen]
    return SheetRequest(tuple(panels), size_px, (f"Simulated from CT: {TREE_CAPTION}.", *caption))


def lumen_picture(session: Session, item: PlanItem, volume: Volume | None) -> bytes:
    """PNG: a lumen straightened over its diameters, with its stricture, its marks and the stent planned in it.

    Raises
    ------
    InputRefused
        When the item is damaged.
    """
    from planner.app.stent_pictures import SheetLumen, SheetStent, sizing_picture
    from planner.app.stents import lumen_facts, lumen_line

    body = lumen_of(item)
    facts = lumen_facts(body)
    along, diameter = facts.along_mm, facts.diameter_mm
    planned = next((each for _, each in stents_of(session.items) if each.lumen == item.id), None)
    stent = None if planned is None else SheetStent(planned.start_mm, planned.end_mm, planned.diameter_mm)
    if along is None or diameter is None:
        along, diameter = np.array([0.0, body.length_mm]), np.full(2, np.nan)
    drawn = SheetLumen(body.kind, lumen_line(item), along, diameter, body.stenosis, body.marks)
    seen = volume if volume is not None and volume.grid.frame_uid == item.frame_uid else None
    return sizing_picture(drawn, stent, seen)


def lumen_sheet(
    session: Session, item: PlanItem, volume: Volume | None, size_px: tuple[int, int], caption: Sequence[str] = ()
) -> SheetRequest:
    """`lumen_picture` on a sheet with a caption. Raises as it."""
    from PIL import Image

    picture = np.asarray(Image.open(BytesIO(lumen_picture(session, item, volume))).convert("RGB"), dtype=np.uint8)
    return SheetRequest((SheetPanel(picture, ""),), size_px, tuple(caption))


def pictured_lumens(session: Session) -> tuple[tuple[PlanItem, str | None], ...]:
    """Visible lumens, and the series they were measured on."""
    return tuple((item, body.series) for item, body in lumens_of(session.items) if item.visible)


def _scene(library: Library, case: Case, session: Session, item: PlanItem, volume: Volume) -> _Scene:
    tree = load_tree(item)
    placed = tuple((each, body) for each, body in positions_of(session.items) if body.tree == item.id)
    known = tuple((each, body) for each, body in placed if tree.has(body.segment))
    shades = []
    for number, (_, body) in enumerate(known):
        blob = None if body.injection is None else body.injection.territory
        if blob is not None:
            shades.append(_Shade(_voxels(load_mask(library, blob)), POSITION_COLOURS[number % len(POSITION_COLOURS)]))
    lesions = []
    for each in session.items:
        lesion_id = region_of(each).lesion_id if each.type == REGION and each.frame_uid == item.frame_uid else None
        lesion = None if lesion_id is None else case.lesion(lesion_id)
        if lesion is not None:
            lesions.append((lesion.name, _voxels(load_mask(library, region_of(each).blob))))
    shades += [_Shade(points, _TUMOUR) for _, points in lesions]
    ways = frozenset(segment.id for _, body in known for segment in tree.way_to(body.segment))
    return _Scene(Projectable.of(volume), tree, known, tuple(shades), tuple(lesions), ways)


def _voxels(mask: Mask) -> Floats:
    """(n, 3) a place in each of a mask's voxels: their centres alone would show as stripes between pixels."""
    low, high = mask.box
    if mask.is_empty:
        return np.zeros((0, 3))
    found = np.argwhere(mask.voxels) + np.random.default_rng(0).uniform(-0.5, 0.5, (np.count_nonzero(mask.voxels), 3))
    return mask.grid.cropped(low, high).lps_from_kji.points(found)


def _frontal(scene: _Scene) -> SheetPanel:
    """From the front, as wide as the ways to the positions and the tumours are."""
    lines = [scene.tree.way_line(body.segment).points_lps_mm for _, body in scene.positions]
    around = np.concatenate([*lines, *(points for _, points in scene.lesions)])
    low, high = around.min(axis=0) - _AROUND_MM, around.max(axis=0) + _AROUND_MM
    rows, columns = _PANEL_YX
    field = float(max((high - low)[2], (high - low)[0] * rows / columns))
    c_arm = _c_arm(scene, (low + high) / 2.0, (0.0, 0.0), field)
    tips = [(np.asarray(body.tip_lps_mm), _number(item)) for item, body in scene.positions]
    middles = [(points.mean(axis=0), name) for name, points in scene.lesions if len(points)]
    return SheetPanel(_drawn(scene, c_arm), "From the front, simulated from CT", _marks(c_arm, (*tips, *middles)))


def _working(scene: _Scene, item: PlanItem, body: CatheterPositionBody, session: Session) -> SheetPanel:
    view = body.view
    angles = (0.0, 0.0) if view is None else (view.primary_deg, view.secondary_deg)
    tip = np.asarray(body.tip_lps_mm)
    c_arm = _c_arm(scene, tip, angles, _VIEW_FIELD_MM)
    lies = "" if view is None else f", {view.position}"
    stale = f", {STALE.upper()}" if is_stale(session, item) else ""
    title = f"{item.name}: {angle_words(*angles)}{lies}, simulated{stale}"
    return SheetPanel(_drawn(scene, c_arm), title, _marks(c_arm, [(tip, _number(item))]))


def _number(item: PlanItem) -> str:
    """What stands beside a tip: the number that its name begins with, else the name."""
    number, colon, _ = item.name.partition(":")
    return number if colon and number.isdigit() else item.name


def _c_arm(scene: _Scene, centre_lps_mm: Floats, angles_deg: tuple[float, float], field_mm: float) -> CArm:
    """A C-arm whose isocentre is a place of the patient, a field of view on the panel's height."""
    rows, columns = _PANEL_YX
    spacing = field_mm * _SOURCE_TO_DETECTOR_MM / _SOURCE_TO_ISOCENTRE_MM / rows
    x, y, z = (float(each) for each in centre_lps_mm)
    return CArm(
        primary_deg=angles_deg[0],
        secondary_deg=angles_deg[1],
        source_to_detector_mm=_SOURCE_TO_DETECTOR_MM,
        source_to_isocentre_mm=_SOURCE_TO_ISOCENTRE_MM,
        spacing=DetectorSpacing(spacing, spacing),
        principal_xy=((columns - 1) / 2.0, (rows - 1) / 2.0),
        frame_uid=scene.tree.frame_uid,
        isocentre_lps_mm=(x, y, z),
    )


def _marks(c_arm: CArm, places: Sequence[tuple[Floats, str]]) -> tuple[SheetMark, ...]:
    """A ring with words for each place; those that fall on each other share one."""
    found: list[tuple[float, float, list[str]]] = []
    for place_lps_mm, text in places:
        x, y = (float(each) for each in c_arm.project(place_lps_mm[None])[0])
        near = next((words for left, top, words in found if np.hypot(left - x, top - y) < _SAME_PX), None)
        if near is None:
            found.append((x, y, [text]))
        else:
            near.append(text)
    return tuple(SheetMark(((x, y),), ", ".join(words)) for x, y, words in found)


def _drawn(scene: _Scene, c_arm: CArm) -> Bytes:
    """(y, x, 3): the simulated projection, dim, with territories, tumours and the tree on it."""
    from PIL import Image, ImageDraw

    picture = np.repeat(_dim(simulated_view(scene.source, c_arm, _PANEL_YX, quick=True))[..., None], 3, axis=2)
    for shade in scene.shades:
        picture = _shaded(picture, c_arm, shade)
    image = Image.fromarray(np.rint(picture).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    mm_per_px = c_arm.spacing.right_mm / c_arm.isocentre_magnification
    for segment in sorted(scene.tree.segments, key=lambda each: each.id in scene.ways):
        line = [(float(x), float(y)) for x, y in c_arm.project(segment.points_lps_mm)]
        on_way = segment.id in scene.ways
        colour, half = (_WAY, 1.0) if on_way else (_BESIDE, 0.5)
        half = max(half, 0.5 * (segment.mean_radius_mm or 0.0) / mm_per_px)
        draw.line(line, fill=colour, width=round(2.0 * half))
        # Discs close the gaps that a wide line leaves where it turns.
        for x, y in line if half > 1.0 else ():
            draw.ellipse((x - half, y - half, x + half, y + half), fill=colour)
    return np.asarray(image)


def _dim(integrals: NDArray[np.float32]) -> Floats:
    """(y, x) dark greys of line integrals, bone brightest: what lies on them is to be seen first."""
    met = integrals[integrals > 0.0]
    if not met.size:
        return np.full(integrals.shape, 16.0)
    low, high = (float(each) for each in np.percentile(met, _PERCENTILES))
    grey: Floats = 16.0 + 110.0 * np.clip((integrals - low) / max(high - low, 1e-6), 0.0, 1.0).astype(np.float64)
    return grey


def _shaded(picture: Floats, c_arm: CArm, shade: _Shade) -> Floats:
    """With a colour laid over what a mask covers, the stronger the deeper the mask is there."""
    from PIL import Image

    if not len(shade.points_lps_mm):
        return picture
    places = c_arm.project(shade.points_lps_mm)
    edges = [np.arange(size // _COARSE_PX + 1) * float(_COARSE_PX) - 0.5 for size in picture.shape[:2]]
    count, _, _ = np.histogram2d(places[:, 1], places[:, 0], bins=(edges[0], edges[1]))
    if not count.any():
        return picture
    strength = np.sqrt(count / count.max()).astype(np.float32)
    smooth = Image.fromarray(strength).resize(picture.shape[1::-1], Image.Resampling.BILINEAR)
    alpha = _STRONGEST * np.asarray(smooth, dtype=np.float64)[..., None]
    blended: Floats = (1.0 - alpha) * picture + alpha * np.asarray(shade.colour, dtype=np.float64)
    return blended
