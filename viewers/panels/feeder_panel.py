"""Feeders of each lesion: ranked with their evidence, passers-by apart, and what to look for elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from planner.app.feeders import NOT_ABSENT
from viewers.panels.look import colour
from viewers.panels.parts import ClickLabel, PlainLabel, button, clear, panel, row
from viewers.panels.vessel_panel import folded
from viewers.state import theme
from viewers.state.vessels import FEEDER, FEEDER_MINOR

NO_LESION = "Mark a lesion first; feeders are looked for lesion by lesion."
PASSERS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class FeederLine:
    """An artery, as a feeder or as one that is not.

    Attributes
    ----------
    key
        Segment of the tree.
    supply
        ``main``, ``minor``, ``unknown`` where no share can be told, or empty for one that is no feeder.
    facts
        Calibre, way, turning in one line.
    """

    key: str
    name: str
    supply: str
    facts: str
    reason: str
    doubtful: bool = False
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class OutsideLine:
    """An artery from elsewhere to look for."""

    name: str
    reason: str
    source: str
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class LesionFeeders:
    """What is known of one lesion.

    Attributes
    ----------
    searched
        Whether a search has been made at all: not searched is said otherwise than none found.
    stale
        Why it no longer holds; empty while it does.
    warnings
        What else stands against it: images of another phase, nothing found.
    seen
        On which images, and what cannot be seen.
    """

    lesion_id: str
    name: str
    searched: bool = False
    feeders: tuple[FeederLine, ...] = ()
    others: tuple[FeederLine, ...] = ()
    outside: tuple[OutsideLine, ...] = ()
    stale: str = ""
    warnings: tuple[str, ...] = ()
    seen: str = ""
    selected: str | None = None


@dataclass(frozen=True, slots=True)
class FeederContent:
    """Everything the panel shows. `chosen` is the vessel that may be added, in words, `chosen_key` its segment."""

    lesions: tuple[LesionFeeders, ...] = ()
    chosen: str = ""
    chosen_key: str = ""
    has_tree: bool = False


@dataclass(frozen=True, slots=True)
class FeederActs:
    """What the panel asks for: lesion id, and the segment where one is meant."""

    find: Callable[[str | None], str | None]
    look: Callable[[str, str], object]
    accept: Callable[[str, str], str | None]
    reject: Callable[[str, str], str | None]
    add: Callable[[str], str | None]


class FeederPanel(QWidget):
    """One card a lesion."""

    def __init__(self, acts: FeederActs) -> None:
        super().__init__()
        self.acts = acts
        self._content: FeederContent | None = None
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PlainLabel("Feeders", role="section"))
        self.find_button = button(
            "Find feeders",
            lambda: self.say(self.acts.find(None)),
            primary=True,
            tip="Of every lesion, on the arteries that were found",
        )
        outer.addWidget(row(self.find_button))
        outer.addWidget(PlainLabel(NOT_ABSENT, role="unverified", wrap=True))
        self.problem = PlainLabel("", role="unverified", wrap=True)
        outer.addWidget(self.problem)
        self._cards = QVBoxLayout()
        outer.addLayout(self._cards)
        self.rows: dict[tuple[str, str], FeederRowWidget] = {}
        self.say(None)

    def show_content(self, content: FeederContent) -> None:
        """Show everything anew, when it differs."""
        if content == self._content:
            return
        self._content = content
        clear(self._cards)
        self.rows = {}
        self.find_button.setEnabled(content.has_tree and bool(content.lesions))
        if not content.lesions:
            self._cards.addWidget(PlainLabel(NO_LESION, role="quiet", wrap=True))
        for lesion in content.lesions:
            self._cards.addWidget(self._card(lesion, content))

    def _card(self, lesion: LesionFeeders, content: FeederContent) -> QFrame:
        frame, layout = panel(theme.CARD)
        title = PlainLabel(lesion.name, role="section")
        again = ClickLabel("search again" if lesion.searched else "search", tip="Feeders of this lesion")
        again.setWordWrap(False)
        colour(again, text=theme.ACCENT)
        again.clicked.connect(lambda: self.say(self.acts.find(lesion.lesion_id)))
        line = QHBoxLayout()
        line.addWidget(title, 1)
        if content.has_tree:
            line.addWidget(again)
        layout.addLayout(line)
        if lesion.stale:
            layout.addWidget(PlainLabel(f"↻ {lesion.stale}", role="unverified", wrap=True))
        if not lesion.searched:
            text = "Not searched yet." if content.has_tree else "Find the arteries first."
            layout.addWidget(PlainLabel(text, role="quiet", wrap=True))
            return frame
        for text in lesion.warnings:
            layout.addWidget(PlainLabel(f"▲ {text}", role="unverified", wrap=True))
        for each in lesion.feeders:
            layout.addWidget(self._row(lesion, each))
        known = {each.key for each in lesion.feeders}
        if content.chosen and content.chosen_key not in known:
            add = ClickLabel(f"+ Add {content.chosen}", tip="The vessel chosen feeds this lesion")
            colour(add, text=theme.ACCENT)
            add.clicked.connect(lambda: self.say(self.acts.add(lesion.lesion_id)))
            layout.addWidget(add)
        self._add_others(layout, lesion)
        self._add_outside(layout, lesion.outside)
        if lesion.seen:
            layout.addWidget(PlainLabel(lesion.seen, role="quiet", wrap=True))
        return frame

    def _row(self, lesion: LesionFeeders, feeder: FeederLine) -> QWidget:
        made = FeederRowWidget(feeder, chosen=lesion.selected == feeder.key)
        made.looked = lambda: self.acts.look(lesion.lesion_id, feeder.key)
        if feeder.supply:
            made.act.clicked.connect(lambda: self.say(self.acts.reject(lesion.lesion_id, feeder.key)))
        else:
            made.act.clicked.connect(lambda: self.say(self.acts.accept(lesion.lesion_id, feeder.key)))
        self.rows[(lesion.lesion_id, feeder.key)] = made
        return made

    def _add_others(self, layout: QVBoxLayout, lesion: LesionFeeders) -> None:
        """What runs by or ends near: separated, each with its reason."""
        if not lesion.others:
            return
        layout.addWidget(PlainLabel("Near, but not taken for feeders", role="section"))
        for each in lesion.others[:PASSERS_SHOWN]:
            layout.addWidget(self._row(lesion, each))
        rest = [self._row(lesion, each) for each in lesion.others[PASSERS_SHOWN:]]
        if rest:
            layout.addWidget(folded(rest, "more"))

    def _add_outside(self, layout: QVBoxLayout, lines: Sequence[OutsideLine]) -> None:
        if not lines:
            return
        layout.addWidget(PlainLabel("Look for supply from elsewhere", role="section"))
        for each in lines:
            doubt = " (unverified)" if each.unverified else ""
            label = PlainLabel(f"◆ {each.name}: {each.reason}{doubt}", wrap=True)
            label.setToolTip(each.source)
            colour(label, text=theme.STALE)
            layout.addWidget(label)

    def say(self, refusal: str | None) -> None:
        """Why something was not done; empty for nothing."""
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))


class FeederRowWidget(QFrame):
    """A vessel with its evidence; a click shows the way to it everywhere."""

    def __init__(self, feeder: FeederLine, *, chosen: bool) -> None:
        super().__init__()
        self.looked: Callable[[], object] = lambda: None
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(feeder.name)
        colour(self, ground=theme.CHOSEN if chosen else theme.RAISED)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(6, 4, 6, 4)
        rows.setSpacing(1)
        head = QHBoxLayout()
        head.setSpacing(8)
        marks = {"main": ("◆ main", FEEDER), "minor": ("◇ minor", FEEDER_MINOR), "unknown": ("◆ share unknown", FEEDER)}
        word, ink = marks.get(feeder.supply, ("○", theme.QUIET))
        supply = PlainLabel(word)
        colour(supply, text=ink)
        name = PlainLabel(feeder.name, wrap=True)
        head.addWidget(supply)
        head.addWidget(name, 1)
        self.act = ClickLabel("reject" if feeder.supply else "accept", tip="By a person; undoable")
        self.act.setWordWrap(False)
        colour(self.act, text=theme.ACCENT)
        head.addWidget(self.act)
        rows.addLayout(head)
        notes = [feeder.facts] if feeder.facts else []
        notes += ["doubtful course"] if feeder.doubtful else []
        notes += ["by hand"] if feeder.by_person else []
        if notes:
            rows.addWidget(PlainLabel(" · ".join(notes), role="quiet", wrap=True))
        if feeder.reason:
            rows.addWidget(PlainLabel(feeder.reason, role="quiet", wrap=True))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Look at it."""
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.looked()
