"""Panes of needles, margins and vertebrae as pictures of record: what the window shows, from the plan alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from planner.app.rendering import MarginPicture, PictureRequest, VertebraPicture
from planner.geometry import SlicePlane
from planner.imaging.window import Window
from planner.model.needle_items import NeedlePathBody
from planner.units import shown
from viewers.scene.margin_painter import paint_margin, unrolled_image
from viewers.scene.needle_overlay import depth_words, draw_rings, draw_ruler, draw_title
from viewers.scene.needle_probe import ProbeRequest, look_ahead, paint_ahead
from viewers.scene.slice_painter import SliceScene, image_of, paint_picture, paint_scene
from viewers.scene.slice_picture import SliceRequest, render
from viewers.scene.slice_view import SliceView
from viewers.scene.vertebra_painter import paint_vertebra
from viewers.scene.vertebra_pictures import view_picture, walls_picture
from viewers.state import theme
from viewers.state.margins import MarginShown, ZonesShown, margin_lines
from viewers.state.marking import Mark, mark_of
from viewers.state.mask_layer import RegionShape
from viewers.state.needles import NeedleShape, Reading, needles_of, plane_across, plane_along, reading_of, shape_of
from viewers.state.pane_state import Slab
from viewers.state.vertebrae import ALL, VertebraShown
from viewers.state.view_state import SeriesWindow

LEAST_ALONG_MM, AROUND_ALONG = 60.0, 1.35
ACROSS_MM = 90.0
"""How wide the plane across and the look along are."""
LEAST_SLAB_MM = 2.0
NO_NEEDLE = "No needle of the plan lies on these images"
NO_WALLS = "missing cortex: the images are too coarse, or cortex and spongy bone differ too little"
NOT_DRAWN = {
    "skin-map": "Skin map: not part of the plan.\nSearch the paths in the window to see every entry.",
    "needle-profile": "Clearance along the needle: shown in the window.\nThe least distances stand in the tables.",
    "dsa": "No run is shown beside these images",
}
"""Kinds of panes that cannot be drawn from a plan, in words."""


@dataclass(frozen=True, eq=False, slots=True)
class PaneContent:
    """What all panes of one picture share.

    Attributes
    ----------
    regions
        In the frame of the request's volume.
    """

    request: PictureRequest
    window: Window
    regions: tuple[RegionShape, ...]

    @property
    def marks(self) -> tuple[Mark, ...]:
        return tuple(mark_of(item) for item in self.request.items)

    @property
    def needle(self) -> tuple[Mark, NeedleShape] | None:
        """The first needle of the plan in this frame."""
        frame = self.request.volume.grid.frame_uid
        for mark in needles_of(self.marks):
            shape = shape_of(mark)
            if shape is not None and shape.frame_uid == frame:
                return mark, shape
        return None

    @property
    def zones(self) -> ZonesShown | None:
        zones = self.request.zones
        frame = self.request.volume.grid.frame_uid
        return None if zones is None else ZonesShown(frame, zones.mean, zones.minus_sd)


def draw_pane(painter: QPainter, content: PaneContent, kind: str, width: int, height: int) -> None:
    """A pane of a kind that goes with needles; what cannot be drawn says so in words."""
    drawn: Mapping[str, Callable[[QPainter, PaneContent, int, int], str | None]] = {
        "needle-along": _along,
        "needle-across": _across,
        "probe": _probe,
        "margin-map": _margin,
        "vertebra-views": _vertebra,
    }
    draw = drawn.get(kind)
    words = NOT_DRAWN.get(kind, f"{kind}: not drawn in pictures of record")
    said = words if draw is None else draw(painter, content, width, height)
    if said is not None:
        write_words(painter, said, width, height)


def write_words(painter: QPainter, words: str, width: int, height: int) -> None:
    """Why there is no picture, in the middle of its place."""
    em = QFontMetricsF(painter.font()).height()
    painter.setPen(QColor(theme.QUIET))
    room = QRectF(em, 0.0, width - 2.0 * em, height)
    painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, words)


def _along(painter: QPainter, content: PaneContent, width: int, height: int) -> str | None:
    found = content.needle
    if found is None:
        return NO_NEEDLE
    mark, needle = found
    extent = max(LEAST_ALONG_MM, needle.length_mm * AROUND_ALONG)
    view = _view(plane_along(needle, 0.0), extent, width, height)
    scene = _slice(painter, content, view, content.regions)
    paint_scene(painter, replace(scene, selected_id=mark.id))
    draw_ruler(painter, view, needle, needle.length_mm)
    draw_title(painter, QRectF(0.0, 0.0, width, height), (needle.name, "nearest to axial"))
    return None


def _across(painter: QPainter, content: PaneContent, width: int, height: int) -> str | None:
    found = content.needle
    if found is None:
        return NO_NEEDLE
    mark, needle = found
    view = _view(plane_across(needle, needle.length_mm), ACROSS_MM, width, height)
    scene = _slice(painter, content, view, content.regions)
    # The shaft is a point here: its rings say where it is, words would cover what lies around it.
    others = tuple(each for each in scene.marks if each.id != mark.id)
    paint_scene(painter, replace(scene, marks=others, regions=()))
    draw_rings(painter, view, needle, needle.length_mm)
    draw_title(painter, QRectF(0.0, 0.0, width, height), (needle.name, depth_words(needle, needle.length_mm)))
    return None


def _probe(painter: QPainter, content: PaneContent, width: int, height: int) -> str | None:
    found = content.needle
    if found is None:
        return NO_NEEDLE
    mark, needle = found
    slab = Slab(max(float(round(needle.length_mm)), LEAST_SLAB_MM), "mip")
    view = _view(plane_across(needle, slab.thickness_mm / 2.0), ACROSS_MM, width, height)
    # Outlines of what lies ahead are drawn over it; cuts of the regions with one plane would mislead.
    scene = _slice(painter, content, view, (), slab)
    paint_scene(painter, replace(scene, marks=(), zones=None))
    ahead = look_ahead(ProbeRequest(needle, content.regions, 0.0, ACROSS_MM / 2.0))
    paint_ahead(painter, view, ahead, _reading(mark))
    draw_rings(painter, view, needle, 0.0)
    title = (needle.name, f"from {shown(0.0, 'mm', digits=0)} on")
    draw_title(painter, QRectF(0.0, 0.0, width, height), title)
    return None


def _reading(mark: Mark) -> Reading | None:
    """What was measured along a needle of the plan."""
    body = mark.body
    if not isinstance(body, NeedlePathBody) or body.measured is None:
        return None
    return reading_of(body.measured, body.usable_length_mm)


def _margin(painter: QPainter, content: PaneContent, width: int, height: int) -> str | None:
    margin = content.request.margin
    if margin is None:
        return "No margin of the plan lies on these images"
    frame = content.request.volume.grid.frame_uid
    if margin.map is None:
        _write_numbers(painter, margin, width, height)
        return None
    made = MarginShown(margin.name, frame, margin.map, margin.body, stale=margin.stale)
    painter.fillRect(QRectF(0.0, 0.0, width, height), QColor(theme.PANE))
    paint_margin(painter, QRectF(0.0, 0.0, width, height), made, unrolled_image(margin.map))
    return None


def _write_numbers(painter: QPainter, margin: MarginPicture, width: int, height: int) -> None:
    """A margin that cannot be painted: its numbers, and why there is no picture."""
    lines = margin_lines(margin.name, margin.body, margin.stale)
    write_words(painter, "\n".join((*lines, margin.no_map)), width, height)


def _vertebra(painter: QPainter, content: PaneContent, width: int, height: int) -> str | None:
    vertebra = content.request.vertebra
    if vertebra is None:
        return "No vertebra of the plan lies on these images"
    painter.fillRect(QRectF(0.0, 0.0, width, height), QColor(theme.PANE))
    shapes = [shape for mark in needles_of(content.marks) if (shape := shape_of(mark)) is not None]
    made = vertebra_shown(vertebra, content.request)
    paint_vertebra(painter, QRectF(0.0, 0.0, width, height), made, ALL, shapes, None)
    return None


def vertebra_shown(vertebra: VertebraPicture, request: PictureRequest) -> VertebraShown:
    """The simulated C-arm pictures of a vertebra, and its walls; about a second for each view."""
    views = tuple(
        view_picture(request.volume, vertebra.analysis, view, needle_id=needle_id, needle_name=name)
        for view, needle_id, name in vertebra.views
    )
    walls = walls_picture(vertebra.analysis)
    no_walls = "" if walls is not None else NO_WALLS
    notes = vertebra.notes if walls is not None else (*vertebra.notes, f"NOT CHECKED: {NO_WALLS}")
    return VertebraShown(vertebra.level, request.volume.grid.frame_uid, views, walls, no_walls, notes)


def _view(plane: SlicePlane, extent_mm: float, width: int, height: int) -> SliceView:
    """The plane's point in the middle; the shorter side of the pane shows an extent."""
    return SliceView(plane, width, height, extent_mm / min(width, height))


def _slice(
    painter: QPainter,
    content: PaneContent,
    view: SliceView,
    regions: tuple[RegionShape, ...],
    slab: Slab | None = None,
) -> SliceScene:
    """Paint the images, and give what is to be painted over them."""
    request, thick = content.request, slab or Slab()
    size = (view.height_px, view.width_px)
    picture = render(
        SliceRequest(request.volume, view.plane, size, view.mm_per_px, content.window, thick, regions=regions)
    )
    paint_picture(painter, view, picture, image_of(picture))
    return SliceScene(
        view=view,
        volume=request.volume,
        window=SeriesWindow(content.window, "file" if request.window is None else "manual"),
        slab=thick,
        zoom=1.0,
        marks=content.marks,
        regions=regions,
        zones=content.zones,
    )
