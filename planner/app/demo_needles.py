"""Demonstrations of the digital patient's ablation, vertebroplasty or bile duct stent, from first stage to last.

Everything that a person computes is computed from the images: structures, paths, zones, margins, the match of the day,
trajectories, cement, lumens, stents. Nothing is put into the case behind their back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from planner.app.demo import EXAMPLE, IMAGES_BEFORE_DAYS
from planner.app.demo_marking import MarkedLesion
from planner.app.demo_papers import PICTURE_PX, DemoPapers, fresh_library, volumes_of
from planner.app.demo_walk import FELLOW, moment_at, quiet, walk_stages
from planner.app.digital_case import Clock, DigitalCase, begin_digital_session, make_digital_case
from planner.app.rehearsals import REHEARSALS, Rehearsal
from planner.app.rehearse_ablation import AblationRehearsal
from planner.app.rehearse_stent import StentRehearsal
from planner.app.rehearse_vertebra import VertebraRehearsal
from planner.app.rendering import Renderer
from planner.app.sessions import SessionDesk, local_now
from planner.app.stent_sheet import write_stent_sheet
from planner.app.stents import the_lumen, the_stent
from planner.app.templates import Installed, installed
from planner.catalogues import catalogue
from planner.errors import UsageError
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.vessel_reading import lumen_of, stents_of
from planner.store.actors import Actor, SaveReason
from planner.workflow.examples import example_stages

Hands = AblationRehearsal | VertebraRehearsal | StentRehearsal
_HANDS: Mapping[str, type[Hands]] = {
    "ablation": AblationRehearsal,
    "vertebra": VertebraRehearsal,
    "stent": StentRehearsal,
}
_LOOK_AGAIN = {"ablation": ("scan_today",), "vertebra": (), "stent": ("stent_plan",)}
"""Stages whose marks change what was signed before: it is looked at and signed again."""
_TOO_COARSE = {"stent": ("tiny",)}
"""Resolutions whose voxels are wider than what is to be measured."""
AFTER_DAYS = 100
"""The day the demonstration stands at: the last visit of every example lies before it."""


@dataclass(frozen=True, slots=True)
class NeedleDemoResult:
    """What the demonstration made.

    Attributes
    ----------
    files
        Everything written, pictures and papers first.
    stages
        Stage id -> status at the end.
    computed
        Needles, margins, volumes, lumens, stents as they were measured.
    """

    case_id: str
    template: str
    session: str
    files: tuple[Path, ...]
    lesions: tuple[MarkedLesion, ...]
    stages: Mapping[str, str]
    overrides: int
    computed: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "case": self.case_id,
            "template": self.template,
            "sessions": [self.session],
            "files": [str(each) for each in self.files],
            "lesions": [asdict(each) for each in self.lesions],
            "stages": dict(self.stages),
            "overrides": self.overrides,
            "computed": dict(self.computed),
        }


def run_needle_demo(
    out: Path,
    renderer: Renderer,
    by: Actor,
    *,
    case: str = "ablation",
    preset: str = "demo",
    today: date | None = None,
    picture_px: tuple[int, int] = PICTURE_PX,
    context: Context | None = None,
) -> NeedleDemoResult:
    """Build the digital patient in a fresh library below a folder and walk one procedure of one session.

    Parameters
    ----------
    out
        Is made when it is not there; must hold no library.
    case
        ``ablation``, ``vertebra`` or ``stent``: key of `planner.app.rehearsals.REHEARSALS`.
    preset
        Resolution of the digital patient: ``tiny``, ``demo`` or ``full``.
    today
        The day it is printed on; the procedure was done `AFTER_DAYS` before.
    picture_px
        Width and height of the pictures on disk; those on paper have at most the same.

    Raises
    ------
    UsageError
        ``unknown-case``; ``too-coarse`` for a resolution that does not show what is treated; ``demo-exists`` when the
        folder holds a library already; ``cannot-write``.
    InputRefused
        When a stage of the example cannot be signed: the example and the template have come apart.
    """
    _require_shown(case, preset)
    job = context or Context()
    library = fresh_library(out)
    try:
        last = today or local_now().date()
        day = last - timedelta(days=AFTER_DAYS)
        clock = Clock(moment_at(day - timedelta(days=IMAGES_BEFORE_DAYS - 1), time(9)))
        made = make_digital_case(
            library,
            out / "images",
            by,
            day - timedelta(days=IMAGES_BEFORE_DAYS),
            now=clock(),
            treated_on=day,
            case=case,
            preset=preset,
            context=job.part(0.0, 0.3),
        )
        job.step(0.3, "Loading the images")
        return _Walk(REHEARSALS[case], day, clock, made, volumes_of(made), job).run(out, renderer, by, picture_px, last)
    finally:
        library.close()


def _require_shown(case: str, preset: str) -> None:
    """UsageError for a case that is none, or at a resolution that does not show it."""
    if case not in _HANDS:
        said = f"There is no such demonstration as {case}; choose one of {', '.join(_HANDS)}."
        raise UsageError("unknown-case", said, subject=case)
    if preset in _TOO_COARSE.get(case, ()):
        said = f"At the resolution {preset} the stricture is narrower than a voxel; choose demo or full."
        raise UsageError("too-coarse", said, subject=preset)


@dataclass(eq=False, slots=True)
class _Walk:
    """One run, from the images to the papers."""

    told: Rehearsal
    day: date
    clock: Clock
    made: DigitalCase
    volumes: Mapping[str, Volume]
    job: Context

    def run(
        self, out: Path, renderer: Renderer, by: Actor, picture_px: tuple[int, int], last: date
    ) -> NeedleDemoResult:
        available = installed()
        shared = catalogue(f"examples/{EXAMPLE}.toml")
        desk = begin_digital_session(
            self.made,
            available,
            self.told.template,
            str(shared["example"]["profile"]),
            title=self.told.session,
            by=FELLOW,
            clock=self.clock,
        )
        hands = _HANDS[self.told.case](self.made, desk, self.volumes, replace(by, user=FELLOW), quiet(self.job))
        lesions = self._walk(desk, hands, shared["states"])
        status = desk.status()
        self.clock.now = moment_at(last, time(9))
        papers = DemoPapers(out, self.made, available, self.volumes, renderer, by, picture_px)
        return NeedleDemoResult(
            case_id=self.made.opened.case.id,
            template=self.told.template,
            session=desk.session_id,
            files=self._files(papers, desk, available),
            lesions=lesions,
            stages={each.stage.id: each.status.value for each in status.stages},
            overrides=len(status.overrides),
            computed=hands.report(),
        )

    def _walk(self, desk: SessionDesk, hands: Hands, states: Mapping[str, Any]) -> tuple[MarkedLesion, ...]:
        lesions = hands.mark_lesions()
        self.made.opened.save(SaveReason.SAVE)
        steps = example_stages(
            self.told.template, self.day, lesions=tuple(each.lesion_id for each in lesions), series=self.made.series
        )
        told = {"overrides": {}, "states": states, "look_again": _LOOK_AGAIN[self.told.case]}
        walk_stages(self.made.opened, desk, self.clock, steps, told, self.job.part(0.32, 0.8), before=hands.before)
        return lesions

    def _files(self, papers: DemoPapers, desk: SessionDesk, available: Installed) -> tuple[Path, ...]:
        name = f"plan-{desk.template.id}.pdf"
        pictures = tuple(papers.pictures(desk, self.job.part(0.8, 0.92)))
        paper = papers.paper(desk, name, self.clock(), self.job.part(0.92, 1.0))
        stents = stents_of(desk.session.items)
        sheets = tuple(self._sheet(papers, desk, item.id, number) for number, (item, _) in enumerate(stents, start=1))
        self.job.step(1.0, "The demonstration is complete")
        return (*pictures, paper, *sheets, papers.case_file(), papers.out / "library.sqlite")

    def _sheet(self, papers: DemoPapers, desk: SessionDesk, stent_id: str, number: int) -> Path:
        """The sizing sheet of a stent, with the images its lumen was measured on."""
        opened, path = self.made.opened, papers.out / f"stent-{number}.pdf"
        _, stent = the_stent(desk.session, stent_id)
        series = lumen_of(the_lumen(desk.session, stent.lumen)).series
        write_stent_sheet(
            opened.library,
            opened.case,
            opened.revision,
            desk.session_id,
            stent_id,
            papers.available,
            path,
            by=papers.by,
            now=self.clock(),
            volume=None if series is None else self.volumes.get(series),
        )
        return path
