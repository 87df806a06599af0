"""Pictures of record for a printed plan: the key images, or else one view of each lesion and one of the vessels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from planner import DISCLAIMER
from planner.app.case_images import load_series
from planner.app.marking import key_image_of, masks_of, region_of
from planner.app.needle_pictures import with_needle_content
from planner.app.rendering import PictureRequest, Renderer
from planner.app.report_words import day, person_name, series_key
from planner.app.run_sheets import key_frame_sheets
from planner.app.vessel_pictures import (
    TREE_CAPTION,
    lumen_picture,
    pictured_lumens,
    pictured_trees,
    series_reference,
    tree_sheet,
)
from planner.errors import OperatorError
from planner.imaging import Label, LabelMap, Volume
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.items import KEY_IMAGE, VESSEL_PATH, PlanItem
from planner.model.run_items import KEY_FRAME
from planner.model.session import Session
from planner.model.vessel_items import LUMEN
from planner.report.content import Picture
from planner.store.library import Library

SIZE_PX = (1280, 800)
"""Of a picture on paper: 180 dots per inch over the width of an A4 page."""
SIMULATED = "SIMULATED: teaching data, not a patient"
_PREFERRED_ROLES = ("arterial", "planning", "portal-venous")


@dataclass(frozen=True, slots=True)
class View:
    """One picture to be drawn."""

    layout: str
    title: str
    series: SeriesRef
    cursor_lps_mm: tuple[float, float, float] | None = None
    window: tuple[float, float] | None = None


@dataclass(slots=True)
class Images:
    """The volumes of a case: those in memory, and the others loaded when a picture needs them.

    Parameters
    ----------
    held
        By ``series_uid#part``.
    """

    library: Library
    case: Case
    held: Mapping[str, Volume]
    context: Context = field(default_factory=Context)
    _loaded: dict[str, Volume] = field(default_factory=dict)

    def volume(self, reference: SeriesRef) -> Volume:
        """Raises `OperatorError` when the files are missing, changed or cannot be loaded."""
        key = series_key(reference)
        if key in self.held:
            return self.held[key]
        if key not in self._loaded:
            self._loaded[key] = load_series(self.library, self.case, reference, self.context)
        return self._loaded[key]


def series_of(case: Case, session: Session, series_uid: str) -> SeriesRef | None:
    """The reference to a series named by its UID alone; of several parts the one that has a role in the session."""
    found = [each for each in case.studies if each.series_uid == series_uid]
    used = set(session.series_roles.values())
    return next((each for each in found if series_key(each) in used), found[0] if found else None)


def main_series(case: Case, session: Session) -> SeriesRef | None:
    """The series a session is planned on: arterial, planning, portal venous; else the first of the case."""
    by_key = {series_key(each): each for each in case.studies}
    for role in _PREFERRED_ROLES:
        reference = by_key.get(session.series_roles.get(role, ""))
        if reference is not None:
            return reference
    return next((each for each in case.studies if each.kind == "volume"), None)


def views_of(case: Case, session: Session) -> tuple[View, ...]:
    """Key images in the order they were kept; without any, each lesion in three planes and the whole in 3D."""
    kept = tuple(_kept(case, session))
    return kept or tuple(_chosen(case, session))


def _kept(case: Case, session: Session) -> Iterator[View]:
    for item in session.items:
        if item.type != KEY_IMAGE:
            continue
        body = key_image_of(item)
        reference = series_of(case, session, body.series_uid)
        if reference is not None:
            yield View(body.layout, body.caption or item.name, reference, body.cursor_lps_mm, body.window)


def _chosen(case: Case, session: Session) -> Iterator[View]:
    base = main_series(case, session)
    if base is None:
        return
    for lesion in case.lesions:
        if lesion.centre_lps_mm is not None and lesion.frame_uid == base.frame_uid:
            segment = f", segment {lesion.segment}" if lesion.segment else ""
            yield View("mpr", f"{lesion.name}{segment}", base, lesion.centre_lps_mm)
    paths = any(item.type == VESSEL_PATH for item in session.items)
    yield View("3d", "Lesions and vessel paths" if paths else "Lesions", base)


def pictures(
    library: Library,
    case: Case,
    session: Session,
    renderer: Renderer,
    held: Mapping[str, Volume],
    context: Context | None = None,
    *,
    size_px: tuple[int, int] = SIZE_PX,
) -> tuple[tuple[Picture, ...], str]:
    """The pictures of record, and why some are missing (empty when all are there)."""
    job = context or Context()
    views = views_of(case, session)
    if not views and not any(item.type in (KEY_FRAME, LUMEN) for item in session.items):
        return (), "pictures not available: the case has no images"
    made: list[Picture] = []
    problems: list[str] = []
    images = Images(library, case, held, job.part(0.0, 0.4))
    for number, view in enumerate(views):
        job.step(0.4 + 0.6 * number / len(views), f"Drawing {view.title}")
        try:
            volume = images.volume(view.series)
            request = request_of(library, case, session, view, volume, size_px=size_px, others=by_role(session, held))
        except OperatorError as error:
            problems.append(error.message)
            continue
        shown_series = view.series.description or view.series.modality or view.series.series_uid
        caption = f"{view.title} · {shown_series}, {day(view.series.study_date)}"
        made.append(Picture(renderer.png(request), caption))
    try:
        for item, sheet in key_frame_sheets(library, case, session, size_px):
            words = str(item.body.get("caption") or "")
            made.append(Picture(renderer.sheet(sheet), " · ".join(each for each in (item.name, words) if each)))
    except OperatorError as error:
        problems.append(error.message)
    made += _vessels(images, session, renderer, size_px, problems)
    note = f"pictures not available: {' '.join(dict.fromkeys(problems))}" if problems else ""
    return tuple(made), note


def _vessels(
    images: Images, session: Session, renderer: Renderer, size_px: tuple[int, int], problems: list[str]
) -> Iterator[Picture]:
    """Trees with what their positions reach, and lumens drawn straight; a lumen without its images shows its width."""
    case = images.case
    for item, series in pictured_trees(session):
        reference = series_reference(case, series)
        if reference is None:
            continue
        try:
            volume = images.volume(reference)
            sheet = tree_sheet(images.library, case, session, item, volume, size_px, simulated_words(case))
        except OperatorError as error:
            problems.append(error.message)
            continue
        caption = f"{item.name}, positions and working views · {TREE_CAPTION} · {day(reference.study_date)}"
        yield Picture(renderer.sheet(sheet), caption)
    for item, key in pictured_lumens(session):
        reference, seen = series_reference(case, key), None
        try:
            seen = None if reference is None else images.volume(reference)
        except OperatorError as error:
            problems.append(error.message)
        yield Picture(lumen_picture(session, item, seen), f"{item.name}, from the first click to the last")


def simulated_words(case: Case) -> tuple[str, ...]:
    """Lines under every sheet of a case."""
    return (SIMULATED, DISCLAIMER) if case.simulated else (DISCLAIMER,)


def request_of(
    library: Library,
    case: Case,
    session: Session,
    view: View,
    volume: Volume,
    *,
    size_px: tuple[int, int] = SIZE_PX,
    others: Mapping[str, Volume] | None = None,
    title: str | None = None,
) -> PictureRequest:
    """What the renderer is asked for: everything marked in the volume's frame, and who, what, when in the caption.

    Parameters
    ----------
    others
        Role -> volume, for layouts that show several phases.

    Raises
    ------
    StoreError
        When the mask of a region is missing or damaged.
    """
    frame = volume.grid.frame_uid
    request = PictureRequest(
        volume=volume,
        layout=view.layout,
        size_px=size_px,
        cursor_lps_mm=view.cursor_lps_mm,
        window=view.window,
        overlays=overlays_of(library, case, session, frame),
        items=tuple(_in_frame(session, frame, lambda item: item.type != KEY_IMAGE)),
        caption=caption_of(case, view, title),
        by_role=others or {},
    )
    return with_needle_content(library, case, session, request, volume=volume)


def by_role(session: Session, held: Mapping[str, Volume]) -> dict[str, Volume]:
    """The volumes in memory by the role they have in a session."""
    return {role: held[key] for role, key in session.series_roles.items() if key in held}


def caption_of(case: Case, view: View, title: str | None = None) -> tuple[str, ...]:
    """Lines burned into a picture."""
    series = view.series
    what = " ".join(part for part in (series.modality, series.description) if part) or "series without description"
    who = f"{person_name(case.patient.name)} · ID {case.patient.patient_id} · {what}, {day(series.study_date)}"
    lines = (f"{who} · {title or view.title}", DISCLAIMER)
    return (SIMULATED, *lines) if case.simulated else lines


def _in_frame(session: Session, frame_uid: str, wanted: Callable[[PlanItem], bool]) -> Iterator[PlanItem]:
    return (item for item in session.items if item.visible and item.frame_uid == frame_uid and wanted(item))


def overlays_of(library: Library, case: Case, session: Session, frame_uid: str) -> tuple[LabelMap, ...]:
    """The visible regions of a session as label maps, one each: they may overlap and lie on different grids."""
    return tuple(
        _overlay(case, item, mask)
        for item, mask in masks_of(library, session)
        if item.visible and item.frame_uid == frame_uid
    )


def _overlay(case: Case, item: PlanItem, mask: Mask) -> LabelMap:
    body = region_of(item)
    lesion = None if body.lesion_id is None else case.lesion(body.lesion_id)
    name = item.name if lesion is None else lesion.name
    structure = "lesion" if body.lesion_id is not None else body.structure
    label = Label(1, name, structure, body.colour)
    return LabelMap(mask.full().astype(np.uint8), mask.grid, {1: label})
