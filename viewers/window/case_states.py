"""Presentation states in the window: opened into a DSA pane and the session, saved beside nothing that was sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from planner.app import case_images
from planner.app.angio import PresentationState, StateWords, read_presentation_state
from planner.app.run_states import annotations_of, save_presentation_state, state_edit
from planner.imaging.angio import AngioRun
from planner.jobs import Context
from planner.model.run_items import RunMeasurementBody, RunViewBody
from viewers.panes.run_pane import RunPane
from viewers.state.run_settings import RunSettings, settings_of
from viewers.window.case_series import series_key

if TYPE_CHECKING:
    from viewers.window.main_window import MainWindow

FILES = "Presentation states (*.dcm);;All files (*)"


class CaseStates:
    """Answers ``open-state`` and ``save-state`` of a DSA pane's run menu."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        window.desk.state.run_ct.asked.connect(self._asked)

    def _asked(self, act: str, pane_id: str) -> None:
        if act == "open-state":
            name, _ = QFileDialog.getOpenFileName(self.window, "Open a presentation state", filter=FILES)
            if name:
                self.open(pane_id, Path(name))
        elif act == "save-state":
            name, _ = QFileDialog.getSaveFileName(self.window, "Save a presentation state", "state.dcm", FILES)
            if name:
                self.save(pane_id, Path(name))

    def _pane(self, pane_id: str) -> RunPane | None:
        frame = self.window.case_page.grid.frame(pane_id)
        pane = getattr(frame, "picture", None)
        return pane if isinstance(pane, RunPane) else None

    def open(self, pane_id: str, file: Path) -> None:
        """Read a state made for the pane's run and show the run so; in an open session it becomes part of it."""
        pane = self._pane(pane_id)
        run = None if pane is None else pane.run
        if pane is None or run is None:
            self.window.say("Show the run first: a presentation state belongs to one.")
            return

        def read(context: Context) -> PresentationState:
            del context
            return read_presentation_state(file, run)

        def done(found: PresentationState) -> None:
            self._take(pane, run, file, found)

        title = f"Reading {file.name}"
        self.window.desk.jobs.submit(title, read, done, still_valid=lambda: pane.run is run)

    def _take(self, pane: RunPane, run: AngioRun, file: Path, state: PresentationState) -> None:
        """The session first, in one step of undo: the pane then shows what the session says."""
        work = self.window.work
        desk = None if work is None else work.session_desk
        kept = ""
        if work is not None and desk is not None:
            arm = run.c_arm(0)
            frame_uid = arm.frame_uid if arm is not None else run.source.series_uid
            edit = state_edit(desk.session_id, run, frame_uid, state, by=work.opened.actor)
            if work.apply("Open a presentation state", lambda: edit) is not None:
                return
        else:
            kept = self._draw_regions(pane, state)
        pane.pane_state.settings.set(_settings(state.view, pane))
        count = len(state.annotations)
        parts = [
            f"{file.name}: shown as {state.label or 'it says'}, {count} annotation{'' if count == 1 else 's'}{kept}."
        ]
        self._say(" ".join([*parts, *(each.text for each in state.findings)]))

    def _say(self, text: str) -> None:
        """After the end of the job has been announced."""
        self.window.desk.post(lambda: self.window.say(text))

    @staticmethod
    def _draw_regions(pane: RunPane, state: PresentationState) -> str:
        """Without a session nothing is kept: areas become regions of the view, the rest is said."""
        areas = [each for each in state.annotations if each.kind == "region" and len(each.points_xy) > 2]
        for each in areas:
            made = pane.pane_state.add_region(each.points_xy)
            if each.text:
                pane.pane_state.rename_region(made.id, each.text)
        rest = len(state.annotations) - len(areas)
        return f" ({rest} of them need an open session and are not shown)" if rest else ""

    def save(self, pane_id: str, out: Path) -> None:
        """Write how the pane shows its run, with what is measured on it, and say where."""
        pane, work = self._pane(pane_id), self.window.work
        run = None if pane is None else pane.run
        if pane is None or run is None or work is None:
            self.window.say("Open a case and show the run first.")
            return
        reference = next((each for each in work.opened.case.studies if series_key(each) == run.key), None)
        if reference is None:
            self.window.say("This run is not part of the case; add it to the case first.")
            return
        library, case_id = work.opened.library, work.opened.case.id
        view, annotations = view_shown(pane, run), self._annotations(pane, run)
        words = StateWords(creator=work.who, description="How the run was shown")

        def write(context: Context) -> Path:
            entry = case_images.find_series(library, case_id, reference, context)
            return save_presentation_state(entry, run, view, annotations, out, words=words)

        def done(found: Path) -> None:
            loss = " The flexible pixel shift cannot be written and was left out." if view.shift == "flexible" else ""
            self._say(f"The presentation state was written to {found}.{loss}")

        self.window.desk.jobs.submit(f"Writing {out.name}", write, done, still_valid=lambda: self.window.work is work)

    def _annotations(self, pane: RunPane, run: AngioRun) -> tuple[RunMeasurementBody, ...]:
        """Of the session, and the regions that are only drawn in the pane."""
        work = self.window.work
        desk = None if work is None else work.session_desk
        kept = annotations_of(desk.session, run.key) if desk is not None else ()
        known = {tuple(each.points_xy) for each in kept}
        drawn = tuple(
            RunMeasurementBody(run.key, pane.shown_frame + 1, "region", tuple(each.points_xy), text=each.name)
            for each in pane.pane_state.regions.value
            if tuple(each.points_xy) not in known
        )
        return (*kept, *drawn)


def view_shown(pane: RunPane, run: AngioRun) -> RunViewBody:
    """What is on the screen as a plan item says it; shifts found per frame are written as they are."""
    settings, mask = pane.pane_state.settings.value, pane.analysis.mask
    frames = mask.choice.frames if mask is not None and pane.is_subtracted else ()
    body = settings.body(run.key, subtracted=pane.is_subtracted, mask_frames=tuple(frames))
    body = replace(body, window=pane.window())
    shifts = pane.analysis.shifts() if settings.shift == "rigid" and pane.is_subtracted else None
    if shifts is None:
        return body
    moved = {str(frame): (float(x), float(y)) for frame, (x, y) in enumerate(shifts, start=1)}
    return replace(body, shift="manual", manual_shift_xy_px=moved)


def _settings(view: RunViewBody, pane: RunPane) -> RunSettings:
    """As the pane takes it; the window of an unsubtracted picture is another one than that of contrast."""
    found = settings_of(view)
    before = pane.pane_state.settings.value
    if view.subtracted:
        return replace(found, native_window=before.native_window)
    return replace(found, native_window=view.window, contrast_window=before.contrast_window)
