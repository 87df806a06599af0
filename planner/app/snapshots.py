"""Pictures for scripts: of images as they lie on disk, or of a case with everything marked in one of its sessions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from planner import DISCLAIMER
from planner.app.images import open_image
from planner.app.needle_pictures import roles_in_layout, series_for_layout
from planner.app.rendering import PictureRequest, Renderer
from planner.app.report_pictures import Images, View, main_series, request_of
from planner.app.report_stages import status_words
from planner.app.report_words import person_name, series_key
from planner.app.sessions import current_session, local_now
from planner.app.templates import installed
from planner.dicom.angio_reading import KIND
from planner.errors import InputRefused, OperatorError, UsageError
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.items import Point
from planner.model.session import Session
from planner.store.actors import Actor
from planner.store.library import Library
from planner.workflow.answers import the_session, the_stage
from planner.workflow.evaluate import evaluate

DSA = "dsa"
CURVED = "curved"
LAYOUTS = ("mpr", "3d", DSA, CURVED)
STAGE = "stage:"


def check_layout(layout: str) -> None:
    """
    Raises
    ------
    UsageError
        ``unknown-layout``.
    """
    if layout not in LAYOUTS and not (layout.startswith(STAGE) and len(layout) > len(STAGE)):
        said = f"There is no layout {layout!r}; use mpr, 3d, dsa, curved or stage:ID."
        raise UsageError("unknown-layout", said, subject=layout)


def snapshot_images(
    source: Path,
    layout: str,
    size_px: tuple[int, int],
    renderer: Renderer,
    *,
    series: str | None = None,
    part: int | None = None,
    accept: Collection[str] = (),
    course_lps_mm: Sequence[Point] = (),
    lumen: str = "airway",
    context: Context | None = None,
) -> bytes:
    """PNG of a series on disk, through its middle or along a course.

    Parameters
    ----------
    accept
        Codes of findings whose repair the operator accepts.
    course_lps_mm, lumen
        Points and kind of the lumen that a curved picture runs along.

    Raises
    ------
    UsageError
        ``stage-without-case`` for a stage's layout; ``no-course`` for a curved one without points; and as
        `planner.app.images.open_image`.
    InputRefused
        When the images cannot be loaded.
    """
    check_layout(layout)
    if layout.startswith(STAGE):
        said = f"{layout} is a view of a case; name a case instead of a folder, or use mpr, 3d or dsa."
        raise UsageError("stage-without-case", said, subject=layout)
    if layout == DSA:
        from planner.app.run_sheets import sheet_of_source

        return renderer.sheet(sheet_of_source(source, size_px, series=series, part=part, context=context))
    volume = open_image(source, series=series, part=part, accept=accept, context=context)
    if layout == CURVED:
        from planner.app.curved_sheets import sheet_of_images

        return renderer.sheet(sheet_of_images(volume, course_lps_mm, lumen, size_px, context))
    return renderer.png(PictureRequest(volume, layout, size_px, caption=_image_caption(volume)))


def _image_caption(volume: Volume) -> tuple[str, ...]:
    source = volume.source
    who = person_name(source.patient_name) if source.patient_name else "no patient name"
    words = (source.modality, source.description, source.phase, source.study_date)
    what = " ".join(each for each in words if each) or "series without description"
    return (f"{who} · ID {source.patient_id or 'none'} · {what}", DISCLAIMER)


def snapshot_case(
    library: Library,
    place: str,
    layout: str,
    size_px: tuple[int, int],
    renderer: Renderer,
    *,
    by: Actor | None = None,
    context: Context | None = None,
) -> bytes:
    """PNG of a case: its planning series with everything marked, or what one stage of a session shows.

    Parameters
    ----------
    place
        ``CASE`` (its current session) or ``CASE/SESSION``; in ``stage:ID/SESSION`` the layout names the session.

    Raises
    ------
    UsageError
        ``no-such-source`` when it is neither a path nor a case; ``unknown-session``, ``unknown-stage``.
    OperatorError
        When the case has no images, or they are missing.
    """
    check_layout(layout)
    case_id, _, session_id = place.partition("/")
    try:
        case, _ = library.open_case(case_id, by)
    except InputRefused as error:
        if error.code != "unknown-case":
            raise
        said = f"{place!r} is neither a path that exists nor a case of this library."
        raise UsageError("no-such-source", said, subject=place) from error
    from planner.app.run_sheets import roles_of_layout, sheet_of_case

    stage_id, _, named = layout.removeprefix(STAGE).partition("/") if layout.startswith(STAGE) else ("", "", "")
    session = _session(case, named or session_id)
    if layout == DSA:
        return renderer.sheet(sheet_of_case(library, case, session, size_px, context))
    if layout == CURVED:
        from planner.app.curved_sheets import sheet_of_case as curved_sheet

        return renderer.sheet(curved_sheet(library, case, session, size_px, context))
    runs = roles_of_layout(_stage_layout(session, stage_id)) if stage_id else ()
    if runs and any(each.kind == KIND for each in case.studies):
        return renderer.sheet(sheet_of_case(library, case, session, size_px, context, roles=runs))
    view = _view(case, session, layout)
    title = view.title
    if stage_id:
        view, title = _stage_view(case, session, stage_id, view)
    images = Images(library, case, {}, context or Context())
    shown = roles_in_layout(view.layout)
    others = {role: images.volume(each) for role, each in _roles(case, session) if role in shown}
    volume = images.volume(view.series)
    return renderer.png(request_of(library, case, session, view, volume, size_px=size_px, others=others, title=title))


def _session(case: Case, session_id: str) -> Session:
    """The named session, or the current one."""
    return the_session(case, session_id) if session_id else current_session(case)


def _view(case: Case, session: Session, layout: str) -> View:
    base = main_series(case, session)
    if base is None:
        raise OperatorError("no-images", "The case has no images; attach some first.", subject=case.id)
    placed = [each for each in case.lesions if each.centre_lps_mm is not None and each.frame_uid == base.frame_uid]
    largest = max(placed, key=lambda each: (each.latest and each.latest.longest_mm) or 0.0, default=None)
    return View(layout, session.title, base, None if largest is None else largest.centre_lps_mm)


def _stage_view(case: Case, session: Session, stage_id: str, view: View) -> tuple[View, str]:
    """The stage's layout, and its title and status for the caption."""
    available = installed()
    template, profile = available.template(session.template.id), available.profile(session.template.profile)
    stage = the_stage(template, stage_id)
    status = evaluate(case, session, template, profile, local_now()).stage(stage.id)
    series, tip = series_for_layout(case, session, stage.layout, view.series)
    view = replace(view, layout=stage.layout, series=series, cursor_lps_mm=tip or view.cursor_lps_mm)
    return view, f"{session.title} · {stage.title}: {status_words(status)}"


def _stage_layout(session: Session, stage_id: str) -> str:
    return the_stage(installed().template(session.template.id), stage_id).layout


def _roles(case: Case, session: Session) -> list[tuple[str, SeriesRef]]:
    """The volumes that play a role; runs are drawn by themselves."""
    by_key = {series_key(each): each for each in case.studies if each.kind != KIND}
    return [(role, by_key[key]) for role, key in session.series_roles.items() if key in by_key]


def write_png(path: Path, png: bytes) -> None:
    """
    Raises
    ------
    UsageError
        ``cannot-write``.
    """
    try:
        path.write_bytes(png)
    except OSError as error:
        said = f"{path} cannot be written ({error.strerror}); choose another place."
        raise UsageError("cannot-write", said, subject=str(path)) from error
