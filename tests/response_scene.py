"""A case with a first TACE on record, two studies that are linked, and what was drawn on both: small and quick."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import tace_walk as tw

from planner.app.case_images import attach_series, remember_places
from planner.app.images import scan, write_volume
from planner.app.library import open_library
from planner.app.marking import new_item, store_mask
from planner.app.run_items import add_link, review_link
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.measure import longest_axial_diameter
from planner.model.case import Case
from planner.model.disease import Observation
from planner.model.edits import with_session
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.links import FrameLink, LinkQuality
from planner.model.people import Patient
from planner.planning.lesion_matching import ball_mask
from planner.store.actors import Actor
from planner.store.library import Library

DRAWER = Actor("Dr Drawer", "planner", "room-3")
BEFORE, AFTER, TODAY = date(2026, 5, 1), date(2026, 6, 24), date(2026, 6, 25)
BASE, LATER = "1.2.3", "1.2.6"
SHIFT = np.array([6.0, -4.0, 10.0])
"""Where a point of the new study lies in the earlier one, less where it lies in the new one."""
GRIDS = {
    uid: Grid.of((30, 48, 48), origin_lps_mm=(-47, -47, -29), spacing_kji_mm=(2, 2, 2), frame_uid=uid)
    for uid in (BASE, LATER)
}
EARLIER = (("lesion-1", "L1", (-20.0, 0.0, 0.0), 26.0), ("lesion-2", "L2", (18.0, 10.0, 4.0), 16.0))
LATEST = (("R1", (-20.0, 1.0, 0.0), 16.0), ("R3", (10.0, -22.0, -8.0), 12.0))
"""L1 has shrunk, L2 is not there, R3 lies where nothing was."""


def value_case(case_id: str = "case-7") -> Case:
    """Without images: the walk of the TACE, performed, with observations of two days by the first reader."""
    case = tw.filled_case()
    case = with_session(case, replace(case.sessions[0], performed_on=tw.DAY))
    lesions = tuple(
        replace(each, role="target", observations=(seen(BEFORE, longest), seen(AFTER, later)))
        for each, longest, later in zip(case.lesions, (41.0, 22.0), (26.0, 14.0), strict=True)
    )
    return replace(case, id=case_id, lesions=lesions, studies=(), simulated=True)


def seen(day: date, longest: float) -> Observation:
    return Observation(day, longest_mm=longest, modality="MR", state="present", read_by="Dr Drawer")


def image_library(folder: Path) -> Case:
    """A library in a folder with one case: two studies in two frames, a reviewed link, regions of both days."""
    library = open_library(str(folder))
    case = replace(value_case(), patient=Patient("T-1", "Test^Ball", birth_date=date(1961, 3, 17), sex=tw.Sex.MALE))
    for uid, day in ((BASE, BEFORE), (LATER, AFTER)):
        path = folder / "images" / f"{uid}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        voxels = np.full(GRIDS[uid].size_kji, 60, dtype=np.int16)
        source = ImageSource(f"9.{uid}", modality="CT", patient_id="T-1", patient_name="Test^Ball", unit="HU")
        write_volume(Volume(voxels, GRIDS[uid], source), path)
        edit, _ = attach_series(case, scan([path]).series[0], confirmed=True, taken_on=day)
        case = edit(case)
    frames = [str(each.frame_uid) for each in case.studies]
    items = [_drawn(library, case, 0, name, np.add(at, SHIFT), size, key) for key, name, at, size in EARLIER]
    lesions = tuple(
        replace(lesion, observations=(_measured(item),), first_seen_on=BEFORE)
        for lesion, item in zip(case.lesions, items, strict=True)
    )
    items += [_drawn(library, case, 1, name, np.asarray(at), size, None) for name, at, size in LATEST]
    session = replace(case.sessions[0], items=tuple(items))
    case = with_session(replace(case, lesions=lesions), session)
    flat = np.eye(4)
    flat[:3, 3] = SHIFT
    quality = LinkQuality("rigid", landmark_after_mm=(1.0, 2.0))
    link = FrameLink("link-1", frames[1], frames[0], tuple(flat.ravel()), "images", landmarks=5, quality=quality)
    case = review_link("link-1", by=DRAWER)(add_link(link)(case))
    library.create_case(case, DRAWER)
    remember_places(library, case, DRAWER)
    library.close()
    return case


def _drawn(
    library: Library, case: Case, study: int, name: str, centre: np.ndarray, size: float, lesion_id: str | None
) -> PlanItem:
    reference = case.studies[study]
    grid = replace_frame(GRIDS[(BASE, LATER)[study]], str(reference.frame_uid))
    mask = ball_mask(grid, tuple(centre), size)
    found = longest_axial_diameter(mask)
    assert found is not None
    structure = None if lesion_id else "lesion"
    blob = store_mask(library, mask)
    body = RegionBody(blob, lesion_id, structure, volume_ml=mask.volume_ml, longest_mm=found.length_mm)
    uids = (reference.series_uid,)
    made = new_item(REGION, body, name=name, frame_uid=grid.frame_uid, by=DRAWER, tool="brush", source_uids=uids)
    return replace(made, id=f"region-{name}")


def replace_frame(grid: Grid, frame_uid: str) -> Grid:
    """The same grid in the frame that the file was given when it was opened."""
    return Grid.of(
        grid.size_kji,
        origin_lps_mm=tuple(grid.lps_from_kji.points(np.zeros(3))),
        spacing_kji_mm=(2, 2, 2),
        frame_uid=frame_uid,
    )


def _measured(item: PlanItem) -> Observation:
    body = item.body
    return Observation(
        BEFORE,
        item.source_uids[0],
        body["longest_mm"],
        None,
        body["volume_ml"],
        item.id,
        modality="CT",
        state="present",
    )
