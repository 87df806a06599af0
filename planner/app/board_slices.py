"""The same place over the dates of a case, as one picture at one scale. Places cross dates by reviewed links only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from planner import DISCLAIMER
from planner.app.frame_links import linked_frames, point_map
from planner.app.rendering import Renderer, SheetMark, SheetPanel, SheetRequest
from planner.app.report_pictures import SIMULATED, Images
from planner.app.report_words import person_name
from planner.catalogues import catalogue
from planner.errors import OperatorError
from planner.geometry.planes import SlicePlane
from planner.imaging import Volume
from planner.imaging.slicing import slice_volume
from planner.imaging.window import apply_window, first_window
from planner.jobs import Context
from planner.model.case import Case
from planner.model.disease import Lesion, SeriesRef
from planner.report.content import Picture
from planner.store.library import Library

PANEL_PX = 300
_PHASES = ("arterial", "late-arterial", "portal-venous", "venous", "delayed")
"""Phases in the order in which a date is represented by one of its series."""
NO_PLACE = "No lesion has a place on images: nothing is shown side by side."
POSTURE = "axial through the same place; posture and breath differ between the dates"


@dataclass(frozen=True, slots=True)
class DatedSlice:
    """One date of the strip.

    Attributes
    ----------
    place_lps_mm
        Where the lesion lies in this date's own frame; None where the date is left out.
    words
        How the place was brought there, or why the date is left out.
    """

    on: date
    series: SeriesRef
    place_lps_mm: tuple[float, float, float] | None
    words: str


@dataclass(frozen=True, slots=True)
class SliceStrip:
    """The picture of the strip, and what it shows and leaves out."""

    lesion: str | None
    slices: tuple[DatedSlice, ...]
    picture: Picture | None
    left_out: tuple[str, ...]


def setting(name: str) -> float:
    """A number of the meeting's sheet."""
    return float(catalogue("dossier.toml")["meeting"][name]["value"])


def shown_lesion(case: Case, lesion_id: str | None = None) -> Lesion | None:
    """The lesion that is looked at, among those with a place: the one asked for, or what the meeting is likely about.

    That is one that a person confirmed as new on the newest images; else a target; else the largest.
    """
    placed = [each for each in case.lesions if each.centre_lps_mm is not None and each.frame_uid]
    if lesion_id is not None:
        return next((each for each in placed if each.id == lesion_id), None)
    newest = max((each.study_date for lesion in case.lesions for each in lesion.observations), default=None)

    def weight(lesion: Lesion) -> tuple[bool, bool, float]:
        sizes = [each.longest_mm for each in lesion.observations if each.longest_mm is not None]
        fresh = lesion.identity_by is not None and lesion.role == "new" and lesion.first_seen_on == newest
        return fresh, lesion.role == "target", max(sizes, default=0.0)

    return max(placed, key=weight, default=None)


def series_per_date(case: Case) -> tuple[SeriesRef, ...]:
    """One series for each of the newest dates, oldest first: arterial before portal venous before others."""
    best: dict[date, SeriesRef] = {}
    for each in case.studies:
        if each.kind != "volume" or each.study_date is None or each.frame_uid is None:
            continue
        held = best.get(each.study_date)
        if held is None or _rank(each) < _rank(held):
            best[each.study_date] = each
    newest = sorted(best)[-round(setting("image_lookback")) :]
    return tuple(best[on] for on in newest)


def _rank(series: SeriesRef) -> int:
    return _PHASES.index(series.phase) if series.phase in _PHASES else len(_PHASES)


