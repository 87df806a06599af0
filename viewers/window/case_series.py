"""The images of the open case in the window: loading them, keeping copies, saying where moved ones lie, masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from planner.app import case_images, images
from planner.app.image_masks import open_masks
from planner.app.marking import add_structure
from planner.app.open_case import OpenCase
from planner.app.phases import needs_telling, set_phase, with_told_phase
from planner.errors import OperatorError
from planner.imaging import LabelMap, Volume
from planner.imaging.growing import Growing
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.disease import SeriesRef
from planner.model.edits import Edit
from viewers.panes.desk import Desk
from viewers.state.jobs import Job, JobState
from viewers.state.signals import Signal

MOVED = ("images-missing", "images-changed")
"""Refusals that a person can answer by saying where the images are now."""


@dataclass(frozen=True, slots=True)
class MovedImages:
    """A series whose files are not where the case says."""

    reference: SeriesRef
    sentence: str


def series_key(reference: SeriesRef) -> str:
    """``series_uid#part``, as sessions name a volume."""
    return f"{reference.series_uid}#{reference.part}"


class CaseSeries:
    """Loads volumes of the case in the background and shows them.

    Attributes
    ----------
    moved
        Tells of images that are not found; the window asks where they are.
    shown
        Called after a volume came.
    """

    def __init__(self, opened: OpenCase, desk: Desk, shown: Callable[[], object]) -> None:
        self.opened, self.desk = opened, desk
        self.moved: Signal[[MovedImages]] = Signal()
        self._shown = shown
        self._loading: dict[str, Job] = {}
        self._open = True
        self._phases_wanted = desk.state.images.phase_asked.connect(self._set_phase)
        desk.state.images.phase_is_kept = True
        opened.listeners.append(self._follow_phases)

    def close(self) -> None:
        """What still loads is not shown any more."""
        self._open = False
        self._phases_wanted()
        self.desk.state.images.phase_is_kept = False

    def take(self, volume: Volume, role: str | None = None) -> None:
        """Show a volume that is in memory already."""
        key = self.desk.state.images.add(volume, role=role)
        self._shown()
        self._tell_phase(key)

    def _tell_phase(self, key: str) -> None:
        """Estimate the phase where neither tags nor a person say it; the images are looked at meanwhile."""
        volume = self.desk.state.images.volume(key)
        if volume is None or not needs_telling(volume.source):
            return

        def done(told: Volume) -> None:
            self.desk.state.images.put_source(key, told.source)

        self.desk.jobs.submit(
            "Telling the contrast phase",
            lambda context: with_told_phase(volume, context),
            done,
            still_valid=lambda: self._open and self.desk.state.images.volume(key) is volume,
        )

    def _set_phase(self, key: str, phase: str | None) -> None:
        """Keep the phase that a person chose with the reference of the case, as one step of undo."""
        reference = next((each for each in self.opened.case.studies if series_key(each) == key), None)
        if reference is not None:
            self.opened.document.apply("Set the contrast phase", set_phase(reference, phase, self.opened.actor.user))

    def _follow_phases(self) -> None:
        """Loaded volumes say what the case says, also after undo."""
        images_there = self.desk.state.images
        for reference in self.opened.case.studies:
            volume = images_there.volume(series_key(reference))
            if volume is None:
                continue
            if reference.phase_by is not None:
                images_there.put_source(series_key(reference), case_images.with_phase_by_hand(volume.source, reference))
            elif volume.source.phase_from == "operator":
                images_there.put_source(
                    series_key(reference), replace(volume.source, phase=reference.phase, phase_from=None)
                )
                self._tell_phase(series_key(reference))

    def load_keys(self, keys: Sequence[str]) -> None:
        """Load what is not loaded yet, each in a job of its own."""
        wanted = {series_key(ref): ref for ref in self.opened.case.studies}
        for key in keys:
            loading = self._loading.get(key)
            if key in self.desk.state.images.volumes or (loading is not None and loading.state is JobState.RUNNING):
                continue
            if key in wanted and wanted[key].kind == "angio":
                self.desk.state.runs.ask(key)
            elif key in wanted:
                self._load(key, wanted[key])

    def _load(self, key: str, reference: SeriesRef) -> None:
        library, case = self.opened.library, self.opened.case

        def show(growing: Growing) -> None:
            partial = growing.snapshot()
            if partial is not None and self._open:
                self.desk.state.images.arrive(partial)

        def follow(growing: Growing) -> None:
            growing.listen(lambda: self.desk.post(lambda: show(growing)))

        def work(context: Context) -> Volume | MovedImages:
            try:
                return case_images.load_series(library, case, reference, context, follow)
            except BaseException as error:
                self.desk.post(lambda: self.desk.state.images.depart(key))
                if not isinstance(error, OperatorError) or error.code not in MOVED:
                    raise
                return MovedImages(reference, error.message)

        def done(found: Volume | MovedImages) -> None:
            if isinstance(found, MovedImages):
                self.moved.emit(found)
            else:
                self.take(found)

        title = f"Loading {reference.phase or reference.description or 'images'}"
        self._loading[key] = self.desk.jobs.submit(title, work, done, still_valid=lambda: self._open)

    def relink(self, reference: SeriesRef, folder: Path) -> None:
        """Look for the same files in another folder, and load them from there."""
        opened = self.opened

        def work(context: Context) -> Edit:
            return case_images.relink(opened.library, opened.case, reference, folder, opened.actor, context)

        def done(edit: Edit) -> None:
            opened.document.apply("Say where the images are", edit)
            self.load_keys([series_key(reference)])

        self.desk.jobs.submit("Looking for the moved images", work, done, still_valid=lambda: self._open)

    def copy(self, entries: Sequence[images.SeriesEntry], saved: Callable[[], object]) -> None:
        """Take managed copies; the case is told when all are whole."""
        library, case, actor = self.opened.library, self.opened.case, self.opened.actor
        wanted = {(entry.uid, entry.part) for entry in entries}
        references = [ref for ref in case.studies if (ref.series_uid, ref.part) in wanted]

        def work(context: Context) -> list[Edit]:
            parts = [context.part(n / len(references), (n + 1) / len(references)) for n in range(len(references))]
            return [
                case_images.take_managed_copy(library, case, reference, actor, part)
                for reference, part in zip(references, parts, strict=True)
            ]

        def done(edits: list[Edit]) -> None:
            for edit in edits:
                self.opened.document.apply("Keep a copy of the images", edit)
            saved()

        self.desk.jobs.submit("Copying images into the library", work, done, still_valid=lambda: self._open)

    def import_masks(self, path: Path) -> str | None:
        """Show the labels of a mask file or folder over the images; a sentence when there are none to lay them on."""
        volume = self.desk.state.images.primary
        if volume is None:
            return "Load the images first; masks are laid over them."

        def work(context: Context) -> tuple[LabelMap, ...]:
            return open_masks(str(path), onto=volume, context=context)

        def done(maps: tuple[LabelMap, ...]) -> None:
            for number, labels in enumerate(maps):
                self.desk.marks.layer.put_label_map(f"{path.name}:{number}" if number else path.name, labels)

        self.desk.jobs.submit(f"Reading masks of {path.name}", work, done, still_valid=lambda: self._open)
        return None

    def keep_label(self, session_id: str, key: str, value: int) -> str | None:
        """Make one label of an imported map a region of the plan; a sentence when it is empty."""
        labels = self.desk.marks.layer.label_maps.get(key)
        source = next(
            (
                volume.source
                for volume in self.desk.state.images.volumes.values()
                if labels is not None and volume.grid.same_as(labels.grid)
            ),
            None,
        )
        if labels is None or source is None:
            return "Load the images that the masks belong to first."
        label = labels.labels[value]
        try:
            edit = add_structure(
                self.opened.library,
                session_id,
                Mask.of(labels.grid, labels.mask(value)),
                source,
                structure=label.structure,
                name=label.name,
                by=self.opened.actor,
                tool="import",
                colour=label.colour,
            )
        except OperatorError as error:
            return error.message
        self.opened.document.apply(f"Keep {label.name}", edit)
        return None
