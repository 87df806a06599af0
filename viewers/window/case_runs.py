"""The runs of the open case in the window: which there are, what their headers tell, and loading those asked for."""

from __future__ import annotations

from collections.abc import Callable

from planner.app import case_images
from planner.app.angio import run_facts
from planner.app.open_case import OpenCase
from planner.errors import OperatorError
from planner.imaging.angio import AngioRun, RunFacts
from planner.imaging.volumes import ImageSource
from planner.jobs import Context
from planner.model.disease import SeriesRef
from viewers.panes.desk import Desk
from viewers.state.jobs import Job, JobState
from viewers.state.run_state import RunLine
from viewers.state.signals import Subscriptions
from viewers.window.case_series import MOVED, MovedImages, series_key

ANGIO = "angio"


class CaseRuns:
    """Lists the case's runs at once, reads their headers in the background, and loads frames only when shown.

    Parameters
    ----------
    moved
        Called for a run whose files are not found; the window asks where they are.
    """

    def __init__(self, opened: OpenCase, desk: Desk, moved: Callable[[MovedImages], object]) -> None:
        self._opened, self._desk, self._moved = opened, desk, moved
        self._listed: tuple[SeriesRef, ...] = ()
        self._loading: dict[str, Job] = {}
        self._open = True
        self._subscriptions = Subscriptions()
        self._subscriptions.add(desk.state.runs.asked.connect(self._load))
        self.refresh()

    def close(self) -> None:
        """What still loads is not shown any more."""
        self._open = False
        self._subscriptions.release()

    def refresh(self) -> None:
        """List the runs again when the case has other ones."""
        references = tuple(each for each in self._opened.case.studies if each.kind == ANGIO)
        if references == self._listed or not self._open:
            return
        self._listed = references
        self._desk.state.runs.list_runs([line_of(each) for each in references])
        self._look_through(references)

    def _look_through(self, references: tuple[SeriesRef, ...]) -> None:
        """Fill the run table from the headers; what is not found stays listed as not stated."""
        library, case = self._opened.library, self._opened.case

        def work(context: Context) -> list[RunLine]:
            lines = []
            for number, reference in enumerate(references):
                part = context.part(number / len(references), (number + 1) / len(references))
                line = line_of(reference)
                try:
                    entry = case_images.find_series(library, case.id, reference, part)
                    line = RunLine(line.key, line.source, run_facts(entry))
                except OperatorError:
                    part.step(1.0, "not found where the case says")
                lines.append(line)
            return lines

        def done(lines: list[RunLine]) -> None:
            self._desk.state.runs.list_runs(lines)

        def holds() -> bool:
            return self._open and self._listed == references

        if references:
            self._desk.jobs.submit("Looking at the runs", work, done, still_valid=holds, group="run table")

    def _load(self, key: str) -> None:
        reference = next((each for each in self._listed if series_key(each) == key), None)
        loading = self._loading.get(key)
        if reference is None or (loading is not None and loading.state is JobState.RUNNING):
            return
        library, case = self._opened.library, self._opened.case

        def work(context: Context) -> AngioRun | MovedImages:
            try:
                return case_images.load_run_of_case(library, case, reference, context)
            except OperatorError as error:
                if error.code not in MOVED:
                    raise
                return MovedImages(reference, error.message)

        def done(found: AngioRun | MovedImages) -> None:
            if isinstance(found, MovedImages):
                self._moved(found)
            else:
                self._desk.state.runs.add(found)

        title = f"Loading run {reference.description or ''}".strip()
        self._loading[key] = self._desk.jobs.submit(title, work, done, still_valid=lambda: self._open)


def line_of(reference: SeriesRef) -> RunLine:
    """What the case itself knows of a run."""
    source = ImageSource(
        reference.series_uid,
        reference.part,
        reference.modality,
        reference.description,
        reference.patient_id,
        study_uid=reference.study_uid,
        study_date=reference.study_date.isoformat() if reference.study_date else None,
    )
    return RunLine(series_key(reference), source, RunFacts())
