"""A window on a simulated case of an ablation: a body with balls in it, the same body lying otherwise on the day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from window_hands import Hands

from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.images import scan, write_volume
from planner.app.library import open_library
from planner.app.marking import add_lesion
from planner.app.needle_paths import put_needle
from planner.app.templates import installed
from planner.geometry import Grid, SpaceMap, lps
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask
from planner.model.edits import session_edit
from planner.model.items import PlanItem
from planner.model.needle_items import NEEDLE_PATH, NeedlePathBody
from planner.model.people import Patient
from planner.planning.coverage_decision import TargetField, collateral_ml, decide
from planner.planning.margin_map import MapSession
from planner.planning.margins import margin
from planner.planning.target_surface import TargetSurface
from planner.planning.zones import Zone
from planner.store.actors import Actor
from planner.workflow.lifecycle import new_session
from viewers.state.marking import RegionTarget

OTHER = Actor("Dr Other", "planner", "room-2")
LESION = np.array([6.0, -8.0, 4.0])
LESION_MM, BODY_MM, ZONE_MM = 6.0, 36.0, 13.0
BALLS = (
    ((-16.0, 4.0, 10.0), 6.0, 240.0),
    ((12.0, 16.0, -12.0), 5.0, 260.0),
    ((-8.0, -18.0, -16.0), 5.0, 220.0),
    ((20.0, -6.0, 18.0), 4.0, 250.0),
    ((-4.0, 20.0, 20.0), 5.0, 230.0),
)
"""Centre, radius, HU: places that every scan shows."""
DAY_FRAME = "1.2.826.99"
DEVICE, SETTING = "simulated-mwa", "40W-5min"
TIP, ENTRY = (6.0, 4.5, 4.0), (6.0, -34.0, 4.0)
"""The zone of 33 x 24 mm reaches 4 mm beyond the tip: its middle is the lesion's."""


def scene(points: np.ndarray, *, burnt: bool = False) -> np.ndarray:
    """HU at points of the planning frame."""
    hu = np.where(np.hypot(points[..., 0], points[..., 1]) < BODY_MM, 90.0, -1000.0)
    for centre, radius, value in BALLS:
        hu[np.linalg.norm(points - centre, axis=-1) < radius] = value
    away = np.linalg.norm(points - LESION, axis=-1)
    hu[away < LESION_MM] = 140.0
    if burnt:
        hu[away < ZONE_MM] = 35.0
    return hu.astype(np.int16)


def points_of(grid: Grid) -> np.ndarray:
    return grid.lps_from_kji.points(np.stack(np.indices(grid.size_kji), axis=-1))


def middle_grid(frame_uid: str) -> Grid:
    spacing = (2.0, 1.0, 1.0)
    grid = Grid.of((40, 84, 84), spacing_kji_mm=spacing, frame_uid=frame_uid)
    return Grid.of((40, 84, 84), origin_lps_mm=-grid.centre_lps_mm, spacing_kji_mm=spacing, frame_uid=frame_uid)


def warm() -> None:
    """Compile what the first margin needs, so that no test waits for it under a hand."""
    grid = Grid.of((24, 24, 24), frame_uid="1.2.3")
    points = points_of(grid)
    mask = Mask.of(grid, np.linalg.norm(points - 12.0, axis=-1) < 5.0)
    zones = (Zone((12.0, 12.0, 12.0), (0.0, 0.0, 1.0), 9.0, 8.0),)
    MapSession(TargetSurface.of(mask)).map(margin(TargetSurface.of(mask), zones))
    field = TargetField.of(mask, 2.0)
    decide(field, zones)
    collateral_ml(field, zones)


def make_folder(made: Path) -> Path:
    """A library with a simulated case of one session of ablation on the planning images."""
    warm()
    grid = middle_grid("1.2.3")
    source = ImageSource("1.2.840.1", modality="CT", patient_id="T-1", patient_name="Test^Ball", unit="HU")
    image = made / "images" / "planning.nii.gz"
    image.parent.mkdir()
    write_volume(Volume(scene(points_of(grid)), grid, source), image)
    library = open_library(str(made))
    entry = scan([image]).series[0]
    empty = case_from_series(entry, patient=Patient("T-1", "Test^Ball"), simulated=True)
    edit, _ = attach_series(empty, entry, confirmed=True)
    known = installed()
    case, _ = new_session(edit(empty), known.templates["ablation"], next(iter(known.profiles.values())))
    library.create_case(case, OTHER)
    remember_places(library, case, OTHER)
    library.close()
    return made


