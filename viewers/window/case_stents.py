"""Stents of the open session in the window: sized, placed, dragged, judged again; each act one step of undo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog

from planner.app.lumens import set_site
from planner.app.stent_drainage import Drained, estimate_drained, set_drained
from planner.app.stents import (
    change_size,
    judge_again,
    move_stent,
    pair_stents,
    put_stent,
    remove_stent,
    stent_proposals,
)
from planner.errors import OperatorError
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.case import Case
from planner.model.edits import Edit, new_id
from planner.model.items import RegionBody
from planner.model.session import Session
from planner.planning.stent_catalogue import stent_catalogue
from planner.planning.stent_deployment import deploy
from planner.planning.stents import Proposals
from planner.workflow.template import Choice
from viewers.panels.stent_panel import Judgement, StentActs, StentContent, StentPanel
from viewers.state.lumen_shapes import StentShown
from viewers.state.region_editor import first_free
from viewers.window.case_lumen_base import NO_SESSION, KeptLumen, KeptStent, LumenSession
from viewers.window.case_lumen_content import (
    judgements,
    proposal_card,
    stent_card,
    stent_line,
    target_words,
)

GONE = "This stent is not in the plan any more."
NO_LUMEN = "Measure a lumen first; a stent is sized in the lumen on show."
LEAST_LENGTH_MM = 5.0
"""An end cannot be dragged nearer to the other one than this."""
USUAL = Choice("", "Usual type of the site")


class StentWork:
    """The panel of stents, and the acts of the panes that drag them."""

    def __init__(self, lumens: LumenSession) -> None:
        self.lumens, self.desk = lumens, lumens.desk
        self.indication, self.type_wish = "malignant", ""
        self.sized: Proposals | None = None
        self.sheet_path: Callable[[], str] = self._ask_path
        self.panel = StentPanel(
            StentActs(
                set_site=self.set_site,
                set_indication=self.set_indication,
                set_type=self.set_type,
                choose=self.choose,
                select=self.select,
                change=self.change,
                judge=lambda key: self._edit("Judge the stent again", key, lambda s: judge_again(s, key)),
                pair=self.pair,
                remove=lambda key: self._edit("Remove stent", key, lambda s: remove_stent(s.id, key)),
                sheet=self.ask_sheet,
                drain=self.drain,
            )
        )

    def forget(self) -> None:
        self.sized = None
        self.indication, self.type_wish = "malignant", ""

    # What the panel shows

    def refresh(self) -> None:
        """Show everything anew."""
        if self.panel.isHidden():
            return
        lumen, selected = self.lumens.on_show, self.lumens.selected_stent
        lines = tuple(stent_line(each) for each in self.lumens.stents.values())
        chosen = None
        if selected is not None:
            others = [each for each in self.lumens.stents.values() if each is not selected]
            of = self.lumens.kept(selected.body.lumen)
            chosen = stent_card(selected, others, None if of is None else of.body.kind, self.lumens.session)
        session = self.lumens.session
        if lumen is None or session is None:
            self.sized = None
            self.panel.show_content(StentContent(stents=lines, card=chosen))
            return
        self.panel.show_content(self._content(session, lumen, StentContent(stents=lines, card=chosen)))

    def _content(self, session: Session, lumen: KeptLumen, so_far: StentContent) -> StentContent:
        known, kind = stent_catalogue(), lumen.body.kind
        sites = [each for each in known.sites.values() if kind in each.kinds]
        site = known.site(lumen.body.site) if lumen.body.site else known.site_of(kind)
        general: tuple[Judgement, ...] = ()
        try:
            self.sized = stent_proposals(
                session, lumen.item.id, indication=self.indication, type_wish=self.type_wish or None
            )
            general = judgements(self.sized.findings)
        except OperatorError as error:
            self.sized = None
            general = (Judgement("warn", error.message),)
        sized = self.sized
        return StentContent(
            lumen.item.name,
            tuple(Choice(each.key, each.name) for each in sites),
            site.key,
            tuple(Choice(each.key, each.name) for each in known.indications.values()),
            self.indication,
            (USUAL, *(Choice(each.key, each.name) for each in known.types.values())),
            self.type_wish,
            "" if sized is None else target_words(sized),
            general,
            ()
            if sized is None
            else tuple(proposal_card(number, each, sized) for number, each in enumerate(sized.proposals)),
            so_far.stents,
            so_far.card,
        )

    # Wishes

    def set_site(self, site: str) -> str | None:
        """Of the lumen itself: checks and paper read it there."""
        lumen, session = self.lumens.on_show, self.lumens.session
        if lumen is None or session is None:
            return NO_LUMEN
        return self.lumens.apply("Name the site", lambda: set_site(session.id, lumen.item, site or None))

    def set_indication(self, indication: str) -> None:
        self.indication = indication
        self.refresh()

    def set_type(self, type_key: str) -> None:
        """A type asked for; empty is the usual one."""
        self.type_wish = type_key
        self.refresh()

    # Into the plan

    def choose(self, number: int) -> str | None:
        """Plan a stent as it was proposed; it is selected then."""
        lumen, session, work, sized = self.lumens.on_show, self.lumens.session, self.lumens.work, self.sized
        if session is None or work is None:
            return NO_SESSION
        if lumen is None or sized is None or number >= len(sized.proposals):
            return NO_LUMEN
        stent_id = new_id("item")
        word, names = f"Stent, {sized.site.name.lower()}", {each.item.name for each in self.lumens.stents.values()}
        name = word if word not in names else first_free(word, names.__contains__)
        proposal, by = sized.proposals[number], work.opened.actor
        refusal = self.lumens.apply(
            "Plan stent",
            lambda: put_stent(session, lumen.item.id, sized, proposal, by=by, name=name, stent_id=stent_id),
        )
        if refusal is None:
            self.desk.state.selected_id.set(stent_id)
        return refusal

    def select(self, stent_id: str) -> None:
        """This one in all panes, and the line in its middle."""
        kept = self.lumens.stent(stent_id)
        if kept is not None:
            desk = self.desk.state.lumens
            desk.on_show.set(kept.body.lumen)
            desk.look((kept.body.start_mm + kept.body.end_mm) / 2.0)
        self.desk.state.selected_id.set(stent_id)

    def _edit(self, label: str, stent_id: str, edit: Callable[[Session], Edit]) -> str | None:
        session = self.lumens.session
        if session is None:
            return NO_SESSION
        if self.lumens.stent(stent_id) is None:
            return GONE
        return self.lumens.apply(label, lambda: edit(session))

    def change(
        self, stent_id: str, diameter_mm: float | None, length_mm: float | None, type_key: str | None
    ) -> str | None:
        return self._edit(
            "Change the stent's size",
            stent_id,
            lambda s: change_size(s, stent_id, diameter_mm=diameter_mm, length_mm=length_mm, type_key=type_key),
        )

    def pair(self, stent_id: str, other_id: str) -> str | None:
        """A Y, or two side by side; with nobody it is alone again."""
        if other_id:
            return self._edit("Pair two stents", stent_id, lambda s: pair_stents(s, stent_id, other_id))
        kept = self.lumens.stent(stent_id)
        if kept is None or kept.body.partner is None:
            return None
        return "A pair is parted by pairing with another stent, by removing one of the two, or by undo (Ctrl+Z)."

    def drain(self, stent_id: str) -> str | None:
        """Estimate in the background what the stent drains of the liver, and store it; else say what is missing."""
        session, work, kept = self.lumens.session, self.lumens.work, self.lumens.stent(stent_id)
        if session is None or work is None:
            return NO_SESSION
        if kept is None:
            return GONE
        liver = self._liver(kept.item.frame_uid)

        def done(found: Drained) -> None:
            now = self.lumens.stent(stent_id)
            if now is None or now.item is not kept.item:
                return
            if found.share is None:
                self.panel.say(found.words)
                return
            refusal = self._edit("Liver drained", stent_id, lambda s: set_drained(s, stent_id, found.share))
            self.panel.say(refusal)
            work.said.emit(f"{kept.item.name}: {found.words}")

        self.desk.jobs.submit(
            "Estimating the liver drained",
            lambda context: estimate_drained(session, stent_id, liver),
            done,
            still_valid=lambda: self.lumens.work is work and self.lumens.session is not None,
        )
        return None

    def _liver(self, frame_uid: str) -> Mask | None:
        """As it is marked in a frame of reference; None where it is not."""
        for mark in self.desk.marks.marks.value:
            if (
                isinstance(mark.body, RegionBody)
                and mark.body.structure == "liver"
                and mark.item.frame_uid == frame_uid
            ):
                return self.desk.marks.mask(mark.id)
        return None

    # Dragging

    def hold(self, stent_id: str, start_mm: float, end_mm: float) -> str | None:
        """A stent or one end under the hand: drawn there, judged when it is let go."""
        kept = self.lumens.stent(stent_id)
        lumen = None if kept is None else self.lumens.kept(kept.body.lumen)
        if kept is None or lumen is None:
            return GONE
        start, end = _placed(kept, start_mm, end_mm, lumen.shown.length_mm)
        found = lumen.body.stenosis
        stricture = None if found is None else (found.start_mm, found.end_mm)
        made = deploy(
            lumen.shown.course, start, end, kept.body.diameter_mm, lumen_along_mm=lumen.shown.lumen.along_mm,
            lumen_mm=lumen.shown.lumen.equivalent_mm, stricture_mm=stricture, marks=lumen.body.marks,
        )  # fmt: skip
        words = f"{kept.body.diameter_mm:g} × {end - start:.0f} mm"
        held = StentShown(stent_id, kept.item.name, kept.body.lumen, start, end, kept.body.diameter_mm, made, "", words)
        self.desk.state.lumens.held_stent.set(held)
        return None

    def keep(self) -> str | None:
        """Where it was let go; moved, or of another length: one step of undo."""
        held = self.desk.state.lumens.held_stent.value
        self.desk.state.lumens.held_stent.set(None)
        if held is None:
            return None
        kept = self.lumens.stent(held.id)
        if kept is None:
            return GONE
        if abs(held.length_mm - kept.body.length_mm) < 1e-6:
            return self._edit("Move stent", held.id, lambda s: move_stent(s, held.id, held.start_mm))
        return self._edit(
            "Change the stent's length", held.id, lambda s: stretched(s, held.id, held.start_mm, held.length_mm)
        )

    def drop(self) -> None:
        """The drag was given up."""
        self.desk.state.lumens.held_stent.set(None)

    # The sheet

    def _ask_path(self) -> str:
        name, _ = QFileDialog.getSaveFileName(self.panel, "Sizing sheet", "stent.pdf", "PDF (*.pdf)")
        return name

    def ask_sheet(self, stent_id: str) -> None:
        name = self.sheet_path()
        if name:
            self.panel.say(self.print_sheet(stent_id, Path(name)))

    def print_sheet(self, stent_id: str, path: Path) -> str | None:
        """Saved first, then set in the background; the library remembers that this paper exists."""
        work, session = self.lumens.work, self.lumens.session
        kept = self.lumens.stent(stent_id)
        if work is None or session is None or work.session_desk is None:
            return NO_SESSION
        if kept is None:
            return GONE
        refusal = work.save()
        if refusal is not None:
            return refusal
        lumen = self.lumens.kept(kept.body.lumen)
        volume = None if lumen is None else self.lumens.volume_of(lumen)
        opened, installed, now = work.opened, work.installed, work.session_desk.clock()
        case, revision, session_id = opened.case, opened.revision, session.id

        def draw(context: Context) -> int:
            from planner.app.stent_sheet import write_stent_sheet

            context.step(0.1, "Setting the sheet")
            return write_stent_sheet(
                opened.library, case, revision, session_id, stent_id, installed, path, by=opened.actor, now=now,
                volume=volume,
            )  # fmt: skip

        def done(pages: int) -> None:
            work.said.emit(f"{path.name}: {pages} page{'' if pages == 1 else 's'} written.")

        self.desk.jobs.submit("Printing the sizing sheet", draw, done)
        return None


def _placed(kept: KeptStent, start_mm: float, end_mm: float, length_mm: float) -> tuple[float, float]:
    """Whole lengths that the product is made in, else whole millimetres; some of it stays inside the lumen."""
    body = kept.body
    moved = abs((end_mm - start_mm) - body.length_mm) < 1e-6
    if not moved:
        row = None if body.device is None else stent_catalogue().rows.get(body.device)
        wanted = max(LEAST_LENGTH_MM, end_mm - start_mm)
        made = round(wanted) if row is None or not row.lengths_mm else _nearest(row.lengths_mm, wanted)
        if abs(start_mm - body.start_mm) < 1e-6:
            end_mm = start_mm + made
        else:
            start_mm = end_mm - made
    inside = min(max(start_mm, 1.0 - (end_mm - start_mm)), length_mm - 1.0)
    return inside, inside + (end_mm - start_mm)


def _nearest(lengths_mm: tuple[float, ...], wanted_mm: float) -> float:
    return min(lengths_mm, key=lambda each: abs(each - wanted_mm))


def stretched(session: Session, stent_id: str, start_mm: float, length_mm: float) -> Edit:
    """Another length with another start, as one edit. Raises as `change_size` and `move_stent`."""
    longer = change_size(session, stent_id, length_mm=length_mm)

    def edit(case: Case) -> Case:
        changed = longer(case)
        held = next(each for each in changed.sessions if each.id == session.id)
        return move_stent(held, stent_id, start_mm)(changed)

    return edit
