"""What changed between two linked studies: structures, Lipiodol, necrosis, computed in the background."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from planner.app.follow_up_images import changes_between, lipiodol_of_day, necrosis_of_day
from planner.app.lesion_identity import StudyDay, lesion_regions, propose_identities
from planner.app.marking import load_mask, region_of
from planner.errors import OperatorError
from planner.imaging import LabelMap, Volume
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.case import Case
from planner.model.items import REGION
from planner.planning.change_maps import UNENHANCED
from planner.store.library import Library
from planner.workflow.template import Template
from viewers.panes.desk import Desk
from viewers.state.compare import Change, ChangeMap
from viewers.window.case_series import series_key
from viewers.window.case_work import CaseWork

CHANGED, LIPIODOL, NECROSIS = "changed", "lipiodol", "necrosis"
LIVER = "liver"


@dataclass(frozen=True, eq=False, slots=True)
class DayImages:
    """What a job stands on: volumes that are loaded and the case as it is.

    Attributes
    ----------
    on
        Days of the earlier and the later series; None where nobody says.
    same_day
        Every loaded volume in the later one's frame of reference, the later one among them.
    """

    library: Library
    case: Case
    later: Volume
    earlier: Volume
    on: tuple[date | None, date | None]
    same_day: tuple[Volume, ...]
    templates: Mapping[str, Template]


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """What the job gives back; `notes` say what could not be told, one sentence each."""

    maps: tuple[ChangeMap, ...] = ()
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


class CompareMaps:
    """Fills `CompareDesk.maps` and `CompareDesk.changes` when asked.

    Attributes
    ----------
    notes
        Of the last computation.
    """

    def __init__(self, desk: Desk, changed: Callable[[], object]) -> None:
        self.desk, self.compare = desk, desk.state.compare
        self.work: CaseWork | None = None
        self.notes: tuple[str, ...] = ()
        self._changed = changed
        self._computed: object = None
        self.compare.pair.changed.connect(self._other_pair)

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        self.work = work
        self._other_pair(None)

    def _other_pair(self, pair: object) -> None:
        del pair
        self.notes, self._computed = (), None

    @property
    def is_computed(self) -> bool:
        return self._computed is not None and self._computed == self.compare.pair.value

    def compute(self) -> str | None:
        """In the background; only across a reviewed link."""
        work, pair, link = self.work, self.compare.pair.value, self.compare.link
        volumes = self.desk.state.images.volumes
        if work is None or pair is None or pair.later not in volumes or pair.earlier not in volumes:
            return "Choose two studies first; both have to be loaded."
        if link is None:
            return "Match the two studies and review the match first: nothing is compared before."
        later, frame = volumes[pair.later], volumes[pair.later].grid.frame_uid
        given = DayImages(
            work.opened.library,
            work.opened.case,
            later,
            volumes[pair.earlier],
            (_taken_on(work.opened.case, pair.earlier), _taken_on(work.opened.case, pair.later)),
            tuple(each for each in volumes.values() if each.grid.frame_uid == frame),
            work.installed.templates,
        )

        def done(found: Found) -> None:
            self._computed, self.notes = pair, found.notes
            self.compare.maps.set(found.maps)
            self.compare.changes.set(found.changes)
            self._changed()

        self.desk.jobs.submit(
            "Finding what changed",
            lambda context: found_changes(given, context),
            done,
            still_valid=lambda: self.compare.pair.value == pair and self.compare.link is link,
            group="compare-changes",
        )
        return None


def _taken_on(case: Case, key: str) -> date | None:
    return next((each.study_date for each in case.studies if series_key(each) == key), None)


def found_changes(given: DayImages, context: Context) -> Found:
    """Structures, Lipiodol, necrosis; what is refused becomes a sentence, and the rest is still told."""
    maps: list[ChangeMap] = []
    changes: tuple[Change, ...] = ()
    notes: list[str] = []
    days = [
        StudyDay(volume.grid.frame_uid, on) for volume, on in zip((given.earlier, given.later), given.on, strict=True)
    ]
    try:
        proposals = propose_identities(
            given.library,
            given.case,
            days[0],
            days[1],
            grid=given.later.grid,
            templates=given.templates,
            context=context.part(0.0, 0.5),
        )
        found = changes_between(proposals)
        maps.append(ChangeMap(CHANGED, "What changed", occurring(found.labels), found.note))
        changes = tuple(Change(row.kind, row.name, row.words, row.place_lps_mm) for row in found.rows)
    except OperatorError as refused:
        notes.append(refused.message)
    context.step(0.5, "looking for Lipiodol")
    for make in (_lipiodol, _necrosis):
        try:
            maps += make(given, days[1], context)
        except OperatorError as refused:
            notes.append(refused.message)
        context.step(0.8, "looking at what enhances")
    return Found(tuple(maps), changes, tuple(notes))


def occurring(labels: LabelMap) -> LabelMap:
    """The same map, naming only what occurs in it: a legend shows nothing else."""
    there = {int(value) for value in np.unique(labels.voxels)}
    return replace(labels, labels={value: label for value, label in labels.labels.items() if value in there})


def _unenhanced(given: DayImages) -> Volume | None:
    """The unenhanced CT of the new day, where one is loaded."""
    return next((each for each in given.same_day if each.source.phase == UNENHANCED), None)


def _liver(given: DayImages, frame_uid: str, plain: Volume, context: Context) -> Mask:
    """As it was drawn on the new day, else as it is found automatically."""
    for session in given.case.sessions:
        for item in session.items:
            if item.type == REGION and item.frame_uid == frame_uid and region_of(item).structure == LIVER:
                return load_mask(given.library, region_of(item).blob)
    from planner.imaging.registration import organ_mask

    context.step(0.55, "looking for the liver")
    return organ_mask(plain, LIVER)


def _lipiodol(given: DayImages, day: StudyDay, context: Context) -> list[ChangeMap]:
    """On the unenhanced CT of the new day, inside the liver."""
    plain = _unenhanced(given)
    if plain is None:
        return []
    labels, _, words = lipiodol_of_day(plain, _liver(given, day.frame_uid, plain, context))
    return [ChangeMap(LIPIODOL, "Lipiodol", occurring(labels), words)]


def _necrosis(given: DayImages, day: StudyDay, context: Context) -> list[ChangeMap]:
    """What of each lesion drawn on the new day enhances, from the images before and after contrast medium."""
    plain = _unenhanced(given)
    if plain is None or plain is given.later:
        return []
    maps = []
    for number, (_, item, body) in enumerate(lesion_regions(given.case, day)):
        context.step(0.8, f"looking at what enhances in {item.name}")
        mask = load_mask(given.library, body.blob)
        found = necrosis_of_day(given.library, given.case, mask, given.later, plain)
        title = f"{item.name}: what enhances"
        maps.append(ChangeMap(f"{NECROSIS}-{number}", title, occurring(found.labels()), " ".join(found.notes)))
    return maps
