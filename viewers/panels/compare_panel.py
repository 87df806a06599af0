"""Two studies compared: which two, how they are linked, how they are shown, what differs. Enter accepts nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from planner.workflow.template import Choice
from viewers.panels.compare_changes import ChangesList, MapsList
from viewers.panels.compare_look import LookBar
from viewers.panels.look import colour
from viewers.panels.parts import ClickLabel, PlainLabel, button, clear, panel, row
from viewers.state import theme
from viewers.state.compare import Change, ChangeMap, FuseMode, FusionLook
from viewers.state.theme import SEVERITY_MARKS

Line = tuple[str, str]
"""Text and the key of `SEVERITY_MARKS` it is coloured by, or empty."""

MODELS = (
    Choice("deformable", "Deformable (breath, posture)"),
    Choice("affine", "Affine"),
    Choice("rigid", "Rigid"),
    Choice("landmarks", "Rigid, by landmarks (CT with MR)"),
)
ORGANS = (
    Choice("auto", "Organ: found by itself"),
    Choice("liver", "Liver"),
    Choice("lung", "Lungs"),
    Choice("body", "Whole body"),
)


@dataclass(frozen=True, slots=True)
class CompareContent:
    """Everything the panel shows.

    Attributes
    ----------
    studies
        Series of the case, the newest first.
    link
        How the two studies stand to each other.
    can_match
        Both are loaded, of one patient, and lie in two frames of reference.
    matching
        A match is being computed.
    waits
        A match waits for its review; `reviewer` is who would accept it.
    landmarks
        One line each; the last may be half.
    """

    studies: tuple[Choice, ...] = ()
    earlier: str | None = None
    later: str | None = None
    link: tuple[Line, ...] = ()
    can_match: bool = False
    matching: bool = False
    waits: bool = False
    linked: bool = False
    reviewer: str = ""
    quality: tuple[Line, ...] = ()
    landmarks: tuple[str, ...] = ()
    look: FusionLook = field(default_factory=FusionLook)
    fused_shown: bool = False
    maps: tuple[ChangeMap, ...] = ()
    hidden: frozenset[str] = frozenset()
    can_compute: bool = False
    computed: bool = False
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompareActs:
    """What the panel asks for; what may be refused answers a sentence."""

    choose: Callable[[str, str], str | None]
    match: Callable[[str, str], str | None]
    accept: Callable[[], str | None]
    reject: Callable[[], str | None]
    mark: Callable[[], str | None]
    remove_mark: Callable[[int], object]
    look_at_mark: Callable[[int], object]
    show: Callable[[str], object]
    mode: Callable[[FuseMode], object]
    slide: Callable[[float], object]
    tiles: Callable[[int], object]
    limit: Callable[[float], object]
    show_map: Callable[[str, bool], object]
    compute: Callable[[], str | None]
    go_to: Callable[[Change], object]
    close: Callable[[], object]


class ComparePanel(QWidget):
    """Stands in the place of the stage while two studies are compared."""

    def __init__(self, acts: CompareActs) -> None:
        super().__init__()
        self.acts = acts
        self.content = CompareContent()
        self._shown: CompareContent | None = None
        self._unfolded = False
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self.scroll = QScrollArea()
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        page, self._layout = panel()
        self.scroll.setWidget(page)
        outer.addWidget(self.scroll)
        self._build_studies()
        self._build_match()
        self.look = LookBar(acts.show, acts.mode, acts.slide, acts.tiles, acts.limit)
        self._layout.addWidget(self.look)
        self.maps = MapsList(acts.show_map)
        self.compute = button(
            "Find what changed", lambda: self.say(acts.compute()), tip="Lipiodol, necrosis, new and vanished structures"
        )
        self.changes = ChangesList(acts.go_to)
        for widget in (self.compute, self.maps, self.changes):
            self._layout.addWidget(widget)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self._layout.addWidget(self.problem)
        self._layout.addStretch(1)
        self.setVisible(False)

    def _build_studies(self) -> None:
        self.close_button = button("Close", self.acts.close, tip="Back to the stage")
        self._layout.addWidget(row(PlainLabel("Compare two dates", role="title"), self.close_button))
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        self.later, self.earlier = _box("New study"), _box("Earlier study")
        for line, (word, box) in enumerate((("New", self.later), ("Earlier", self.earlier))):
            grid.addWidget(PlainLabel(word), line, 0)
            grid.addWidget(box, line, 1)
            box.activated.connect(lambda _: self._chosen())
        self._layout.addLayout(grid)
        self._link = QVBoxLayout()
        self._layout.addLayout(self._link)

    def _build_match(self) -> None:
        self._match_part, layout = panel(theme.CARD)
        self.organ, self.model = _box("Organ that is matched"), _box("How far the match may bend")
        for box, choices in ((self.organ, ORGANS), (self.model, MODELS)):
            for choice in choices:
                box.addItem(choice.label, choice.code)
        self.again = button("Match again…", self._unfold, tip="By other means; the present link holds until then")
        self.match = button(
            "Match the two studies",
            lambda: self.say(self.acts.match(str(self.organ.currentData()), str(self.model.currentData()))),
            primary=True,
            tip="In the background; a person reviews the match before anything is compared",
        )
        layout.addWidget(self.organ)
        layout.addWidget(self.model)
        layout.addWidget(row(self.match))
        self._layout.addWidget(self.again)
        self._layout.addWidget(self._match_part)
        self._review_part, layout = panel(theme.CARD)
        layout.addWidget(PlainLabel("Review the match", role="section"))
        self._quality = QVBoxLayout()
        layout.addLayout(self._quality)
        self.reviewer = PlainLabel("", role="quiet", wrap=True)
        self.accept = button("Accept", lambda: self.say(self.acts.accept()), primary=True)
        self.reject = button("Reject", lambda: self.say(self.acts.reject()))
        layout.addWidget(self.reviewer)
        layout.addWidget(row(self.accept, self.reject))
        self._layout.addWidget(self._review_part)
        self._marks_part, layout = panel(theme.CARD)
        self._landmarks = QVBoxLayout()
        self.mark = button(
            "Place landmarks",
            lambda: self.say(self.acts.mark()),
            tip="The same place clicked in both studies measures the error of the match",
        )
        layout.addWidget(row(self.mark))
        layout.addLayout(self._landmarks)
        self._layout.addWidget(self._marks_part)

    def say(self, refusal: str | None) -> None:
        """A sentence when something was refused."""
        self.problem.setText(refusal or "")

    def _unfold(self) -> None:
        self._unfolded = True
        self.again.setVisible(False)
        self._match_part.setVisible(True)

    def _chosen(self) -> None:
        earlier, later = self.earlier.currentData(), self.later.currentData()
        if earlier is not None and later is not None:
            self.say(self.acts.choose(str(earlier), str(later)))

    def show_content(self, content: CompareContent) -> None:
        """Show everything anew; only what differs is built."""
        self.content, before = content, self._shown
        if content == before:
            return
        self._shown = content
        if before is None or (before.studies, before.earlier, before.later) != (
            content.studies,
            content.earlier,
            content.later,
        ):
            _fill(self.earlier, content.studies, content.earlier)
            _fill(self.later, content.studies, content.later)
        if before is None or before.link != content.link:
            _show_lines(self._link, content.link)
        if before is None or before.quality != content.quality:
            _show_lines(self._quality, content.quality)
        if before is None or before.landmarks != content.landmarks:
            self._show_landmarks(content.landmarks)
        if before is None or not content.linked or (before.earlier, before.later) != (content.earlier, content.later):
            self._unfolded = False
        wanted = content.can_match and not content.waits
        folded = content.linked and not self._unfolded and not content.matching
        self.again.setVisible(wanted and folded)
        self._match_part.setVisible(wanted and not folded)
        self.match.setEnabled(not content.matching)
        self.match.setText("Matching…" if content.matching else "Match the two studies")
        self._review_part.setVisible(content.waits)
        self.accept.setText(f"I have looked: accept as {content.reviewer}")
        self.reviewer.setText("Look at edges and vessels near the lesion in every way of fusing first.")
        self._marks_part.setVisible(content.can_match or content.waits)
        self.look.show_look(content.look, content.fused_shown)
        self.compute.setVisible(content.can_compute)
        self.maps.show_maps(content.maps, content.hidden)
        self.changes.show_changes(content.changes, content.computed, content.notes)

    def _show_landmarks(self, lines: Sequence[str]) -> None:
        clear(self._landmarks)
        for number, text in enumerate(lines):
            label = ClickLabel(text, tip="Brings both studies to this landmark")
            label.clicked.connect(lambda number=number: self.acts.look_at_mark(number))
            remove = button("✕", lambda number=number: self.acts.remove_mark(number), tip="Remove this landmark")
            remove.setAccessibleName(f"Remove landmark {number + 1}")
            remove.setFixedWidth(2 * self.fontMetrics().height())
            self._landmarks.addWidget(row(label, remove))


def _box(name: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(12)
    return box


def _fill(box: QComboBox, choices: Sequence[Choice], chosen: str | None) -> None:
    with QSignalBlocker(box):
        box.clear()
        for choice in choices:
            box.addItem(choice.label, choice.code)
        box.setCurrentIndex(box.findData(chosen))


def _show_lines(layout: QVBoxLayout, lines: Sequence[Line]) -> None:
    clear(layout)
    for text, key in lines:
        label = PlainLabel(text, wrap=True)
        mark = SEVERITY_MARKS.get(key)
        colour(label, text=theme.TEXT if mark is None or key == "info" else mark.colour)
        layout.addWidget(label)
