"""Pictures along a course for scripts: curved from two sides and straightened, with stricture, marks and stent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner import DISCLAIMER
from planner.app.marking import vessel_path_of
from planner.app.rendering import SheetMark, SheetPanel, SheetRequest
from planner.app.report_pictures import Images, View, caption_of, main_series, series_of
from planner.app.report_words import person_name, series_key
from planner.app.stent_pictures import lumen_window
from planner.app.stents import lumen_facts, lumen_line, stale_words
from planner.errors import OperatorError, UsageError
from planner.geometry import Polyline
from planner.imaging import Volume
from planner.imaging.reformat import Course, Reformat, curved, straightened
from planner.imaging.window import apply_window
from planner.jobs import Context
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.items import VESSEL_PATH, PlanItem, Point
from planner.model.session import Session
from planner.model.vessel_items import LUMEN, StenosisMeasures
from planner.model.vessel_reading import lumen_of, stents_of
from planner.store.library import Library

_WIDTH_MM = 60.0
_FINEST_MM, _COARSEST_MM = 0.15, 1.0
_GREY = 40


@dataclass(frozen=True, eq=False)
class PicturedCourse:
    """A course with what is drawn on it.

    Attributes
    ----------
    marks
        Name and place along it.
    stents
        Start, end, diameter and words of each.
    """

    name: str
    kind: str
    line: Polyline
    stenosis: StenosisMeasures | None = None
    marks: tuple[tuple[str, float], ...] = ()
    stents: tuple[tuple[float, float, float, str], ...] = ()


def sheet_of_images(
    volume: Volume, clicks_lps_mm: Sequence[Point], kind: str, size_px: tuple[int, int], context: Context | None = None
) -> SheetRequest:
    """A sheet along the lumen between points of an image.

    Raises
    ------
    UsageError
        ``no-course`` for fewer than two points; ``unknown-lumen``.
    OperatorError
        When the points lie in no lumen of this kind.
    """
    from planner.planning.lumens import trace_lumen
    from planner.planning.lumens_stenosis import find_stenosis

    if len(clicks_lps_mm) < 2:
        text = "A curved picture of images needs a course: give --from X,Y,Z and --to X,Y,Z, and the --kind of lumen."
        raise UsageError("no-course", text, subject="curved")
    lumen = trace_lumen(volume, np.asarray(clicks_lps_mm), kind, context=context)
    source = volume.source
    who = person_name(source.patient_name) if source.patient_name else "no patient name"
    words = (source.modality, source.description, source.study_date)
    what = " ".join(each for each in words if each) or "series without description"
    course = PicturedCourse(kind, kind, lumen.centreline, find_stenosis(lumen))
    return sheet_along(volume, course, size_px, (f"{who} · ID {source.patient_id or 'none'} · {what}", DISCLAIMER))


def sheet_of_case(
    library: Library, case: Case, session: Session, size_px: tuple[int, int], context: Context | None = None
) -> SheetRequest:
    """A sheet along a session's lumen (one with a stent before others), else along its first vessel path.

    Raises
    ------
    OperatorError
        ``no-course`` where the session has neither; ``no-images``; and where images are missing.
    """
    job = context or Context()
    item = _course_item(session)
    if item is None:
        text = "The session has no lumen and no vessel path to draw along; measure a lumen or trace a path first."
        raise OperatorError("no-course", text, subject=session.id)
    series = _series(case, session, item)
    volume = Images(library, case, {}, job).volume(series)
    if volume.grid.frame_uid != item.frame_uid:
        text = f"{item.name} lies in another frame of reference than the images of the case; link the studies first."
        raise OperatorError("mixed-frames", text, subject=item.id)
    course, said = _course(session, item)
    view = View("curved", f"{session.title} · {item.name}", series, None)
    return sheet_along(volume, course, size_px, (*said, *caption_of(case, view)))


def sheet_along(
    volume: Volume, pictured: PicturedCourse, size_px: tuple[int, int], caption: tuple[str, ...]
) -> SheetRequest:
    """Curved from the front and from the side (of a course that runs along the body), and straightened."""
    height = max(200, int(0.85 * size_px[1]))
    mm_per_px = float(np.clip(pictured.line.length_mm / height, _FINEST_MM, _COARSEST_MM))
    course = Course.of(pictured.line, min(mm_per_px, 0.5))
    panels = []
    for angle, words in ((0.0, "patient's left on the right"), (90.0, "turned by 90 degrees")):
        made = curved(volume, course, width_mm=_WIDTH_MM, angle_deg=angle, mm_per_px=mm_per_px)
        marks = tuple(_marks(made, course, pictured, walls=False))
        panels.append(SheetPanel(_grey(volume, made, pictured.kind), f"curved along {pictured.name}, {words}", marks))
    made = straightened(volume, course, width_mm=_WIDTH_MM, mm_per_px=mm_per_px)
    marks = tuple(_marks(made, course, pictured, walls=True))
    panels.append(SheetPanel(_grey(volume, made, pictured.kind), "straightened, patient's left on the right", marks))
    return SheetRequest(tuple(panels), size_px, caption)


def _grey(volume: Volume, made: Reformat, kind: str) -> NDArray[np.uint8]:
    window = lumen_window(volume, kind)
    return apply_window(
        made.image, centre=window.centre, width=window.width, function=window.function, background=_GREY
    )


def _marks(made: Reformat, course: Course, pictured: PicturedCourse, *, walls: bool) -> Iterator[SheetMark]:
    """Lines and points on a picture, in its pixels."""

    def pixel(along_mm: float) -> tuple[float, float]:
        row, column, _ = made.map.pixel_of(course.at(along_mm))
        return float(column), float(row)

    columns = made.image.shape[1]
    if pictured.stenosis is not None:
        for along, words in (
            (pictured.stenosis.start_mm, "stricture begins"),
            (pictured.stenosis.end_mm, "stricture ends"),
        ):
            middle, row = pixel(along)
            yield SheetMark(((middle - columns * 0.1, row), (middle + columns * 0.1, row)), words)
    for name, along in pictured.marks:
        yield SheetMark((pixel(along),), name)
    for start, end, diameter, words in pictured.stents:
        if walls:
            half = diameter / 2.0 / made.map.mm_per_px
            (left, top), (_, bottom) = pixel(start), pixel(end)
            box = (
                (left - half, top),
                (left + half, top),
                (left + half, bottom),
                (left - half, bottom),
                (left - half, top),
            )
            yield SheetMark(box, words)
        else:
            yield SheetMark(tuple(pixel(float(at)) for at in np.linspace(start, end, 24)), words)


def _course_item(session: Session) -> PlanItem | None:
    stented = {body.lumen for _, body in stents_of(session.items)}
    lumens = [item for item in session.items if item.type == LUMEN]
    lumens.sort(key=lambda item: item.id not in stented)
    paths = [item for item in session.items if item.type == VESSEL_PATH]
    return next(iter((*lumens, *paths)), None)


def _course(session: Session, item: PlanItem) -> tuple[PicturedCourse, tuple[str, ...]]:
    """The course of an item, and what to read before the picture."""
    if item.type == VESSEL_PATH:
        points = np.asarray(vessel_path_of(item).points_lps_mm, dtype=np.float64)
        return PicturedCourse(item.name, "artery", Polyline(points, item.frame_uid)), ()
    facts = lumen_facts(lumen_of(item))
    here = [(each, body) for each, body in stents_of(session.items) if body.lumen == item.id]
    stents = tuple((body.start_mm, body.end_mm, body.diameter_mm, each.name) for each, body in here)
    said = tuple(f"{each.name}: {words}" for each, body in here if (words := stale_words(session, body)))
    marks = tuple((mark.name, mark.along_mm) for mark in facts.marks)
    return PicturedCourse(item.name, facts.kind, lumen_line(item), facts.stenosis, marks, stents), said


def _series(case: Case, session: Session, item: PlanItem) -> SeriesRef:
    """The images an item was made on, as far as the case knows them."""
    named = lumen_of(item).series if item.type == LUMEN else None
    found = next((each for each in case.studies if series_key(each) == named), None)
    for uid in item.source_uids:
        found = found or series_of(case, session, uid)
    found = found or next((each for each in case.studies if each.frame_uid == item.frame_uid), None)
    found = found or main_series(case, session)
    if found is None:
        raise OperatorError("no-images", "The case has no images; attach some first.", subject=case.id)
    return found
