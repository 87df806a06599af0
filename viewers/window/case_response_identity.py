"""Who is who on two linked days: proposals as a job, a person's answers as one undo each, both places shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QDialog

from planner.app.frame_links import linked_frames
from planner.app.lesion_history import lesion_history
from planner.app.lesion_identity import (
    IdentityProposals,
    ProposedIdentity,
    StudyDay,
    confirm_identity,
    lesion_regions,
    propose_identities,
)
from planner.imaging import LabelMap
from planner.imaging.masks import Mask
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.planning.lesion_matching import IdentityKind
from planner.workflow.template import Choice
from viewers.panels.identity_content import lines_of, nearest_words
from viewers.panels.identity_dialogs import LesionHistoryDialog, NewLesionDialog, OtherLesionDialog
from viewers.panels.identity_panel import IdentityActs, IdentityContent, IdentityOffer, IdentityPanel
from viewers.window.case_series import series_key

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

NO_CASE = "Open a case first."
NOT_LINKED = "Match the two studies and review the match first (Ctrl+K): nothing crosses frames before."
SEGMENTS = "liver_segment_"


@dataclass(frozen=True, eq=False, slots=True)
class Proposed:
    """Proposals with what they stand on: by its digest it is known whether anything has changed since."""

    found: IdentityProposals
    digest: str


class CaseIdentity:
    """Keeps the panel under the images and the case in step.

    Attributes
    ----------
    panel
        Built when it is first asked for.
    """

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.panel: IdentityPanel | None = None
        self.dialog: QDialog | None = None
        self._proposed: Proposed | None = None
        self._busy = False
        self._empty = ""
        self.offer: IdentityOffer | None = None
        compare = window.desk.state.compare
        compare.pair.changed.connect(self._other_pair)
        compare.linked.changed.connect(self._offer)
        window.desk.state.layout.changed.connect(self._offer)

    def follow(self, work: CaseWork) -> None:
        """Another open case: its proposals are not made yet."""
        self.close()
        self._proposed, self._busy, self._empty = None, False, ""
        work.changed.connect(self.refresh)

    @property
    def is_open(self) -> bool:
        return self.panel is not None and not self.panel.isHidden()

    def toggle(self) -> None:
        """Ctrl+Shift+I: identity of lesions under the two dates that are compared, or away again."""
        if self.is_open and self.window.case_page.covered_by is None:
            self.close()
            return
        refusal = self.show()
        if refusal is not None:
            self.window.say(refusal)

    def show(self) -> str | None:
        """The two dates and the panel; the proposals are made unless they are there."""
        work = self.window.work
        if work is None:
            return NO_CASE
        page = self.window.case_page
        page.cover(None)
        if not page.compare.is_open:
            refusal = page.compare.start()
            if refusal is not None:
                return refusal
        if self.panel is None:
            self.panel = IdentityPanel(self._acts())
            page.under.addWidget(self.panel)
        self.panel.setVisible(True)
        self._offer()
        if self._proposed is None:
            refusal = self.propose()
            self._empty = refusal or ""
        self.refresh()
        return None

    def close(self) -> None:
        if self.panel is not None:
            self.panel.setVisible(False)
        self._offer()

    def _offer(self, changed: object = None) -> None:
        """The line under two linked studies with regions, while the panel is away."""
        del changed
        work, days = self.window.work, self.days()
        wanted = work is not None and days is not None and not self.is_open
        wanted = wanted and self.window.case_page.compare.is_open and self.window.desk.state.compare.link is not None
        if work is not None and days is not None and wanted:
            wanted = days[0] != days[1] and bool(lesion_regions(work.opened.case, days[1]))
        if wanted and self.offer is None:
            self.offer = IdentityOffer(self.toggle)
            self.window.case_page.under.addWidget(self.offer)
        if self.offer is not None:
            self.offer.setVisible(wanted)

    def _other_pair(self, pair: object) -> None:
        del pair
        self._proposed, self._empty = None, ""
        if self.is_open:
            self._empty = self.propose() or ""
            self.refresh()

    # Proposals

    def days(self) -> tuple[StudyDay, StudyDay] | None:
        """The earlier and the new study of the pair that is compared."""
        work = self.window.work
        pair = work.desk.state.compare.pair.value if work is not None else None
        if work is None or pair is None:
            return None
        series = {series_key(each): each for each in work.opened.case.studies}
        return _day(series.get(pair.earlier)), _day(series.get(pair.later))

    def propose(self) -> str | None:
        """Make the proposals in the background; a sentence where they cannot be made."""
        work, days = self.window.work, self.days()
        if work is None or days is None:
            return "Choose two studies to compare first (Ctrl+K)."
        case, library = work.opened.case, work.opened.library
        earlier, new = days
        if linked_frames(case, new.frame_uid, earlier.frame_uid) is None:
            return NOT_LINKED
        digest, templates, segments = standing_on(case, *days), work.installed.templates, self._segments(new.frame_uid)
        pair = work.desk.state.compare.pair.value
        volume = work.desk.state.images.volumes.get(pair.later) if pair is not None else None

        def done(found: IdentityProposals) -> None:
            self._proposed = Proposed(found, digest)

        def ended(job: object) -> None:
            if job is mine:
                forget()
                self._busy = False
                self._empty = "" if self._proposed is not None else mine.message
                self.refresh()

        grid = None if volume is None or lesion_regions(case, new) else volume.grid
        self._busy = True
        mine = work.desk.jobs.submit(
            "Comparing lesions of both days",
            lambda context: propose_identities(
                library, case, earlier, new, grid=grid, segments=segments, templates=templates, context=context
            ),
            done,
            still_valid=lambda: self.window.work is work and self.days() == days,
            group="identity",
        )
        forget = work.desk.jobs.ended.connect(ended)
        return None

    def _segments(self, frame_uid: str) -> LabelMap | None:
        """Couinaud segments on the new images, where a label map that is shown names them."""
        maps = self.window.desk.marks.layer.label_maps
        for each in maps.values():
            named = [label.structure or "" for label in each.labels.values()]
            if each.grid.frame_uid == frame_uid and any(name.startswith(SEGMENTS) for name in named):
                return each
        return None

    # What is shown

    def refresh(self) -> None:
        if not self.is_open or self.panel is None:
            return
        self.panel.show_content(self._content())

    def _content(self) -> IdentityContent:
        work, days, proposed = self.window.work, self.days(), self._proposed
        if work is None or days is None:
            return IdentityContent("Identity of lesions", empty="Choose two studies to compare first (Ctrl+K).")
        title = " → ".join(each.on.isoformat() if each.on else "undated" for each in days)
        if proposed is None:
            return IdentityContent(f"Identity of lesions · {title}", busy=self._busy, empty=self._empty)
        found = proposed.found
        return IdentityContent(
            f"Identity of lesions · {title}",
            f"Studies {found.way.words}. Nothing below holds before a person has said so; each answer is one undo.",
            lines_of(work.opened.case, found),
            stale=standing_on(work.opened.case, *days) != proposed.digest,
            busy=self._busy,
        )

    # Acts

    def _acts(self) -> IdentityActs:
        return IdentityActs(
            look=self.look,
            confirm=self.confirm,
            joined=self.joined,
            other=self.ask_other,
            new=self.ask_new,
            not_evaluable=self.not_evaluable,
            history=self.show_history,
            again=self._again,
            close=self.close,
        )

    def _again(self) -> str | None:
        self._proposed = None
        refusal = self.propose()
        self._empty = refusal or ""
        self.refresh()
        return refusal

    def _row(self, number: int) -> ProposedIdentity | None:
        rows = self._proposed.found.rows if self._proposed is not None else ()
        return rows[number] if 0 <= number < len(rows) else None

    def look(self, number: int) -> None:
        """Both studies at the place of a row: the linked cursor carries the other side along."""
        row, proposed = self._row(number), self._proposed
        if row is None or proposed is None:
            return
        names = (*row.identity.later, *row.identity.earlier)
        middles = (_middle(proposed.found.masks.get(name)) for name in names)
        place = next((each for each in middles if each is not None), None)
        if place is not None and not self.window.case_page.compare.is_open:
            self.window.case_page.compare.start()
        if place is not None:
            self.window.desk.state.move_cursor(proposed.found.new.frame_uid, place)

    def confirm(self, number: int) -> str | None:
        """What is proposed, as it is proposed."""
        row = self._row(number)
        if row is None:
            return None
        return self._say(row, row.identity.kind, row.identity.earlier, row.identity.later)

    def joined(self, number: int) -> str | None:
        """An ambiguous group that a person calls split, or merged."""
        row, work, proposed = self._row(number), self.window.work, self._proposed
        if row is None or work is None or proposed is None:
            return None
        said = lines_of(work.opened.case, proposed.found)[number].joined
        return None if said is None else self._say(row, said[1], row.identity.earlier, row.identity.later)

    def not_evaluable(self, number: int) -> str | None:
        """The lesions of a row cannot be judged on the new images."""
        row = self._row(number)
        if row is None:
            return None
        if len(row.identity.earlier) != 1:
            return "Several earlier lesions meet here: say first which of them it is."
        return self._say(row, IdentityKind.NOT_SHOWN, row.identity.earlier, ())

    def ask_other(self, number: int) -> str | None:
        """Which known lesion the region is."""
        row, work = self._row(number), self.window.work
        if row is None or work is None:
            return None
        lesions = tuple(Choice(each.id, each.name) for each in work.opened.case.lesions if not self._is_draft(each.id))
        self._open(
            OtherLesionDialog(
                _regions(row),
                lesions,
                lambda region, lesion: self._say(row, IdentityKind.SAME, (lesion,), (region,)),
                self.window,
            )
        )
        return None

    def ask_new(self, number: int) -> str | None:
        """Whether the region is a lesion nobody has seen before; asked twice."""
        row, proposed, work = self._row(number), self._proposed, self.window.work
        if row is None or proposed is None or work is None:
            return None
        names = {each.id: each.name for each in work.opened.case.lesions}
        self._open(
            NewLesionDialog(
                _regions(row),
                lambda region: nearest_words(proposed.found, region, names),
                lambda region: self._say(row, IdentityKind.NEW, (), (region,)),
                self.window,
            )
        )
        return None

    def show_history(self, number: int) -> None:
        row = self._row(number)
        if row is not None and row.identity.earlier:
            self.open_history(row.identity.earlier[0])

    def open_history(self, lesion_id: str, without: frozenset[str] = frozenset()) -> None:
        """Everything the case knows of a lesion."""
        work = self.window.work
        if work is None or work.opened.case.lesion(lesion_id) is None:
            return
        found = lesion_history(work.opened.case, lesion_id, work.installed.templates)
        self._open(LesionHistoryDialog(found, self.window, without=without))

    def _is_draft(self, lesion_id: str) -> bool:
        """A lesion that was only made by drawing on the new images is no known one."""
        proposed, work = self._proposed, self.window.work
        if proposed is None or work is None:
            return False
        lesion = work.opened.case.lesion(lesion_id)
        on = proposed.found.new.on
        return lesion is not None and all(each.study_date == on for each in lesion.observations)

    def _say(
        self, row: ProposedIdentity, kind: IdentityKind, lesions: tuple[str, ...], regions: tuple[str, ...]
    ) -> str | None:
        work, proposed = self.window.work, self._proposed
        if work is None or proposed is None:
            return NO_CASE
        on: date | None = proposed.found.new.on
        if on is None:
            return "The day of the new images is not known; enter the study date first."
        names = ", ".join((*row.lesion_names, *row.region_names))
        return work.apply(
            f"Identity of {names}",
            lambda: confirm_identity(
                work.opened.case,
                kind,
                lesion_ids=lesions,
                region_ids=regions,
                seen_on=on,
                by=work.opened.actor,
                on=work.today,
                segment=row.segment,
            ),
        )

    def _open(self, dialog: QDialog) -> None:
        self.dialog = dialog
        dialog.open()


def _regions(row: ProposedIdentity) -> tuple[Choice, ...]:
    return tuple(Choice(key, name) for key, name in zip(row.identity.later, row.region_names, strict=True))


def _day(reference: SeriesRef | None) -> StudyDay:
    if reference is None or reference.frame_uid is None:
        return StudyDay("", None)
    return StudyDay(reference.frame_uid, reference.study_date)


def standing_on(case: Case, earlier: StudyDay, new: StudyDay) -> str:
    """Digest of what proposals stand on: what is drawn on any day, and the reviewed links. Answers change nothing."""
    drawn = sorted(
        codec.digest((item.id, body.blob)) for day in (earlier, new) for _, item, body in lesion_regions(case, day)
    )
    links = sorted(codec.digest(each) for each in case.links if each.is_reviewed)
    return codec.digest((drawn, links, earlier, new))


def _middle(mask: Mask | None) -> NDArray[np.float64] | None:
    """The middle of a mask in LPS mm; None where it is empty or unknown."""
    if mask is None or mask.is_empty:
        return None
    inside = np.argwhere(mask.voxels).mean(axis=0) + np.asarray(mask.box[0], dtype=np.float64)
    return np.asarray(mask.grid.lps_from_kji.points(inside), dtype=np.float64)
