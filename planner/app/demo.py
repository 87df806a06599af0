"""The demonstration: the digital patient walks through its whole first TACE and begins the second, without a window.

Every step is one that a person takes, through the same use cases; nothing is put into the case behind their back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from planner.app.demo_marking import MarkedLesion, MarkedPath, keep_views, mark_lesions, mark_paths
from planner.app.demo_papers import PICTURE_PX, DemoPapers, fresh_library, volumes_of
from planner.app.demo_walk import FELLOW, moment_at, quiet, walk_stages
from planner.app.digital_case import Clock, DigitalCase, begin_digital_session, make_digital_case
from planner.app.rehearsals import REHEARSALS
from planner.app.rehearse_tace_vessels import TaceVessels
from planner.app.rendering import Renderer
from planner.app.sessions import SessionDesk, course_overview, local_now
from planner.app.templates import Installed, installed
from planner.catalogues import catalogue
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.codec import to_json
from planner.store.actors import Actor, SaveReason
from planner.store.library import Library
from planner.workflow.examples import ExampleStage, example_stages
from planner.workflow.inheritance import effective_inherit
from planner.workflow.template import Inherit
from planner.workflow.values import is_empty

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
        The day the second session is begun on; the first was done seven weeks before.
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
        return _Demo(out, library, renderer, by, preset, today or local_now().date(), picture_px, job).run()
    finally:
        library.close()


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


@dataclass(slots=True)
class _Demo:
    """One run, from the empty folder to the papers."""

    out: Path
    library: Library
    renderer: Renderer
    by: Actor
    preset: str
    today: date
    picture_px: tuple[int, int]
    job: Context

    def run(self) -> DemoResult:
        told = catalogue(f"examples/{EXAMPLE}.toml")
        available: Installed = installed()
        day = self.today - timedelta(days=int(told["example"]["days_ago"]))
        clock = Clock(moment_at(day - timedelta(days=IMAGES_BEFORE_DAYS - 1), time(9)))
        made = self._made(day, clock)
        self.job.step(0.3, "Loading the images")
        volumes = volumes_of(made)
        example = told["example"]
        template, profile, title = (str(example[key]) for key in ("template", "profile", "title"))
        desk = begin_digital_session(made, available, template, profile, title=title, by=FELLOW, clock=clock)
        lesions, paths = self._mark(made, desk, volumes, told["arteries"])
        steps = _steps(day, made, lesions, paths)
        hands = self._hands(made, desk, volumes, steps)
        walk_stages(made.opened, desk, clock, steps, told, self.job.part(0.42, 0.75), before=hands.before)
        status = desk.status()
        folder = DemoPapers(self.out, made, available, volumes, self.renderer, self.by, self.picture_px)
        printing = self.job.part(0.85, 0.86)
        papers = [folder.paper(desk, "plan-tace-1.pdf", clock(), printing)]
        pictures = list(folder.pictures(desk, self.job.part(0.86, 0.96)))
        clock.now = moment_at(self.today, time(9))
        following = desk.start_next(title=str(example["next_title"]))
        made.opened.save(SaveReason.SAVE)
        papers.append(folder.paper(following, "plan-tace-2-draft.pdf", clock(), self.job.part(0.96, 1.0)))
        overview = course_overview(made.opened.case, available, self.today)
        card = following.last_time()
        result = DemoResult(
            case_id=made.opened.case.id,
            files=(*pictures, *papers, folder.case_file(), self.out / "library.sqlite"),
            lesions=lesions,
            paths=paths,
            sessions=(desk.session_id, following.session_id),
            stages={each.stage.id: each.status.value for each in status.stages},
            overrides=len(status.overrides),
            computed=hands.report(),
            forbidden_carried=forbidden_carried(following),
            last_time={} if card is None else card.to_json(),
            remains=tuple(to_json(each) for each in overview.remains),
            ledger=overview.ledger.to_json(),
        )
        self.job.step(1.0, "The demonstration is complete")
        return result

    def _made(self, day: date, clock: Clock) -> DigitalCase:
        """The digital patient with its images, in the library."""
        return make_digital_case(
            self.library,
            self.out / "images",
            self.by,
            day - timedelta(days=IMAGES_BEFORE_DAYS),
            now=clock(),
            treated_on=day,
            preset=self.preset,
            context=self.job.part(0.0, 0.3),
        )

    def _hands(
        self, made: DigitalCase, desk: SessionDesk, volumes: Mapping[str, Volume], steps: Sequence[ExampleStage]
    ) -> TaceVessels:
        """Who makes the model of the vessels; the liver it stands on is taken before the first stage reads regions."""
        hands = TaceVessels(
            made,
            desk,
            volumes,
            replace(self.by, user=FELLOW),
            quiet(self.job),
            tuple(each.id for each in made.opened.case.lesions),
            {each.stage: each.answers for each in steps},
        )
        hands.take_liver()
        return hands

    def _mark(
        self, made: DigitalCase, desk: SessionDesk, volumes: Mapping[str, Volume], names: Mapping[str, str]
    ) -> tuple[tuple[MarkedLesion, ...], tuple[MarkedPath, ...]]:
        volume, truth, opened = volumes[made.series["arterial"]], made.patient.truth, made.opened
        fellow = replace(self.by, user=FELLOW)
        lesions = mark_lesions(opened, desk.session_id, volume, truth, fellow, self.job.part(0.32, 0.36))
        ids = [each.lesion_id for each in lesions]
        paths = mark_paths(opened, desk.session_id, volume, truth, ids, names, fellow, self.job.part(0.36, 0.42))
        keep_views(opened, desk.session_id, volume, fellow)
        opened.save(SaveReason.SAVE)
        return lesions, paths


def _steps(
    day: date, made: DigitalCase, lesions: tuple[MarkedLesion, ...], paths: tuple[MarkedPath, ...]
) -> list[ExampleStage]:
    """The example's stages, with what the demonstration answers differently."""
    ids = tuple(each.lesion_id for each in lesions)
    base = str(catalogue(f"examples/{EXAMPLE}.toml")["example"]["answers"])
    own = {each.stage: each.answers for each in example_stages(EXAMPLE, day, lesions=ids, series=made.series)}
    place = {f"@item:path:{number}": each.item_id for number, each in enumerate(paths, start=1)}

    def filled(value: Any) -> Any:
        return place.get(value, value) if isinstance(value, str) else value

    steps = []
    for step in example_stages(base, day, lesions=ids, series=made.series):
        changed = {name: filled(value) for name, value in own.get(step.stage, {}).items()}
        steps.append(replace(step, answers={**step.answers, **changed}))
    return steps


def forbidden_carried(desk: SessionDesk) -> tuple[str, ...]:
    """What a session started from another holds although nothing of the kind may be taken over."""
    session, found = desk.session, []
    if session.signoffs or session.overrides or session.time_out is not None or session.series_roles:
        found.append("signatures, overrides, time-out or series")
    for stage in desk.template.stages:
        for described in stage.fields:
            carried = session.answers.get(stage.id, {}).get(described.id)
            if carried is None or is_empty(carried.value):
                continue
            if effective_inherit(stage, described) is Inherit.NEVER:
                found.append(f"{stage.id}.{described.id}")
    found += [f"medication {each.name}: hold" for each in desk.case.medication if each.hold_from is not None]
    return tuple(found)
