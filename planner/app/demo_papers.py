"""What a demonstration leaves in its folder: a library of its own, printed plans, pictures, the case as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from planner.app.digital_case import DigitalCase
from planner.app.images import load
from planner.app.library import library_url
from planner.app.needle_pictures import series_for_layout
from planner.app.rendering import Renderer, SheetRequest
from planner.app.report_pictures import SIZE_PX, View, by_role, main_series, request_of, simulated_words
from planner.app.report_words import series_key
from planner.app.reporting import session_report
from planner.app.run_sheets import roles_of_layout, sheet_of_case
from planner.app.sessions import SessionDesk
from planner.app.templates import Installed
from planner.app.vessel_pictures import (
    LUMEN_PANES,
    TREE_PANES,
    lumen_sheet,
    panes_of,
    pictured_lumens,
    pictured_trees,
    tree_sheet,
)
from planner.errors import UsageError
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.case import Case
from planner.model.codec import to_json
from planner.model.session import Session
from planner.store.actors import Actor
from planner.store.library import Library

PICTURE_PX = (1600, 1000)


def fresh_library(out: Path) -> Library:
    """A library in a folder, which is made when it is not there.

    Raises
    ------
    UsageError
        ``demo-exists`` when the folder holds a library already; ``cannot-write``.
    """
    file = out / "library.sqlite"
    if file.exists():
        said = f"{out} holds a library already; name an empty folder."
        raise UsageError("demo-exists", said, subject=str(out))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"{out} cannot be written ({error.strerror}); choose another folder."
        raise UsageError("cannot-write", said, subject=str(out)) from error
    return Library.open(library_url(str(file)))


def volumes_of(made: DigitalCase) -> dict[str, Volume]:
    """Every volume of the digital case by ``series_uid#part``."""
    return {f"{entry.uid}#{entry.part}": load(entry) for entry in made.entries}


@dataclass(frozen=True, eq=False, slots=True)
class DemoPapers:
    """Prints and draws what a session of the digital patient came to.

    Attributes
    ----------
    volumes
        By ``series_uid#part``.
    picture_px
        Width and height of the pictures on disk; those on paper have at most the same.
    """

    out: Path
    made: DigitalCase
    available: Installed
    volumes: Mapping[str, Volume]
    renderer: Renderer
    by: Actor
    picture_px: tuple[int, int]

    def paper(self, desk: SessionDesk, name: str, now: datetime, job: Context) -> Path:
        """The printed plan of a session."""
        job.step(0.0, f"Printing {name}")
        opened = self.made.opened
        session_report(
            opened.library,
            opened.case,
            opened.revision,
            desk.session_id,
            self.available,
            self.out / name,
            renderer=self.renderer,
            volumes=self.volumes,
            by=self.by,
            now=now,
            picture_px=min(self.picture_px, SIZE_PX),
        )
        return self.out / name

    def pictures(self, desk: SessionDesk, job: Context) -> Iterator[Path]:
        """MPR, 3D and the layout of every stage, centred on what the session treats."""
        case, session = self.made.opened.case, desk.session
        base = main_series(case, session)
        if base is None:
            return
        centre = _centre(case, session, base.frame_uid)
        sheets: dict[tuple[str, ...], bytes] = {}
        used = dict.fromkeys(["mpr", "3d", *(stage.layout for stage in desk.template.stages)])
        for number, layout in enumerate(used):
            job.step(number / len(used), f"Drawing {layout}")
            path = self.out / f"{layout.replace('_', '-')}.png"
            runs = roles_of_layout(layout)
            if runs:
                # Layouts that show the same runs show the same sheet; making one takes seconds.
                if runs not in sheets:
                    sheets[runs] = self.renderer.sheet(
                        sheet_of_case(self.made.opened.library, case, session, self.picture_px, roles=runs)
                    )
                path.write_bytes(sheets[runs])
                yield path
                continue
            vessels = self._vessel_sheet(session, layout)
            if vessels is not None:
                path.write_bytes(self.renderer.sheet(vessels))
                yield path
                continue
            series, tip = series_for_layout(case, session, layout, base)
            view = View(layout, f"{session.title}: {layout.replace('_', ' ')}", series, tip or centre)
            request = request_of(
                self.made.opened.library,
                case,
                session,
                view,
                self.volumes[series_key(series)],
                size_px=self.picture_px,
                others=by_role(session, self.volumes),
            )
            path.write_bytes(self.renderer.png(request))
            yield path

    def _vessel_sheet(self, session: Session, layout: str) -> SheetRequest | None:
        """What stands for a layout of vessels or of a lumen; None for another layout, or without such an item."""
        case, kinds = self.made.opened.case, panes_of(layout)
        caption = simulated_words(case)
        if kinds & TREE_PANES:
            for item, series in pictured_trees(session):
                if series in self.volumes:
                    volume, library = self.volumes[series], self.made.opened.library
                    return tree_sheet(library, case, session, item, volume, self.picture_px, caption)
        if kinds & LUMEN_PANES:
            for item, key in pictured_lumens(session):
                volume_seen = self.volumes.get(key or "")
                return lumen_sheet(session, item, volume_seen, self.picture_px, caption)
        return None

    def case_file(self) -> Path:
        """The whole case as JSON."""
        path = self.out / "case.json"
        path.write_text(json.dumps(to_json(self.made.opened.case), ensure_ascii=False, indent=1), encoding="utf-8")
        return path


def _centre(case: Case, session: Session, frame_uid: str | None) -> tuple[float, float, float] | None:
    """The middle of the largest lesion in a frame, of those the session treats where it names some."""
    placed = [each for each in case.lesions if each.centre_lps_mm is not None and each.frame_uid == frame_uid]
    targets = session.answer("images_lesions", "target_lesions") or ()
    treated = [each for each in placed if each.id in targets]
    largest = max(treated or placed, key=lambda each: (each.latest and each.latest.longest_mm) or 0.0, default=None)
    return None if largest is None else largest.centre_lps_mm