def dated_slices(library: Library, case: Case, lesion: Lesion) -> Iterator[DatedSlice]:
    """Where a lesion's place lies on each date, carried there by reviewed links."""
    assert lesion.frame_uid is not None
    assert lesion.centre_lps_mm is not None
    for series in series_per_date(case):
        assert series.study_date is not None
        assert series.frame_uid is not None
        way = linked_frames(case, lesion.frame_uid, series.frame_uid)
        if way is None:
            yield DatedSlice(series.study_date, series, None, "no reviewed match with the study of the lesion")
            continue
        try:
            found = point_map(library, case, lesion.frame_uid, series.frame_uid)
        except OperatorError as error:
            yield DatedSlice(series.study_date, series, None, error.message)
            continue
        if found is None:
            yield DatedSlice(series.study_date, series, None, "no reviewed match with the study of the lesion")
            continue
        x, y, z = found.points(np.asarray([lesion.centre_lps_mm], dtype=np.float64))[0].tolist()
        words = "study of the lesion" if series.frame_uid == lesion.frame_uid else way.words
        yield DatedSlice(series.study_date, series, (x, y, z), words)


def slice_strip(
    library: Library,
    case: Case,
    renderer: Renderer,
    held: Mapping[str, Volume],
    *,
    lesion_id: str | None = None,
    context: Context | None = None,
) -> SliceStrip:
    """Draw the strip.

    Parameters
    ----------
    held
        Images in memory by ``series_uid#part``; others are loaded where they lie.
    """
    lesion = shown_lesion(case, lesion_id)
    if lesion is None:
        return SliceStrip(None, (), None, (NO_PLACE,))
    job = context or Context()
    images = Images(library, case, held, job)
    panels: list[SheetPanel] = []
    shown: list[DatedSlice] = []
    left_out: list[str] = []
    for number, each in enumerate(dated_slices(library, case, lesion)):
        job.step(min(0.9, number / setting("image_lookback")), f"Drawing {each.on.isoformat()}")
        panel = _panel(images, lesion, each, left_out)
        if panel is not None:
            panels.append(panel)
            shown.append(each)
    if not panels:
        return SliceStrip(lesion.name, (), None, tuple(left_out))
    who = f"{person_name(case.patient.name)} · ID {case.patient.patient_id} · {lesion.name} · {POSTURE}"
    burned = (SIMULATED, who, DISCLAIMER) if case.simulated else (who, DISCLAIMER)
    size = (PANEL_PX * len(panels), PANEL_PX + PANEL_PX // 4)
    png = renderer.sheet(SheetRequest(tuple(panels), size, burned))
    caption = f"{lesion.name}: " + "; ".join(f"{each.on.isoformat()}: {each.words}" for each in shown)
    return SliceStrip(lesion.name, tuple(shown), Picture(png, caption), tuple(left_out))


def _panel(images: Images, lesion: Lesion, each: DatedSlice, left_out: list[str]) -> SheetPanel | None:
    """The picture of a date; None where it is left out, which is said."""
    if each.place_lps_mm is None:
        left_out.append(f"{each.on.isoformat()} left out: {each.words}")
        return None
    try:
        volume = images.volume(each.series)
    except OperatorError as error:
        left_out.append(f"{each.on.isoformat()} left out: {error.message}")
        return None
    if volume.grid.nearest_index(each.place_lps_mm) is None:
        left_out.append(f"{each.on.isoformat()} left out: its images do not show the place")
        return None
    centre = (PANEL_PX - 1) / 2.0
    what = " ".join(part for part in (each.series.modality or "", each.series.phase or "") if part)
    mark = SheetMark(((centre, centre),), lesion.name)
    return SheetPanel(_greys(volume, each.place_lps_mm), f"{each.on.isoformat()} {what}".strip(), (mark,))


def _greys(volume: Volume, place_lps_mm: tuple[float, float, float]) -> NDArray[np.uint8]:
    plane = SlicePlane.axial(np.asarray(place_lps_mm, dtype=np.float64))
    picture = slice_volume(volume, plane, (PANEL_PX, PANEL_PX), setting("field_mm") / PANEL_PX)
    window = first_window(volume)
    return apply_window(picture, centre=window.centre, width=window.width, function=window.function)
