"""A straight, dark tube with a narrow middle: as an image, as a measured lumen, and as a case in a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QWidget
from window_hands import Hands

from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.images import scan, write_volume
from planner.app.library import open_library
from planner.app.lumens import put_lumen
from planner.app.templates import Installed, installed
from planner.geometry import Grid, Polyline
from planner.imaging import ImageSource, Volume
from planner.model.items import PlanItem, Point
from planner.model.people import Patient
from planner.model.vessel_items import LUMEN, STENT, LumenBody, LumenMark, StenosisMeasures, StentBody
from planner.model.vessel_reading import lumen_of, stent_of
from planner.planning.lumens import Lumen
from planner.planning.stent_deployment import deploy
from planner.store.actors import Actor
from planner.workflow.lifecycle import new_session
from viewers.state.lumen_shapes import LumenShown, StentShown
from viewers.state.vessels import VesselPlace
from viewers.window.case_lumens import CaseLumens

OTHER = Actor("Dr Other", "planner", "room-2")
STAGE = "positions"
FRAME = "1.2.3"
MIDDLE_XY = np.array([4.0, -3.0])
LENGTH_MM, WIDE_MM, NARROW_MM = 60.0, 16.0, 7.0
NARROWED = (22.0, 38.0)
DARK_HU, WALL_HU, BONE_HU = -950, 40, 700
BONE_FROM_MM = 13.0
"""On the patient's left, so far from the middle, something bright begins: it tells left from right."""
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def diameter_mm(along_mm: np.ndarray) -> np.ndarray:
    """Of the tube; it narrows over 4 mm at both ends of the stricture."""
    inside = np.clip(np.minimum(along_mm - NARROWED[0] + 2.0, NARROWED[1] + 2.0 - along_mm) / 4.0, 0.0, 1.0)
    return WIDE_MM - (WIDE_MM - NARROW_MM) * inside


@cache
def tube_volume() -> Volume:
    """The tube runs from head to feet, 60 mm; the image has 5 mm more on both sides. Read-only."""
    size = (70, 48, 48)
    grid = Grid.of(size, origin_lps_mm=(-24.0, -24.0, -35.0), spacing_kji_mm=(1.0, 1.0, 1.0), frame_uid=FRAME)
    points = grid.lps_from_kji.points(np.stack(np.indices(size), axis=-1))
    voxels = np.full(size, WALL_HU, dtype=np.int16)
    voxels[points[..., 0] > MIDDLE_XY[0] + BONE_FROM_MM] = BONE_HU
    away = np.hypot(points[..., 0] - MIDDLE_XY[0], points[..., 1] - MIDDLE_XY[1])
    voxels[away < diameter_mm(30.0 - points[..., 2]) / 2.0] = DARK_HU
    source = ImageSource(
        "1.2.840.77", modality="CT", description="Tube", patient_id="T-2", patient_name="Test^Tube", unit="HU"
    )
    return Volume(voxels, grid, source)


def place(along_mm: float) -> np.ndarray:
    """On the tube's middle, from its upper end."""
    return np.array([*MIDDLE_XY, 30.0 - along_mm])


@cache
def tube_lumen() -> Lumen:
    """As it is, without contours. Read-only."""
    along = np.arange(0.0, LENGTH_MM + 0.25, 0.5)
    points = np.stack([place(each) for each in along])
    width = diameter_mm(along)
    return Lumen(
        "airway", Polyline(points, FRAME), width * 0.95, width, width * 0.95, width * 1.05, np.zeros(len(along)),
        np.zeros(len(along), dtype=np.bool_), points[[0, -1]],
    )  # fmt: skip


STENOSIS = StenosisMeasures(20.0, 40.0, 30.0, NARROW_MM, 56.0, WIDE_MM, WIDE_MM, WIDE_MM)


def tube_shown(*, marks: tuple[LumenMark, ...] = (), stenosis: StenosisMeasures | None = STENOSIS) -> LumenShown:
    """The tube as panes draw it."""
    return LumenShown("lumen-1", "Airway", tube_lumen(), stenosis, marks)


def shown_stent(start_mm: float = 12.0, end_mm: float = 48.0, *, stale: str = "") -> StentShown:
    """A stent of 18 mm in the tube."""
    lumen = tube_lumen()
    made = deploy(
        tube_shown().course, start_mm, end_mm, 18.0, lumen_along_mm=lumen.along_mm, lumen_mm=lumen.equivalent_mm,
        stricture_mm=(STENOSIS.start_mm, STENOSIS.end_mm),
    )  # fmt: skip
    return StentShown("stent-1", "Stent", "lumen-1", start_mm, end_mm, 18.0, made, stale, "18 × 36 mm covered")


