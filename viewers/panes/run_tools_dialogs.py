"""Small dialogs of measuring on runs: French size, known length, what lies in the lumen, a line of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from planner.imaging.run_calibration import Calibration, french_mm
from planner.imaging.run_settings import setting, source_and_tag
from viewers.state import theme

CONTENTS = (
    (None, "Let the picture tell"),
    ("full", "Full: dense wall, or filled with contrast"),
    ("empty", "Empty lumen: two dark lines"),
)
DEPTH_LABEL = "Vessel may lie nearer or farther by (mm)"


def number_of(text: str) -> float | None:
    """A number as typed, decimal comma or point; None when it is none."""
    try:
        found = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return found if abs(found) < float("inf") else None


def _words(text: str, colour: str = theme.TEXT, *, wrap: bool = False, bold: bool = False) -> QLabel:
    """Plain text in a colour."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    weight = " font-weight: 600;" if bold else ""
    made.setStyleSheet(f"color: {colour};{weight}")
    made.setText(text)
    return made


def _button(text: str, act: Callable[[], object]) -> QPushButton:
    """Never a default button: Enter elsewhere must not press it."""
    made = QPushButton(text)
    made.setAutoDefault(False)
    made.setDefault(False)
    made.clicked.connect(lambda *_: act())
    return made


