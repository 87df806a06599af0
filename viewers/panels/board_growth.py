"""The growth rate of a lesion from two measured days: computed on asking, taken over by a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from planner.model.disease import Lesion
from viewers.panels.board_content import sized_days
from viewers.panels.parts import PlainLabel, button, row


class GrowthPart(QWidget):
    """Lesion and two days -> a sentence.

    Parameters
    ----------
    compute
        Lesion, earlier and later day -> the sentence, or why there is none; and whether it is one.
    take
        Puts the sentence into the decision.
    """

    def __init__(self, compute: Callable[[str, date, date], tuple[str, bool]], take: Callable[[str], object]) -> None:
        super().__init__()
        self._compute, self._take = compute, take
        self._lesions: tuple[Lesion, ...] = ()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        self.lesion, self.first, self.second = QComboBox(), QComboBox(), QComboBox()
        self.lesion.currentIndexChanged.connect(self._offer_days)
        for box in (self.first, self.second):
            box.currentIndexChanged.connect(self._show)
        self.boxes = row(
            PlainLabel("From two days:", role="quiet"),
            self.lesion,
            self.first,
            PlainLabel("→", role="quiet"),
            self.second,
        )
        layout.addWidget(self.boxes)
        self.sentence = PlainLabel("", role="quiet", wrap=True)
        self.taker = button("Take over", lambda: self._take(self.sentence.text()))
        self.answer = row(self.sentence, self.taker, stretch=False)
        layout.addWidget(self.answer)

    def show_lesions(self, lesions: Sequence[Lesion]) -> None:
        """Offer the lesions measured on two days or more; nothing is offered without one."""
        known = tuple(each for each in lesions if len(sized_days(each)) > 1)
        self.setVisible(bool(known))
        if known == self._lesions:
            return
        self._lesions = known
        chosen = self.lesion.currentData()
        self.lesion.blockSignals(True)
        self.lesion.clear()
        for each in known:
            self.lesion.addItem(each.name, each.id)
        self.lesion.setCurrentIndex(max(0, self.lesion.findData(chosen)))
        self.lesion.blockSignals(False)
        self._offer_days()

    def _offer_days(self) -> None:
        """The newest two days of the lesion are offered first."""
        lesion = next((each for each in self._lesions if each.id == self.lesion.currentData()), None)
        days = sized_days(lesion) if lesion is not None else ()
        for box, place in ((self.first, len(days) - 2), (self.second, len(days) - 1)):
            box.blockSignals(True)
            box.clear()
            for day in days:
                box.addItem(day.isoformat(), day.isoformat())
            box.setCurrentIndex(place)
            box.blockSignals(False)
        self._show()

    def _show(self) -> None:
        first, second = self.first.currentData(), self.second.currentData()
        told = first is not None and second is not None
        words, computed = "", False
        if told:
            days = date.fromisoformat(first), date.fromisoformat(second)
            words, computed = self._compute(str(self.lesion.currentData()), *days)
        self.sentence.setText(words)
        self.taker.setEnabled(computed)