class NotingLumenKeeper:
    """A `LumenKeeper` that writes down what it is asked; `refusal` is what it answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.refusal: str | None = None

    def _note(self, *what: object) -> str | None:
        self.asked.append(what)
        return self.refusal

    def trace(self, clicks_lps_mm: Sequence[Point], series: str) -> str | None:
        return self._note("trace", tuple(clicks_lps_mm), series)

    def trace_again(self, lumen_id: str, clicks_lps_mm: Sequence[Point]) -> str | None:
        return self._note("again", lumen_id, tuple(clicks_lps_mm))

    def add_click(self, lumen_id: str, lps_mm: Point) -> str | None:
        return self._note("add", lumen_id, lps_mm)

    def trace_branch(self, place: VesselPlace) -> str | None:
        return self._note("branch", place)

    def set_stenosis(self, lumen_id: str, start_mm: float, end_mm: float) -> str | None:
        return self._note("stenosis", lumen_id, start_mm, end_mm)

    def mark(self, lumen_id: str, along_mm: float, name: str) -> str | None:
        return self._note("mark", lumen_id, along_mm, name)

    def unmark(self, lumen_id: str, name: str) -> str | None:
        return self._note("unmark", lumen_id, name)

    def hold_stent(self, stent_id: str, start_mm: float, end_mm: float) -> str | None:
        return self._note("hold", stent_id, start_mm, end_mm)

    def keep_stent(self) -> str | None:
        return self._note("keep")

    def drop_stent(self) -> None:
        self._note("drop")


# Pictures

ALIKE = 90
"""Thin lines are blended with what lies beneath; the colours of lumen, stent and landmark differ by 200 and more."""


def picture(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def near(image: QImage, where: QPoint, colour: str, reach: int = 3) -> bool:
    """Whether a colour is painted about a point."""
    wanted, ratio = QColor(colour), image.devicePixelRatio()
    for x in range(-reach, reach + 1):
        for y in range(-reach, reach + 1):
            found = image.pixelColor(round((where.x() + x) * ratio), round((where.y() + y) * ratio))
            apart = (found.red() - wanted.red(), found.green() - wanted.green(), found.blue() - wanted.blue())
            if sum(map(abs, apart)) < ALIKE:
                return True
    return False


def grey(image: QImage, where: QPoint) -> int:
    ratio = image.devicePixelRatio()
    return image.pixelColor(round(where.x() * ratio), round(where.y() * ratio)).red()


# A window


def with_lumen_tools(known: Installed) -> Installed:
    """TACE with one stage that offers the tools of lumens, whatever the template on disk says."""
    template = known.templates["tace"]
    stages = tuple(
        replace(each, tools=("lumen", "stent"), layout="lumen") if each.id == STAGE else each
        for each in template.stages
    )
    return replace(known, templates={**known.templates, "tace": replace(template, stages=stages)})


def lumen_library(folder: Path) -> Path:
    """A library with a case of one session on the images of the tube."""
    image = folder / "images" / "tube.nii.gz"
    image.parent.mkdir()
    write_volume(tube_volume(), image)
    library = open_library(str(folder))
    entry = scan([image]).series[0]
    empty = case_from_series(entry, patient=Patient("T-2", "Test^Tube"))
    edit, _ = attach_series(empty, entry, confirmed=True)
    known = installed()
    case, _ = new_session(edit(empty), known.templates["tace"], next(iter(known.profiles.values())))
    library.create_case(case, OTHER)
    remember_places(library, case, OTHER)
    library.close()
    return folder


def opened(folder: Path, *, size: tuple[int, int] = (1366, 768)) -> Hands:
    """The window in the stage of lumens."""
    made = Hands(folder, size=size)
    made.window.library_page.table.setFocus()
    made.key(Qt.Key.Key_Return)
    made.settle()
    made.work.follow(with_lumen_tools(made.work.installed))
    made.go(STAGE)
    made.settle()
    return made


def lumens_of_window(hands: Hands) -> CaseLumens:
    return hands.window.case_page.lumens


def items(hands: Hands, kind: str) -> list[PlanItem]:
    return [each for each in hands.work.session_desk.session.items if each.type == kind]


def the_lumen(hands: Hands) -> LumenBody:
    return lumen_of(items(hands, LUMEN)[0])


def the_stent(hands: Hands) -> StentBody:
    return stent_of(items(hands, STENT)[0])


def put_tube(hands: Hands) -> str:
    """The tube in the plan as one step of undo, as it was measured; returns its id."""
    volume = hands.window.desk.state.images.primary
    assert volume is not None
    lumen = tube_lumen()
    lumen = replace(lumen, centreline=replace(lumen.centreline, frame_uid=volume.grid.frame_uid), method="clicks")
    series = f"{volume.source.series_uid}#{volume.source.part}"
    session = hands.work.session_desk.session_id
    hands.work.opened.document.apply(
        "Measure", put_lumen(session, lumen, name="Airway", by=OTHER, series=series, item_id="lumen-1")
    )
    hands.settle()
    return "lumen-1"
