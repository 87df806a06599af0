"""The demonstration: the digital patient walks through its whole first TACE and begins the second, without a window.

Every step is one that a person takes, through the same use cases; nothing is put into the case behind their back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from planner.app.demo_carried import forbidden_carried
from planner.app.demo_course_papers import CoursePapers
from planner.app.demo_course_start import begun_walk
from planner.app.demo_course_walk import CourseWalk
from planner.app.demo_marking import MarkedLesion, MarkedPath
from planner.app.demo_papers import PICTURE_PX, fresh_library
from planner.app.demo_walk import moment_at
from planner.app.digital_case import Clock, begin_digital_session, make_digital_case
from planner.app.open_case import OpenCase
from planner.app.rehearsals import REHEARSALS
from planner.app.rendering import Renderer
from planner.app.sessions import SessionDesk, course_overview, local_now
from planner.app.templates import installed
from planner.catalogues import catalogue
from planner.jobs import Context
from planner.model.codec import to_json
from planner.store.actors import Actor, SaveReason
from planner.store.library import Library

EXAMPLE = "demo"
IMAGES_BEFORE_DAYS = 5
"""The CT is that many days older than the day of treatment."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demonstration made.

    Attributes
    ----------
    files
        Everything written, pictures and papers first.
    stages
        Stage id -> status at the end of the first session.
    computed
        Arteries, feeders and positions as they were found and measured.
    forbidden_carried
        What the second session took over although the rules forbid it; empty.
    """

    case_id: str
    files: tuple[Path, ...]
    lesions: tuple[MarkedLesion, ...]
    paths: tuple[MarkedPath, ...]
    sessions: tuple[str, ...]
    stages: Mapping[str, str]
    overrides: int
    computed: Mapping[str, Any]
    forbidden_carried: tuple[str, ...]
    last_time: Mapping[str, Any]
    remains: tuple[Mapping[str, Any], ...]
    ledger: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "case": self.case_id,
            "files": [str(each) for each in self.files],
            "lesions": [asdict(each) for each in self.lesions],
            "paths": [asdict(each) for each in self.paths],
            "sessions": list(self.sessions),
            "stages": dict(self.stages),
            "overrides": self.overrides,
            "computed": dict(self.computed),
            "forbidden_carried": list(self.forbidden_carried),
            "last_time": dict(self.last_time),
            "remains": [dict(each) for each in self.remains],
            "ledger": dict(self.ledger),
        }


def run_demo(
    out: Path,
    renderer: Renderer,
    by: Actor,
    *,
    preset: str = "demo",
    today: date | None = None,
    picture_px: tuple[int, int] = PICTURE_PX,
    context: Context | None = None,
) -> DemoResult:
    """Build the digital patient in a fresh library below a folder and walk its course.

    Parameters
    ----------
    out
        Is made when it is not there; must hold no library.
    preset
        Resolution of the digital patient: ``tiny``, ``demo`` or ``full``.
    today
        The day the second session is begun on; the first was done seven weeks before, and read after six.
    picture_px
        Width and height of the pictures on disk; those on paper have at most the same.

    Raises
    ------
    UsageError
        ``demo-exists`` when the folder holds a library already; ``cannot-write``.
    InputRefused
        When a stage of the example cannot be signed: the example and the template have come apart.
    """
    job = context or Context()
    library = fresh_library(out)
    try:
        last = today or local_now().date()
        told = catalogue(f"examples/{EXAMPLE}.toml")["example"]
        begun_on = last - timedelta(days=int(told["days_ago"]))
        walk = begun_walk(library, out / "images", by, preset, begun_on, OpenCase, job.part(0.0, 0.1))
        walk.first_session(job.part(0.1, 0.5))
        walk.six_weeks(job.part(0.5, 0.8))
        walk.clock.now = moment_at(last, time(9))
        desk = walk.sessions["tace-1"].desk
        following = desk.start_next(title=str(told["next_title"]))
        walk.opened.save(SaveReason.SAVE)
        papers = CoursePapers(out, walk, renderer, by, picture_px)
        files = (*papers.first_session(job.part(0.8, 0.95)), *papers.draft(following, job.part(0.95, 1.0)))
        job.step(1.0, "The demonstration is complete")
        return _result(walk, desk, following, files)
    finally:
        library.close()


def _result(walk: CourseWalk, desk: SessionDesk, following: SessionDesk, files: tuple[Path, ...]) -> DemoResult:
    status, card, case = desk.status(), following.last_time(), walk.opened.case
    overview = course_overview(case, walk.available, walk.clock().date())
    return DemoResult(
        case_id=case.id,
        files=files,
        lesions=walk.lesions,
        paths=walk.paths,
        sessions=(desk.session_id, following.session_id),
        stages={each.stage.id: each.status.value for each in status.stages},
        overrides=len(status.overrides),
        computed=walk.sessions["tace-1"].hands.report(),
        forbidden_carried=forbidden_carried(following),
        last_time={} if card is None else card.to_json(),
        remains=tuple(to_json(each) for each in overview.remains),
        ledger=overview.ledger.to_json(),
    )


def seed_digital_patient(
    library: Library,
    folder: Path,
    by: Actor,
    context: Context | None = None,
    *,
    preset: str = "demo",
    case: str = "tace",
) -> str:
    """Put the digital patient into a library: images, laboratory, and one session in draft; returns the case's id.

    Marking is left to the person, so that a first case is real work.

    Parameters
    ----------
    case
        What is rehearsed: key of `planner.app.digital_case.REHEARSALS`.

    Raises
    ------
    UsageError
        ``cannot-write`` when the folder cannot be written.
    """
    now = local_now()
    study_date = now.date() - timedelta(days=IMAGES_BEFORE_DAYS - 1)
    made = make_digital_case(
        library, folder, by, study_date, now=now, treated_on=now.date(), preset=preset, case=case, context=context
    )
    told = REHEARSALS[case]
    profile = str(catalogue(f"examples/{EXAMPLE}.toml")["example"]["profile"])
    begin_digital_session(made, installed(), told.template, profile, title=told.session, by=by.user, clock=Clock(now))
    return made.opened.case.id
