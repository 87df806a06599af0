"""Questions about who a lesion is: another one, a new one (asked twice), and the history of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QComboBox, QDialog, QFormLayout, QVBoxLayout, QWidget

from planner.app.lesion_history import LesionHistory
from planner.workflow.template import Choice
from viewers.panels.parts import PlainLabel, button, row, sized
from viewers.panels.tables import text_table

WRONG = "A wrong match looks new: a lesion that was there before counts as progression when it is called new."
KINDS = {
    "treatment": "Treated",
    "record": "Record",
    "margin": "Margin",
    "lipiodol": "Lipiodol",
    "observation": "Seen",
    "response": "Response",
}


class OtherLesionDialog(QDialog):
    """Which known lesion a region is. Nothing is chosen at first.

    Parameters
    ----------
    act
        Region id and lesion id; answers a sentence to stay open.
    """

    def __init__(
        self,
        regions: Sequence[Choice],
        lesions: Sequence[Choice],
        act: Callable[[str, str], str | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Which lesion is it?")
        self._act = act
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("Which lesion is it?", role="title"))
        layout.addWidget(PlainLabel("The region becomes an observation of the lesion you choose.", role="quiet"))
        form = QFormLayout()
        self.region, self.lesion = QComboBox(), QComboBox()
        for box, choices, label in (
            (self.region, regions, "Region on the new images"),
            (self.lesion, lesions, "Lesion"),
        ):
            if box is self.lesion or len(choices) != 1:
                box.addItem("choose …", None)
            for each in choices:
                box.addItem(each.label, each.code)
            form.addRow(PlainLabel(label), box)
        layout.addLayout(form)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        self.go = button("It is this lesion", self._go)
        layout.addWidget(row(self.go, button("Cancel", self.reject)))
        self.setMinimumWidth(28 * self.fontMetrics().height())

    def _go(self) -> None:
        region, lesion = self.region.currentData(), self.lesion.currentData()
        if region is None or lesion is None:
            self.problem.setText("Choose both.")
            return
        refusal = self._act(str(region), str(lesion))
        if refusal is None:
            self.accept()
        else:
            self.problem.setText(refusal)


class NewLesionDialog(QDialog):
    """Asks twice: the second question stands where the first stood, and its button elsewhere than the first.

    Parameters
    ----------
    nearest
        Region id -> which known lesions lie near it, in words.
    """

    def __init__(
        self,
        regions: Sequence[Choice],
        nearest: Callable[[str], str],
        act: Callable[[str], str | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("A new lesion?")
        self._act, self._nearest = act, nearest
        layout = QVBoxLayout(self)
        self.title = PlainLabel("A new lesion?", role="title")
        self.text = PlainLabel(WRONG, wrap=True)
        self.region = QComboBox()
        if len(regions) != 1:
            self.region.addItem("choose the region …", None)
        for each in regions:
            self.region.addItem(each.label, each.code)
        self.near = PlainLabel("", role="quiet", wrap=True)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        for widget in (self.title, self.text, self.region, self.near, self.problem):
            layout.addWidget(widget)
        self.first = button("Both places were looked at: it is new", self._ask_again)
        self.second = button("Yes, a new lesion", self._go)
        self.second.setVisible(False)
        layout.addWidget(row(self.first, button("Look again", self.reject), self.second))
        self.region.currentIndexChanged.connect(lambda _: self._show_near())
        self._show_near()
        self.setMinimumWidth(34 * self.fontMetrics().height())

    def _show_near(self) -> None:
        chosen = self.region.currentData()
        self.near.setText(self._nearest(str(chosen)) if chosen is not None else "")

    def _ask_again(self) -> None:
        if self.region.currentData() is None:
            self.problem.setText("Choose the region first.")
            return
        self.problem.setText("")
        self.region.setEnabled(False)
        self.title.setText("Asked again: a new lesion?")
        self.text.setText("It gets the role “new” and may mean progression under every criterion. Is it new?")
        self.first.setVisible(False)
        self.second.setVisible(True)

    def _go(self) -> None:
        refusal = self._act(str(self.region.currentData()))
        if refusal is None:
            self.accept()
        else:
            self.problem.setText(refusal)


class LesionHistoryDialog(QDialog):
    """Everything the case knows of one lesion, the oldest first.

    Parameters
    ----------
    without
        Kinds of rows that may not be shown (a second reader sees no response before he has signed).
    """

    def __init__(
        self, history: LesionHistory, parent: QWidget | None = None, *, without: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"History of {history.name}")
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel(f"History of {history.name}", role="title"))
        layout.addWidget(PlainLabel(facts_line(history), wrap=True))
        rows = [
            (each.on.isoformat() if each.on else "day unknown", KINDS.get(each.kind, each.kind), each.text)
            for each in history.rows
            if each.kind not in without
        ]
        self.table = text_table(("Day", "What", "In words"), rows)
        self.table.resizeRowsToContents()
        layout.addWidget(self.table, 1)
        if without & {each.kind for each in history.rows}:
            layout.addWidget(PlainLabel("Readings and sizes of the other reader are hidden until you sign.", wrap=True))
        if history.unread_sessions:
            names = ", ".join(history.unread_sessions)
            layout.addWidget(PlainLabel(f"Not read, their template is not installed: {names}.", wrap=True))
        layout.addWidget(row(button("Close", self.accept)))
        sized(self, 52, 26)


def facts_line(history: LesionHistory) -> str:
    """Segment, first seen, how often treated, where it came from."""
    seen = history.first_seen_on.isoformat() if history.first_seen_on else "day unknown"
    parts = [f"Segment {history.segment or 'not named'}", f"first seen {seen}"]
    count = len(history.treated_in)
    words = {0: f"{history.state}", 1: "treated once"}.get(count, f"treated {count} times")
    parts.append("treated or not is unknown" if words == "unknown" else words)
    parts += [f"came from {', '.join(history.parents)}"] if history.parents else []
    parts += [f"became {', '.join(history.parts)}"] if history.parts else []
    return " · ".join(parts)
