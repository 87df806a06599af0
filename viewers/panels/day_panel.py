"""The day of a needle: a scan matched with the plan, the plan moved over, the zone that is seen after, its margin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from viewers.panels.look import colour
from viewers.panels.parts import ClickLabel, PlainLabel, button, clear, panel, row
from viewers.state import theme
from viewers.state.theme import SEVERITY_MARKS

Line = tuple[str, str]
"""Text and the key of `SEVERITY_MARKS` it is coloured by, or empty."""


@dataclass(frozen=True, slots=True)
class DayContent:
    """Everything the panel shows.

    Attributes
    ----------
    title
        What the stage's scan is called.
    scans
        The two scans, in words.
    landmarks
        One line each; the last may be half.
    match
        How the two scans stand to each other.
    can_match, can_landmarks, waits
        Both scans are there; enough pairs for a match by landmarks alone; a match waits for its review.
    plan, can_move
        Where the plan lies; None where the stage does not move it.
    zone, margin, can_measure, can_put
        Of the completion scan; None elsewhere.
    """

    title: str = ""
    scans: tuple[str, ...] = ()
    landmarks: tuple[str, ...] = ()
    match: tuple[Line, ...] = ()
    can_match: bool = False
    can_landmarks: bool = False
    waits: bool = False
    plan: Line | None = None
    can_move: bool = False
    zone: tuple[Line, ...] | None = None
    margin: tuple[tuple[str, str], ...] = ()
    said: tuple[Line, ...] = ()
    can_measure: bool = False
    can_put: bool = False


@dataclass(frozen=True, slots=True)
class DayActs:
    """What the panel asks for; what may be refused answers a sentence."""

    mark: Callable[[], str | None]
    remove: Callable[[int], object]
    look: Callable[[int], object]
    match_images: Callable[[], str | None]
    match_landmarks: Callable[[], str | None]
    review: Callable[[], object]
    move: Callable[[], str | None]
    click_zone: Callable[[], str | None]
    measure: Callable[[], str | None]
    put: Callable[[], str | None]


class DayPanel(QWidget):
    """Steps in the order in which they are done; each says what is missing."""

    def __init__(self, acts: DayActs) -> None:
        super().__init__()
        self.acts = acts
        self.content = DayContent()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        frame, layout = panel(theme.CARD)
        outer.addWidget(frame)
        self.title = PlainLabel("", role="section", wrap=True)
        self._scans, self._landmarks, self._match = QVBoxLayout(), QVBoxLayout(), QVBoxLayout()
        self.match = button(
            "Match the scans", lambda: self.say(acts.match_images()), primary=True, tip="Within the organ"
        )
        self.review = button("Review the match…", acts.review, primary=True)
        self.mark = button(
            "Mark landmarks", lambda: self.say(acts.mark()), tip="Both scans side by side; click the same place in each"
        )
        self.by_landmarks = button(
            "Match by landmarks", lambda: self.say(acts.match_landmarks()), tip="Where the images alone do not match"
        )
        layout.addWidget(self.title)
        layout.addLayout(self._scans)
        layout.addLayout(self._match)
        layout.addWidget(row(self.match, self.review))
        layout.addLayout(self._landmarks)
        layout.addWidget(row(self.mark, self.by_landmarks))
        self._build_plan(outer)
        self._build_zone(outer)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        outer.addWidget(self.problem)
        self.say(None)

    def _build_plan(self, outer: QVBoxLayout) -> None:
        self._plan_part, layout = panel(theme.CARD)
        self.plan = PlainLabel("", wrap=True)
        self.move_plan = button(
            "Move the plan to today's scan",
            lambda: self.say(self.acts.move()),
            primary=True,
            tip="Targets, structures and needles come over; needles are measured again. One step of undo",
        )
        layout.addWidget(self.plan)
        layout.addWidget(row(self.move_plan))
        outer.addWidget(self._plan_part)

    def _build_zone(self, outer: QVBoxLayout) -> None:
        self._zone_part, layout = panel(theme.CARD)
        layout.addWidget(PlainLabel("Zone and margin achieved", role="section"))
        self._zone, self._margin, self._said = QVBoxLayout(), QVBoxLayout(), QVBoxLayout()
        self.click = button(
            "Click the zone",
            lambda: self.say(self.acts.click_zone()),
            tip="One click inside it; then correct it by brush",
        )
        self.measure = button("Measure the achieved margin", lambda: self.say(self.acts.measure()), primary=True)
        self.put = button("Put it into the plan", lambda: self.say(self.acts.put()))
        layout.addLayout(self._zone)
        layout.addWidget(row(self.click))
        layout.addLayout(self._margin)
        layout.addLayout(self._said)
        layout.addWidget(row(self.measure, self.put))
        outer.addWidget(self._zone_part)

    def show_content(self, content: DayContent) -> None:
        """Show everything anew; nothing where nothing differs."""
        if content == self.content:
            return
        self.content = content
        self.title.setText(content.title)
        _show(self._scans, [(each, "") for each in content.scans])
        _show(self._match, content.match)
        self._show_landmarks(content.landmarks)
        for widget, can in ((self.match, content.can_match), (self.mark, content.can_match)):
            widget.setEnabled(can)
        self.match.setText("Match again" if content.waits else "Match the scans")
        self.by_landmarks.setEnabled(content.can_landmarks)
        self.review.setVisible(content.waits)
        self._plan_part.setVisible(content.plan is not None)
        if content.plan is not None:
            _colour_line(self.plan, content.plan)
        self.move_plan.setEnabled(content.can_move)
        self._zone_part.setVisible(content.zone is not None)
        _show(self._zone, content.zone or ())
        self._show_margin(content.margin)
        _show(self._said, content.said)
        self.measure.setEnabled(content.can_measure)
        self.put.setEnabled(content.can_put)

    def _show_landmarks(self, lines: Sequence[str]) -> None:
        clear(self._landmarks)
        for number, text in enumerate(lines):
            name = ClickLabel(text, tip="Brings both scans there")
            name.clicked.connect(lambda number=number: self.acts.look(number))
            away = ClickLabel("remove", tip="Takes this landmark away")
            away.setWordWrap(False)
            colour(away, text=theme.ACCENT)
            away.clicked.connect(lambda number=number: self.acts.remove(number))
            holder = row(name, away, stretch=False)
            self._landmarks.addWidget(holder)

    def _show_margin(self, pairs: Sequence[tuple[str, str]]) -> None:
        clear(self._margin)
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        grid.setVerticalSpacing(1)
        for line, (label, value) in enumerate(pairs):
            grid.addWidget(PlainLabel(label, role="quiet"), line, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(PlainLabel(value, wrap=True), line, 1)
        self._margin.addLayout(grid)

    def say(self, refusal: str | None) -> None:
        """Why something was not done; empty for nothing."""
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))


def _show(layout: QVBoxLayout, lines: Sequence[Line]) -> None:
    clear(layout)
    for line in lines:
        label = PlainLabel("", wrap=True)
        _colour_line(label, line)
        layout.addWidget(label)


def _colour_line(label: PlainLabel, line: Line) -> None:
    text, key = line
    label.setText(text)
    mark = SEVERITY_MARKS.get(key)
    colour(label, text=theme.TEXT if mark is None or key == "info" else mark.colour)
