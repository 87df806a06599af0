"""A window on a case of one generated lumen: an airway with a narrowing, and a template whose stages offer the tools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from window_hands import Hands

from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.images import scan, write_volume
from planner.app.library import open_library
from planner.app.lumens import put_lumen
from planner.app.templates import Installed, installed
from planner.imaging import ImageSource, Volume
from planner.model.items import PlanItem
from planner.model.people import Patient
from planner.model.vessel_items import LUMEN, STENT, LumenBody, StentBody
from planner.model.vessel_reading import lumen_of, stent_of
from planner.phantom.lumens import Narrowing, TrueLumen, made_lumen
from planner.planning.lumens import Lumen, trace_lumen
from planner.store.actors import Actor
from planner.workflow.lifecycle import new_session
from viewers.window.case_lumens import CaseLumens

OTHER = Actor("Dr Other", "planner", "room-2")
STAGE = "positions"
LENGTH_MM = 40.0


@cache
def airway() -> tuple[Volume, TrueLumen]:
    """40 mm of windpipe, narrowed in its middle to less than half. Read-only."""
    volume, true = made_lumen(
        "airway", 3, length_mm=LENGTH_MM, spacing_kji_mm=(1.25, 1.0, 1.0), narrowing=Narrowing(length=0.4, left=0.45)
    )
    source = ImageSource("generated-lumen", modality="CT", unit="HU", patient_id="T-2", patient_name="Test^Airway")
    return Volume(volume.voxels, volume.grid, source), true


@cache
def traced() -> Lumen:
    """As a person would have it traced. Read-only."""
    volume, true = airway()
    return trace_lumen(volume, true.clicks_lps_mm, "airway")


def with_lumen_tools(known: Installed) -> Installed:
    """TACE with one stage that offers the tools of lumens, whatever the template on disk says."""
    template = known.templates["tace"]
    stages = tuple(
        replace(each, tools=("lumen", "stent", "vessel-tree"), layout="lumen") if each.id == STAGE else each
        for each in template.stages
    )
    return replace(known, templates={**known.templates, "tace": replace(template, stages=stages)})


def lumen_library(folder: Path) -> Path:
    """A library with a case of one session on the images of the airway."""
    image = folder / "images" / "airway.nii.gz"
    image.parent.mkdir()
    write_volume(airway()[0], image)
    library = open_library(str(folder))
    entry = scan([image]).series[0]
    empty = case_from_series(entry, patient=Patient("T-2", "Test^Airway"))
    edit, _ = attach_series(empty, entry, confirmed=True)
    known = installed()
    case, _ = new_session(edit(empty), known.templates["tace"], next(iter(known.profiles.values())))
    library.create_case(case, OTHER)
    remember_places(library, case, OTHER)
    library.close()
    return folder


def opened(folder: Path, *, size: tuple[int, int] = (1366, 768)) -> Hands:
    """The window in the stage of lumens."""
    from PySide6.QtCore import Qt

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


def put_airway(hands: Hands) -> str:
    """The traced airway in the plan, as the tool would put it; its contours known. Returns its id."""
    volume = hands.window.desk.state.images.primary
    assert volume is not None
    series = f"{volume.source.series_uid}#{volume.source.part}"
    lumen = traced()
    line = replace(lumen.centreline, frame_uid=volume.grid.frame_uid)
    lumen = replace(lumen, centreline=line)
    lumens_of_window(hands).work._put(lumen, series)
    hands.settle()
    return items(hands, LUMEN)[0].id


def place(share: float) -> np.ndarray:
    """A point of the true centreline, at a share of its length."""
    points = airway()[1].points_lps_mm
    return points[round(share * (len(points) - 1))]


Act = Callable[[], object]
