"""The dose report of a procedure beside the record: what it would fill, what stands there, and where both differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QTableWidgetItem, QVBoxLayout, QWidget

from planner.app.dose_record import LABEL, DoseProposal, DoseRow
from planner.units import shown
from viewers.panels.parts import PlainLabel, button, row, sized
from viewers.panels.tables import text_table
from viewers.state.theme import SEVERITY_MARKS

HEADINGS = ("Quantity", "Dose report", "Planes", "In the record", "Difference", "On filling")
ACT_COLUMN = len(HEADINGS) - 1
FILLED, REPLACED, SAME = "filled in", "replace what was typed", "stays as it is"


class DoseDialog(QDialog):
    """Fills nothing by itself.

    Parameters
    ----------
    fill
        Called with the fields to be replaced although a person has filled them; a sentence when it was refused.
    other
        Looks for another file.
    """

    def __init__(
        self,
        proposal: DoseProposal,
        rows: Sequence[DoseRow],
        *,
        fill: Callable[[tuple[str, ...]], str | None],
        other: Callable[[], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._rows, self._fill = tuple(rows), fill
        self.setWindowTitle("From the dose report")
        self.table = text_table(HEADINGS, [_cells(each) for each in rows])
        for line, each in enumerate(rows):
            if not each.fills and each.difference_percent not in (None, 0.0):
                self._offer_to_replace(self.table.item(line, ACT_COLUMN))
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self.go = button("Fill in", self._go, primary=True, tip="One step of undo")
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("From the dose report", role="title"))
        layout.addWidget(PlainLabel(_head(proposal), role="quiet", wrap=True))
        layout.addWidget(self.table, 1)
        for finding in proposal.findings:
            mark = SEVERITY_MARKS[finding.severity.value]
            layout.addWidget(PlainLabel(f"{mark.shape} {finding.text}", wrap=True))
        layout.addWidget(PlainLabel(f"Air kerma is the {LABEL}. Planes are summed.", role="quiet", wrap=True))
        layout.addWidget(self.problem)
        layout.addWidget(
            row(self.go, button("Another file…", lambda: self._another(other)), button("Cancel", self.reject))
        )
        sized(self, 62, 24)

    @staticmethod
    def _offer_to_replace(item: QTableWidgetItem | None) -> None:
        if item is not None:
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)

    def replacing(self) -> tuple[str, ...]:
        """Fields whose tick says that the typed number is to be replaced."""
        ticked = []
        for line, each in enumerate(self._rows):
            item = self.table.item(line, ACT_COLUMN)
            if item is not None and item.checkState() == Qt.CheckState.Checked:
                ticked.append(each.field)
        return tuple(ticked)

    def _go(self) -> None:
        refusal = self._fill(self.replacing())
        if refusal is None:
            self.accept()
        else:
            self.problem.setText(refusal)

    def _another(self, other: Callable[[], object]) -> None:
        self.reject()
        other()


def _head(proposal: DoseProposal) -> str:
    report = proposal.report
    source = report.entry.source
    when = (report.acquired_at or "an unknown day").replace("T", " ")[:16]
    point = f"; reference point: {report.reference_point}" if report.reference_point else ""
    device = f"{source.patient_name or 'no name'}, ID {source.patient_id or 'unknown'}"
    return f"{device} · of {when} · {len(report.events)} irradiations{point}\n{report.entry.files[0].name}"


def _cells(each: DoseRow) -> tuple[str, ...]:
    planes = " + ".join(f"{name} {shown(value, each.unit)}" for name, value in each.planes)
    typed = "–" if each.typed is None else shown(each.typed, each.unit)
    apart = "–" if each.difference_percent is None else f"{each.difference_percent:+.1f} %"
    act = FILLED if each.fills else REPLACED if each.difference_percent not in (None, 0.0) else SAME
    return each.label, shown(each.told, each.unit), planes, typed, apart, act
