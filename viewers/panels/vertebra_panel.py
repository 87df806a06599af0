"""A vertebra of a stage: its level and who confirmed it, what was measured, its needles, and how the patient lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QComboBox, QGridLayout, QVBoxLayout, QWidget

from planner.workflow.template import Choice
from viewers.panels.look import colour
from viewers.panels.parts import ClickLabel, PlainLabel, button, clear, panel, row
from viewers.state import theme

BOTH, LEFT, RIGHT, SINGLE = "both", "left", "right", "single"
WAYS = (
    Choice(BOTH, "Left and right"),
    Choice(LEFT, "Left only"),
    Choice(RIGHT, "Right only"),
    Choice(SINGLE, "One needle to the midline"),
)
"""Which trajectories are offered."""
NO_LEVEL = "Choose a level"


@dataclass(frozen=True, slots=True)
class NeedleLine:
    """One needle in the bone.

    Attributes
    ----------
    standing
        Severity of what stands against it (key of `theme.SEVERITY_MARKS`), and in words; empty for nothing.
    pairs
        Label and value.
    """

    item_id: str
    title: str
    pairs: tuple[tuple[str, str], ...]
    standing: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class VertebraContent:
    """Everything the panel shows.

    Attributes
    ----------
    levels, level
        To choose from, and the one on show.
    confirmed
        Two different people confirmed the level on show.
    standing
        Who confirmed it, or why no trajectory is offered.
    segmented
        What is there of it: a region, a label, nothing.
    stale
        Why the numbers no longer hold.
    findings
        Severity and text.
    views
        Title, angles on the machine, the patient's own angles.
    posture_note
        What is assumed of the position, or no longer agrees with it.
    count, too_many
        Levels of this session against the usual number.
    """

    levels: tuple[Choice, ...] = ()
    level: str | None = None
    confirmed: bool = False
    standing: str = ""
    segmented: str = ""
    can_analyse: bool = False
    analysed: bool = False
    stale: str = ""
    measures: tuple[tuple[str, str], ...] = ()
    cement: tuple[str, ...] = ()
    findings: tuple[tuple[str, str], ...] = ()
    needles: tuple[NeedleLine, ...] = ()
    views: tuple[tuple[str, str, str], ...] = ()
    position: str = ""
    postures: tuple[Choice, ...] = ()
    posture: str = ""
    posture_note: str = ""
    count: str = ""
    too_many: bool = False


@dataclass(frozen=True, slots=True)
class VertebraActs:
    """What the panel asks for; what may be refused answers a sentence."""

    choose_level: Callable[[str | None], object]
    take_label: Callable[[], str | None]
    analyse: Callable[[], str | None]
    offer: Callable[[str], str | None]
    set_posture: Callable[[str], str | None]
    select: Callable[[str], object]
    align: Callable[[], str | None]


class VertebraPanel(QWidget):
    """Its lower part is rebuilt only when what it shows differs."""

    def __init__(self, acts: VertebraActs) -> None:
        super().__init__()
        self.acts = acts
        self._content = VertebraContent()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PlainLabel("Vertebra", role="section"))
        self.level, self.posture, self.way = _box(), _box(), _box()
        self.level.activated.connect(lambda index: acts.choose_level(self.level.itemData(index)))
        self.posture.activated.connect(lambda index: self.say(acts.set_posture(self.posture.itemData(index))))
        for each in WAYS:
            self.way.addItem(each.label, each.code)
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        for line, (word, box) in enumerate((("Level", self.level), ("Patient lies", self.posture))):
            grid.addWidget(PlainLabel(word, role="quiet"), line, 0)
            grid.addWidget(box, line, 1)
        outer.addLayout(grid)
        self.standing = PlainLabel("", wrap=True)
        self.segmented = PlainLabel("", role="quiet", wrap=True)
        self.posture_note = PlainLabel("", role="unverified", wrap=True)
        for label in (self.standing, self.segmented, self.posture_note):
            outer.addWidget(label)
        self.label = button("From label map", lambda: self.say(acts.take_label()), tip="The label of this level")
        self.analyse = button(
            "Analyse",
            lambda: self.say(acts.analyse()),
            primary=True,
            tip="Frame, pedicles, volume, cortex; nothing is offered by it",
        )
        self.align = button("Align planes", lambda: self.say(acts.align()), tip="Along the endplates, or back")
        outer.addWidget(row(self.analyse, self.label, self.align))
        self.offer = button(
            "Offer trajectories",
            lambda: self.say(acts.offer(str(self.way.currentData()))),
            tip="Into the plan, as one step of undo; only after two people confirmed the level",
        )
        outer.addWidget(row(self.offer, self.way, stretch=False))
        self._plain, self._accent = self.offer.palette(), self.analyse.palette()
        self.problem = PlainLabel("", role="unverified", wrap=True)
        outer.addWidget(self.problem)
        self._rest = QVBoxLayout()
        self._rest.setSpacing(4)
        outer.addLayout(self._rest)
        self.names: dict[str, ClickLabel] = {}
        self.say(None)

    def show_content(self, content: VertebraContent) -> None:
        """Show everything anew; what is the same stays as it is."""
        before, self._content = self._content, content
        _fill(self.level, (Choice("", NO_LEVEL), *content.levels), content.level)
        _fill(self.posture, content.postures, content.posture)
        mark = theme.SEVERITY_MARKS["block"]
        sign = theme.STAGE_MARKS["signed"]
        self.standing.setText(f"{sign.shape if content.confirmed else mark.shape} {content.standing}")
        colour(self.standing, text=sign.colour if content.confirmed else mark.colour)
        self.standing.setVisible(bool(content.standing))
        self.segmented.setText(content.segmented)
        self.posture_note.setText(content.posture_note)
        self.posture_note.setVisible(bool(content.posture_note))
        self.analyse.setEnabled(content.can_analyse)
        self.analyse.setText("Analyse again" if content.analysed else "Analyse")
        self.align.setEnabled(content.analysed)
        self.offer.setEnabled(content.can_analyse)
        measured = content.analysed and not content.stale
        # The next useful act is the one that is seen.
        self.analyse.setPalette(self._plain if measured else self._accent)
        self.offer.setPalette(self._accent if measured and content.confirmed and not content.needles else self._plain)
        if _body(content) != _body(before):
            self._show_rest(content)

    def _show_rest(self, content: VertebraContent) -> None:
        clear(self._rest)
        self.names = {}
        if content.count:
            counted = PlainLabel(content.count, role="unverified" if content.too_many else "quiet", wrap=True)
            self._rest.addWidget(counted)
        if content.stale:
            stale = theme.STAGE_MARKS["stale"]
            label = PlainLabel(f"{stale.shape} {content.stale}", wrap=True)
            colour(label, text=stale.colour)
            self._rest.addWidget(label)
        for line in content.needles:
            self._rest.addWidget(self._needle(line))
        if content.views:
            self._rest.addWidget(
                PlainLabel(f"C-arm angles on the machine, {content.position}", role="section", wrap=True)
            )
            self._add_views(content.views)
        if content.measures:
            self._rest.addWidget(PlainLabel("Measured", role="section"))
            _add_pairs(self._rest, content.measures)
        if content.cement:
            self._rest.addWidget(PlainLabel("Cement", role="section"))
            for text in content.cement:
                self._rest.addWidget(PlainLabel(text, wrap=True))
        for severity, text in content.findings:
            mark = theme.SEVERITY_MARKS[severity]
            label = PlainLabel(f"{mark.shape} {text}", wrap=True)
            colour(label, text=theme.QUIET if severity == "info" else mark.colour)
            self._rest.addWidget(label)

    def _needle(self, line: NeedleLine) -> QWidget:
        frame, layout = panel(theme.CARD)
        name = ClickLabel(line.title, tip="Selects this needle in every pane")
        colour(name, text=theme.ACCENT)
        name.clicked.connect(lambda item_id=line.item_id: self.acts.select(item_id))
        self.names[line.item_id] = name
        layout.addWidget(name)
        if line.said:
            mark = theme.SEVERITY_MARKS[line.standing]
            said = PlainLabel(f"{mark.shape} {line.said}", wrap=True)
            colour(said, text=mark.colour)
            layout.addWidget(said)
        _add_pairs(layout, line.pairs)
        return frame

    def _add_views(self, views: Sequence[tuple[str, str, str]]) -> None:
        grid = QGridLayout()
        grid.setVerticalSpacing(1)
        grid.setHorizontalSpacing(12)
        grid.setColumnStretch(0, 1)
        for column, text in enumerate(("", "machine", "patient's own")):
            grid.addWidget(PlainLabel(text, role="quiet"), 0, column)
        for line, (title, machine, own) in enumerate(views, start=1):
            grid.addWidget(PlainLabel(title, role="quiet", wrap=True), line, 0)
            grid.addWidget(PlainLabel(machine), line, 1)
            grid.addWidget(PlainLabel(own, role="quiet"), line, 2)
        self._rest.addLayout(grid)

    def say(self, refusal: str | None) -> None:
        """Why something was not done; empty for nothing."""
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))


def _body(content: VertebraContent) -> tuple[object, ...]:
    """What the lower part shows."""
    return (
        content.count,
        content.too_many,
        content.stale,
        content.needles,
        content.views,
        content.position,
        content.measures,
        content.cement,
        content.findings,
    )


def _box() -> QComboBox:
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(10)
    return made


def _fill(box: QComboBox, choices: Sequence[Choice], chosen: str | None) -> None:
    known = tuple((box.itemData(at), box.itemText(at)) for at in range(box.count()))
    wanted = tuple((each.code or None, each.label) for each in choices)
    if known != wanted:
        box.clear()
        for code, label in wanted:
            box.addItem(label, code)
    box.setCurrentIndex(max(0, box.findData(chosen)))


def _add_pairs(layout: QVBoxLayout, pairs: Sequence[tuple[str, str]]) -> None:
    """Two columns of label and value."""
    grid = QGridLayout()
    grid.setVerticalSpacing(1)
    grid.setHorizontalSpacing(6)
    for column in (1, 3):
        grid.setColumnStretch(column, 1)
    for number, (label, value) in enumerate(pairs):
        line, side = divmod(number, 2)
        grid.addWidget(PlainLabel(label, role="quiet"), line, 2 * side)
        grid.addWidget(PlainLabel(value, wrap=True), line, 2 * side + 1)
    layout.addLayout(grid)