class _Ask(QDialog):
    """A title, a sentence, a form, and one verb. Enter confirms nothing that cannot be undone."""

    def __init__(self, title: str, sentence: str, verb: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.rows = QVBoxLayout(self)
        self.rows.addWidget(_words(title, bold=True))
        self.rows.addWidget(_words(sentence, theme.QUIET, wrap=True))
        self.form = QFormLayout()
        self.rows.addLayout(self.form)
        self.problem = _words("", theme.WARN, wrap=True)
        self.rows.addWidget(self.problem)
        self.go = _button(verb, self.confirm)
        buttons = QHBoxLayout()
        buttons.addWidget(self.go)
        buttons.addWidget(_button("Cancel", self.reject))
        buttons.addStretch(1)
        self.rows.addLayout(buttons)

    def confirm(self) -> None:
        self.accept()

    def add_depth(self) -> QLineEdit:
        """How far from the calibrating plane the vessel may lie; empty takes the default, which is shown."""
        line = QLineEdit()
        line.setPlaceholderText(f"{setting('depth'):g} (our default, tag {source_and_tag('depth')[1]})")
        self.form.addRow(_words(DEPTH_LABEL), line)
        return line

    def depth_of(self, line: QLineEdit) -> tuple[float | None, bool]:
        """What was typed, and whether it can be used."""
        if not line.text().strip():
            return None, True
        depth = number_of(line.text())
        usable = depth is not None and depth >= 0.0
        if not usable:
            self.problem.setText("Type how many millimetres, or leave it empty.")
        return depth, usable


class CatheterDialog(_Ask):
    """Which catheter lies in the picture.

    Parameters
    ----------
    chosen
        Called with French size, content (``full``, ``empty`` or None) and depth (mm or None).
    french
        As chosen the last time.
    """

    def __init__(
        self, chosen: Callable[[float, str | None, float | None], object], french: float | None, parent: QWidget
    ) -> None:
        super().__init__(
            "Calibrate by a catheter",
            "Choose the size printed on the package, then click two points along a straight piece inside the patient. "
            "The unsubtracted frame is shown meanwhile.",
            "Click it on the frame",
            parent,
        )
        self._chosen = chosen
        self.french = QComboBox()
        self.french.setEditable(True)
        self.french.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._least, self._most = setting("catheter_least_french"), setting("catheter_most_french")
        for size in range(int(self._least), int(self._most) + 1):
            self.french.addItem(f"{size}", float(size))
        self.french.setCurrentIndex(-1)
        self.french.setEditText("" if french is None else f"{french:g}")
        editor = self.french.lineEdit()
        if editor is not None:
            editor.setPlaceholderText("size")
        self.form.addRow(_words("Catheter, French"), self.french)
        self.known = _words(self._in_mm(self.french.currentText()), theme.QUIET)
        self.french.editTextChanged.connect(lambda text: self.known.setText(self._in_mm(text)))
        self.form.addRow(_words("Outer diameter"), self.known)
        self.content = QComboBox()
        for code, words in CONTENTS:
            self.content.addItem(words, code)
        self.form.addRow(_words("In the lumen"), self.content)
        self.depth_line = self.add_depth()
        self.french.setFocus()

    @staticmethod
    def _in_mm(text: str) -> str:
        size = number_of(text)
        return f"{french_mm(size):.2f} mm, nominal" if size is not None and size > 0.0 else "–"

    def confirm(self) -> None:
        """A size within the limits closes the dialog."""
        size = number_of(self.french.currentText())
        if size is None or not self._least <= size <= self._most:
            self.problem.setText(f"Type a size of {self._least:g} to {self._most:g} F; thinner ones do not calibrate.")
            return
        depth, usable = self.depth_of(self.depth_line)
        if usable:
            self.accept()
            self._chosen(size, self.content.currentData(), depth)


class KnownDistanceDialog(_Ask):
    """The true length between two clicks."""

    def __init__(self, length_px: float, chosen: Callable[[float, float | None], object], parent: QWidget) -> None:
        super().__init__(
            "Calibrate by a known distance",
            f"The two clicks are {length_px:.1f} px apart. How far apart are these marks in truth? "
            "They must lie parallel to the detector.",
            "Calibrate",
            parent,
        )
        self._chosen = chosen
        self.length = QLineEdit()
        self.length.setPlaceholderText("mm")
        self.form.addRow(_words("Distance (mm)"), self.length)
        self.depth_line = self.add_depth()
        self.length.setFocus()

    def confirm(self) -> None:
        """A length above zero closes the dialog."""
        length = number_of(self.length.text())
        if length is None or length <= 0.0:
            self.problem.setText("Type the distance in millimetres, above 0.")
            return
        depth, usable = self.depth_of(self.depth_line)
        if usable:
            self.accept()
            self._chosen(length, depth)


class ContentDialog(_Ask):
    """The picture does not tell whether the catheter is full or empty: a person does."""

    def __init__(
        self,
        sentence: str,
        choices: Mapping[str, Calibration],
        chosen: Callable[[Calibration], object],
        parent: QWidget,
    ) -> None:
        super().__init__("Is the catheter full or empty?", sentence, "Calibrate", parent)
        self._choices, self._chosen = choices, chosen
        self.box = QComboBox()
        words = {code: text for code, text in CONTENTS if code is not None}
        for content, found in choices.items():
            share = 100.0 * found.mm_per_px_sd / found.mm_per_px
            text = f"{words.get(content, content)}: {found.mm_per_px:.3f} mm/px ± {share:.0f} %"
            self.box.addItem(text, content)
        self.box.setCurrentIndex(-1)
        self.form.addRow(_words("It is"), self.box)

    def confirm(self) -> None:
        """Nothing is chosen beforehand."""
        content = self.box.currentData()
        if content is None:
            self.problem.setText("Choose one; look at the frame: two dark lines are an empty lumen.")
            return
        self.accept()
        self._chosen(self._choices[content])


class TextDialog(_Ask):
    """One line of text."""

    def __init__(
        self, title: str, sentence: str, text: str, chosen: Callable[[str], object], parent: QWidget, *, needed: bool
    ) -> None:
        super().__init__(title, sentence, "Keep", parent)
        self._chosen, self._needed = chosen, needed
        self.line = QLineEdit(text)
        self.line.setMaxLength(120)
        self.form.addRow(_words("Text"), self.line)
        self.line.returnPressed.connect(self.confirm)
        self.line.setFocus()

    def confirm(self) -> None:
        """An empty line is no note."""
        text = " ".join(self.line.text().split())
        if self._needed and not text:
            self.problem.setText("Type something, or cancel.")
            return
        self.accept()
        self._chosen(text)
