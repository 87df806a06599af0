"""The bundled demonstration: the whole course of the digital patient in a library, ready to explore.

At the window's first start `begin_course` puts a case of the first images in within seconds, which stays the person's
own; `finish_course` adds the course when it is whole. `run_course_demo` walks the same course, prints and draws it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from planner.app.case_images import remember_places
from planner.app.demo_course_ablation import CourseAblation
from planner.app.demo_course_hands import BASELINE, observed_on
from planner.app.demo_course_papers import CoursePapers
from planner.app.demo_course_people import COURSE_EXAMPLE
from planner.app.demo_course_start import HeldBack, begun_walk, put_first_case
from planner.app.demo_course_truth import CourseTruth, MarginSeen, SizeSeen
from planner.app.demo_course_walk import L2, CourseWalk
from planner.app.demo_marking import MarkedLesion, MarkedPath
from planner.app.demo_papers import PICTURE_PX, fresh_library
from planner.app.rendering import Renderer
from planner.app.sessions import SessionDesk, course_overview, local_now
from planner.app.templates import Installed
from planner.catalogues import catalogue
from planner.errors import BugError
from planner.jobs import Context
from planner.model.case import Case
from planner.model.codec import to_json
from planner.model.needle_items import ACHIEVED, PLANNED
from planner.model.needle_reading import margins_of
from planner.store.actors import Actor
from planner.store.library import Library
from planner.workflow.course import judged_steps
from planner.workflow.due import due_items

SESSIONS = ("tace-1", "tace-2", "ablation")


@dataclass(frozen=True, slots=True)
class CourseDemoResult:
    """What the demonstration made.

    Attributes
    ----------
    files
        Everything written, pictures and papers first.
    lesions, paths
        As marked at the baseline.
    sessions
        Ids in the order of the course; the last one is a draft.
    stages
        Stage -> status of the first session; `every_stage` of each session that was walked.
    truth
        What was found beside what is true.
    course
        Steps, readings, what is due, for scripts.
    """

    case_id: str
    files: tuple[Path, ...]
    lesions: tuple[MarkedLesion, ...]
    paths: tuple[MarkedPath, ...]
    sessions: tuple[str, ...]
    stages: Mapping[str, str]
    every_stage: Mapping[str, Mapping[str, str]]
    overrides: int
    computed: Mapping[str, Any]
    forbidden_carried: tuple[str, ...]
    last_time: Mapping[str, Any]
    remains: tuple[Mapping[str, Any], ...]
    ledger: Mapping[str, Any]
    course: Mapping[str, Any]
    truth: CourseTruth

    def to_json(self) -> dict[str, Any]:
        return {
            "case": self.case_id,
            "files": [str(each) for each in self.files],
            "lesions": [asdict(each) for each in self.lesions],
            "paths": [asdict(each) for each in self.paths],
            "sessions": list(self.sessions),
            "stages": dict(self.stages),
            "every_stage": {name: dict(each) for name, each in self.every_stage.items()},
            "overrides": self.overrides,
            "computed": dict(self.computed),
            "forbidden_carried": list(self.forbidden_carried),
            "last_time": dict(self.last_time),
            "remains": [dict(each) for each in self.remains],
            "ledger": dict(self.ledger),
            "course": dict(self.course),
            "truth": self.truth.to_json(),
        }


def begin_course(
    library: Library,
    folder: Path,
    by: Actor,
    context: Context | None = None,
    *,
    preset: str = "demo",
    today: date | None = None,
    first_case: bool = False,
) -> CourseWalk:
    """Make the first images of the digital patient; the course is walked by `finish_course`.

    Parameters
    ----------
    first_case
        Put a case of these images into the library at once, to be looked at and planned on. The course becomes a case
        of its own later, so nothing is replaced under anybody's hands.

    Raises
    ------
    UsageError
        ``cannot-write`` when the folder cannot be written.
    """
    job = context or Context()
    walk = begun_walk(library, folder, by, preset, _begun_on(today), HeldBack, job.part(0.0, 0.95))
    if first_case:
        put_first_case(walk)
    job.step(1.0, "The first images of the digital patient are made")
    return walk


def finish_course(walk: CourseWalk, context: Context | None = None) -> str:
    """Walk the course and put the finished case into the library; returns its id.

    The case appears when it is whole: a person may work in the library meanwhile.
    """
    job = context or Context()
    walk.run(job)
    library, case, by = walk.opened.library, walk.opened.case, walk.by
    walk.opened.revision = library.create_case(case, by)
    remember_places(library, case, by)
    job.step(1.0, "The course of the digital patient is in the library")
    return case.id


def run_course_demo(
    out: Path,
    renderer: Renderer,
    by: Actor,
    *,
    preset: str = "demo",
    today: date | None = None,
    picture_px: tuple[int, int] = PICTURE_PX,
    context: Context | None = None,
) -> CourseDemoResult:
    """Walk the course of the digital patient in a fresh library below a folder, print and draw it.

    Parameters
    ----------
    out
        Is made when it is not there; must hold no library.
    preset
        Resolution of the digital patient: ``tiny``, ``demo`` or ``full``.
    today
        The day it ends on: a week after the last images.
    picture_px
        Width and height of the pictures on disk; those on paper have at most the same.

    Raises
    ------
    UsageError
        ``demo-exists`` when the folder holds a library already; ``cannot-write``.
    InputRefused
        When a stage of an example cannot be signed: the example and the template have come apart.
    """
    job = context or Context()
    library = fresh_library(out)
    try:
        begun_on = _begun_on(today)
        walk = begun_walk(library, out / "images", by, preset, begun_on, HeldBack, job.part(0.0, 0.1))
        finish_course(walk, job.part(0.1, 0.85))
        papers = CoursePapers(out, walk, renderer, by, picture_px)
        files = tuple(papers.whole_course(job.part(0.85, 1.0)))
        result = _result(walk, files)
        job.step(1.0, "The demonstration is complete")
        return result
    finally:
        library.close()


def _begun_on(today: date | None) -> date:
    told = catalogue(f"examples/{COURSE_EXAMPLE}.toml")["example"]
    return (today or local_now().date()) - timedelta(days=int(told["today_after"]))


def _result(walk: CourseWalk, files: tuple[Path, ...]) -> CourseDemoResult:
    case, available = walk.opened.case, walk.available
    desks = {key: walk.sessions[key].desk for key in SESSIONS}
    every = {key: _stages(desk) for key, desk in desks.items()}
    overview = course_overview(case, available, walk.clock().date())
    card = desks["tace-2"].last_time()
    return CourseDemoResult(
        case_id=case.id,
        files=files,
        lesions=walk.lesions,
        paths=walk.paths,
        sessions=tuple(each.id for each in case.sessions),
        stages=every["tace-1"],
        every_stage=every,
        overrides=sum(len(desk.status().overrides) for desk in desks.values()),
        computed=walk.sessions["tace-1"].hands.report(),
        forbidden_carried=walk.forbidden,
        last_time={} if card is None else card.to_json(),
        remains=tuple(to_json(each) for each in overview.remains),
        ledger=overview.ledger.to_json(),
        course=_course(case, available, walk),
        truth=course_truth(walk),
    )


def _stages(desk: SessionDesk) -> dict[str, str]:
    return {each.stage.id: each.status.value for each in desk.status().stages}


def _course(case: Case, available: Installed, walk: CourseWalk) -> dict[str, Any]:
    today = walk.clock().date()
    return {
        "today": today.isoformat(),
        "steps": [each.to_json() for each in judged_steps(case, available.templates, today)],
        "readings": [
            {
                "on": each.on.isoformat(),
                "criteria": each.criteria,
                "overall": each.overall,
                "new_lesion": each.new_lesion,
                "not_evaluated": each.not_evaluated,
            }
            for each in case.readings
        ],
        "due": [
            {
                "kind": each.kind,
                "text": each.text,
                "due_on": None if each.due_on is None else each.due_on.isoformat(),
                "overdue": each.overdue(today),
            }
            for each in due_items(case, today)
        ],
        "alert_closed": walk.alert,
    }


def course_truth(walk: CourseWalk) -> CourseTruth:
    """What the walk found, beside what is true of the digital patient."""
    longest, viable = [], []
    for key, role in (
        (BASELINE, "arterial"),
        ("follow-up-6w", "mr-arterial"),
        ("follow-up-3m", "arterial"),
        ("follow-up-6m", "arterial"),
    ):
        day = walk.images.days[key]
        for true in day.truth_of(role).lesions:
            lesion_id = walk.hands.lesions.get(true.identifier)
            seen = None if lesion_id is None else observed_on(lesion_id, day.on, walk.opened)
            found = (None, None) if seen is None else (seen.longest_mm, seen.viable_mm)
            longest.append(SizeSeen(key, true.identifier, found[0], true.size.diameter_mm))
            viable.append(SizeSeen(key, true.identifier, found[1], true.size.viable_mm))
    hands = walk.hands
    return CourseTruth(
        tuple(hands.links), tuple(hands.identities), tuple(longest), tuple(viable), tuple(_margins(walk))
    )


def _margins(walk: CourseWalk) -> Iterator[MarginSeen]:
    walked = walk.sessions["ablation"]
    true = walk.images.days["ablation-done"].truth_of("portal-venous").margin
    if true is None or not isinstance(walked.hands, CourseAblation):
        raise BugError("the ablation was walked on the digital patient's completion scan")
    items = walked.desk.session.items
    planned = [body.mean.minimum_mm for _, body in margins_of(items, PLANNED)]
    achieved = [body for _, body in margins_of(items, ACHIEVED)]
    yield MarginSeen(
        L2,
        planned[-1] if planned else None,
        achieved[-1].mean.minimum_mm if achieved else None,
        achieved[-1].registration_error_mm if achieved else None,
        true.minimum_in_liver_mm,
    )