class AblationHands(Hands):
    """Hands on the open case, with what a test needs to have been marked before."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.window.library_page.table.setFocus()
        self.key(Qt.Key.Key_Return)
        self.settle()
        assert self.window.desk.state.images.primary is not None
        self.planning = self.window.desk.state.images.primary

    @property
    def state(self):
        return self.window.desk.state

    @property
    def session(self):
        assert self.work.session_desk is not None
        return self.work.session_desk.session

    @property
    def frame(self) -> str:
        return self.planning.grid.frame_uid

    def leave(self) -> None:
        self.work.abandon()
        self.window.work = None
        self.close()

    def mark(self) -> str:
        """Skin and lesion; returns the lesion's item."""
        points = points_of(self.planning.grid)
        skin = Mask.of(self.planning.grid, np.hypot(points[..., 0], points[..., 1]) < BODY_MM)
        host = self.window.desk.marks.host
        host.put_region(skin, self.planning.source, RegionTarget("skin", structure="skin"), label="skin", tool="brush")
        lesion = Mask.of(self.planning.grid, np.linalg.norm(points - LESION, axis=-1) < LESION_MM)
        source = replace(self.planning.source, study_date="2024-03-12")
        edit = add_lesion(
            self.work.opened.library, self.session.id, lesion, source, name="Lesion 1", by=OTHER, tool="brush"
        )
        self.work.opened.document.apply("Mark lesion", edit)
        self.settle()
        return next(mark.id for mark in self.window.desk.marks.marks.value if mark.item.name == "Lesion 1")

    def put_applicator(self, region_id: str, *, setting: str | None = SETTING) -> str:
        """An applicator through the lesion, selected; returns its item."""
        body = NeedlePathBody(ENTRY, TIP, "ablation", 1.5, device=DEVICE, setting=setting, region_id=region_id)
        edit = put_needle(self.session.id, body, frame_uid=self.frame, name="Needle 1", by=OTHER, item_id="needle-1")
        self.work.opened.document.apply("Place Needle 1", edit)
        self.state.selected_id.set("needle-1")
        self.settle()
        return "needle-1"

    def item(self, item_id: str) -> PlanItem:
        found = self.session.item(item_id)
        assert found is not None
        return found

    def needles(self) -> list[PlanItem]:
        return [item for item in self.session.items if item.type == NEEDLE_PATH]

    def undo(self) -> None:
        self.window.undo()
        self.settle()

    # The day

    def day_from_planning(self) -> SpaceMap:
        """A little turned about the long axis, and shifted."""
        angle = np.deg2rad(3.0)
        homogeneous = np.eye(4)
        homogeneous[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        homogeneous[:3, 3] = (3.0, -2.0, 4.0)
        return SpaceMap(lps(DAY_FRAME), lps(self.frame), homogeneous)

    def scan_day(self) -> tuple[str, str]:
        """Both scans of today come; keys of the one before and the one after ablation."""
        grid = middle_grid(DAY_FRAME)
        points = self.day_from_planning().inverse().points(points_of(grid))
        keys = []
        for number, (role, burnt) in enumerate((("today", False), ("completion", True))):
            source = ImageSource(
                f"1.2.840.7{number}",
                modality="CT",
                description=f"{role} scan",
                patient_id=self.planning.source.patient_id,
                study_date=date.today().isoformat(),
                patient_position="HFS",
                unit="HU",
            )
            volume = Volume(scene(points, burnt=burnt), grid, source)
            key = f"{source.series_uid}#{source.part}"
            edit = session_edit(
                self.session.id,
                lambda now, role=role, key=key: replace(
                    now, series_roles=MappingProxyType({**now.series_roles, role: key})
                ),
            )
            self.work.opened.document.apply(f"Name the {role} scan", edit)
            self.work.series.take(volume)
            keys.append(key)
        self.settle()
        return keys[0], keys[1]

    def click_in(self, pane_id: str, lps_mm: np.ndarray) -> None:
        """Bring a pane's own scan to a point and click it there."""
        pane = self.pane(pane_id)
        self.state.move_cursor(pane.volume.grid.frame_uid, lps_mm)
        self.settle()
        x, y = np.rint(pane.view().px_of(np.asarray(lps_mm))).astype(int)
        QTest.mouseClick(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(int(x), int(y)))
        self.settle()

    def wait_for(self, is_done: Callable[[], object], what: str) -> None:
        self.until(is_done, what)
        self.settle()
