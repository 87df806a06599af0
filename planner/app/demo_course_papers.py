"""What the demonstration of the course prints and draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from planner.app.board_sheet import write_board_sheet
from planner.app.board_slices import slice_strip
from planner.app.course_report import write_course_report
from planner.app.demo_course_hands import BASELINE
from planner.app.demo_course_walk import CT_ROLES, CourseWalk
from planner.app.demo_papers import DemoPapers
from planner.app.digital_case import DigitalCase
from planner.app.patient_summary import write_summary
from planner.app.rendering import Renderer
from planner.app.sessions import SessionDesk
from planner.imaging import Volume
from planner.jobs import Context
from planner.store.actors import Actor


@dataclass(frozen=True, eq=False, slots=True)
class CoursePapers:
    """Prints and draws what the course came to."""

    out: Path
    walk: CourseWalk
    renderer: Renderer
    by: Actor
    picture_px: tuple[int, int]

    def whole_course(self, job: Context) -> Iterator[Path]:
        """Pictures and papers of the whole course, the case and the library."""
        volumes = self._baseline()
        yield from self._session(volumes, job.part(0.0, 0.7))
        job.step(0.7, "Drawing the same slice over the dates")
        yield from self._strip(volumes)
        job.step(0.8, "Printing the course report")
        yield self._course_report()
        job.step(0.85, "Printing the board sheet")
        yield self._board_sheet(volumes)
        job.step(0.95, "Printing the summary for the patient")
        yield from self._summaries()
        yield from self._kept()

    def first_session(self, job: Context) -> Iterator[Path]:
        """Pictures and the plan of the first session."""
        yield from self._session(self._baseline(), job)

    def draft(self, desk: SessionDesk, job: Context) -> Iterator[Path]:
        """The plan of a session that was only begun, the case and the library."""
        yield self._folder(self._baseline()).paper(desk, "plan-tace-2-draft.pdf", self.walk.clock(), job)
        yield from self._kept()

    def _session(self, volumes: Mapping[str, Volume], job: Context) -> Iterator[Path]:
        first, folder = self.walk.sessions["tace-1"].desk, self._folder(volumes)
        yield from folder.pictures(first, job.part(0.0, 0.8))
        yield folder.paper(first, "plan-tace-1.pdf", self.walk.clock(), job.part(0.8, 1.0))

    def _kept(self) -> Iterator[Path]:
        yield self._folder({}).case_file()
        yield self.out / "library.sqlite"

    def _folder(self, volumes: Mapping[str, Volume]) -> DemoPapers:
        walk, base = self.walk, self.walk.images.days[BASELINE]
        made = DigitalCase(walk.opened, walk.images.patient, tuple(base.entries[each] for each in CT_ROLES), {})
        return DemoPapers(self.out, made, walk.available, volumes, self.renderer, self.by, self.picture_px)

    def _baseline(self) -> dict[str, Volume]:
        base = self.walk.images.days[BASELINE]
        return {base.series[role]: self.walk.hands.volume(base, role) for role in CT_ROLES}

    def _strip(self, volumes: Mapping[str, Volume]) -> Iterator[Path]:
        opened = self.walk.opened
        strip = slice_strip(opened.library, opened.case, self.renderer, volumes)
        if strip.picture is not None:
            path = self.out / "same-slice.png"
            path.write_bytes(strip.picture.png)
            yield path

    def _course_report(self) -> Path:
        opened, path = self.walk.opened, self.out / "course-report.pdf"
        write_course_report(
            opened.library,
            opened.case,
            opened.revision,
            self.walk.available,
            path,
            by=self.by,
            now=self.walk.clock(),
        )
        return path

    def _board_sheet(self, volumes: Mapping[str, Volume]) -> Path:
        opened, path = self.walk.opened, self.out / "board-sheet.pdf"
        write_board_sheet(
            opened.library,
            opened.case,
            opened.revision,
            self.walk.available,
            path,
            renderer=self.renderer,
            volumes=volumes,
            by=self.by,
            now=self.walk.clock(),
        )
        return path

    def _summaries(self) -> Iterator[Path]:
        opened = self.walk.opened
        for summary in opened.case.summaries:
            path = self.out / f"patient-summary-{summary.language}.pdf"
            write_summary(
                opened.library,
                opened.case,
                opened.revision,
                summary,
                self.walk.available.templates,
                path,
                by=self.by,
                now=self.walk.clock(),
            )
            yield path
