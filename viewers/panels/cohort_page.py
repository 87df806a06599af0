"""The cohort over all cases of the library: filters, a table, and below it plots and counts of the same cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSplitter, QTabWidget, QVBoxLayout, QWidget

from planner.app.cohort import Cohort, CohortRow
from planner.app.cohort_tables import (
    filtered,
    thresholds,
    waterfall_bars,
    waterfall_criteria,
)
from viewers.panels.cohort_counts import CountsView, show_complications, show_months, show_responses
from viewers.panels.cohort_filters import CohortFilters
from viewers.panels.cohort_table import CohortTable, case_name
from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button, panel
from viewers.panels.plot_canvas import PlotCanvas
from viewers.panels.plot_legend import PlotLegend
from viewers.panels.plot_parts import Plot
from viewers.panels.plot_swimmer import SwimmerPlot
from viewers.panels.plot_waterfall import WaterfallPlot
from viewers.panels.timeline_content import CRITERIA
from viewers.state import theme

KEY = "Ctrl+Shift+K"
READING = "Reading the cases of the library …"
SIMULATED = "SIMULATED: teaching data, no patients. Real cases are not among these."


@dataclass(frozen=True, slots=True)
class CohortActs:
    """What the page asks for; `read` with True reads the simulated cases alone."""

    read: Callable[[bool], object]
    open_case: Callable[[str], object]
    export: Callable[[], object]
    picture: Callable[[Plot], object]
    leave: Callable[[], object]
    titles: Callable[[], dict[str, str]]


class PlotView(QWidget):
    """A plot with its title, what can be chosen for it, legend and notes."""

    def __init__(self, picture: Callable[[Plot], object], open_case: Callable[[str], object]) -> None:
        super().__init__()
        self.canvas = PlotCanvas()
        self.canvas.opened.connect(open_case)
        self.canvas.picture_wanted.connect(self._save)
        self._picture = picture
        self.title = PlainLabel("", role="section")
        self.choices = QHBoxLayout()
        self.saver = button("Save as PNG…", self._save, tip="With units, legend, limits, and date; also right click")
        self.legend = PlotLegend()
        self.notes = PlainLabel("", role="quiet", wrap=True)
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch(1)
        head.addLayout(self.choices)
        head.addWidget(self.saver)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.legend)
        layout.addWidget(self.notes)

    def show_plot(self, plot: Plot | None, empty: str) -> None:
        self.canvas.show_plot(plot, empty)
        self.title.setText(plot.title if plot is not None else "")
        self.legend.show_entries(plot.legend if plot is not None else ())
        self.notes.setText(" · ".join(plot.notes) if plot is not None else "")
        self.saver.setEnabled(plot is not None)

    def _save(self) -> None:
        if self.canvas.plot is not None:
            self._picture(self.canvas.plot)


class CohortPage(QWidget):
    """Shows a `Cohort`. Esc leaves it.

    Attributes
    ----------
    cohort, shown
        Everything that was read, and what the filters take of it.
    """

    def __init__(self, acts: CohortActs) -> None:
        super().__init__()
        self._acts = acts
        self.cohort: Cohort | None = None
        self.shown: Cohort | None = None
        self._wanted_criteria: str | None = None
        self.summary = PlainLabel("")
        self.banner = PlainLabel(SIMULATED)
        self.findings = PlainLabel("", wrap=True)
        self.filters = CohortFilters(self.refresh)
        self.simulated = QCheckBox("Simulated cases only")
        self.simulated.toggled.connect(acts.read)
        self.named = QCheckBox("Names")
        self.named.setToolTip("Show names in the table and beside the lanes; pictures never have them")
        self.named.toggled.connect(lambda _: self.refresh())
        self.again = button("Read again", lambda: acts.read(self.simulated.isChecked()), tip="F5")
        self.again.setShortcut("F5")
        self.exporter = button("Export as CSV…", acts.export, tip="The cases that are shown; names are left out")
        self.back = button("Library", acts.leave, tip=f"Esc, or {KEY}")
        self.table = CohortTable()
        self.table.opened.connect(acts.open_case)
        self.waterfall = PlotView(acts.picture, acts.open_case)
        self.swimmer = PlotView(acts.picture, acts.open_case)
        self.criteria, self.by = QComboBox(), QComboBox()
        self.whole = QCheckBox("All at once")
        self.responses, self.complications, self.months = CountsView(), CountsView(), CountsView()
        self.tabs = QTabWidget()
        self._choices()
        self._build()
        self.show_cohort(None)

    def _choices(self) -> None:
        self.by.addItem("by case", False)
        self.by.addItem("by lesion", True)
        self.whole.setToolTip("F in the plot")
        for box in (self.criteria, self.by):
            box.currentIndexChanged.connect(lambda *_: self._show_waterfall())
            self.waterfall.choices.addWidget(box)
        self.criteria.activated.connect(lambda *_: self._keep_criteria())
        self.waterfall.choices.addWidget(self.whole)
        self.whole.toggled.connect(self.waterfall.canvas.show_whole)
        self.waterfall.canvas.installEventFilter(self)
        for canvas in (self.waterfall.canvas, self.swimmer.canvas):
            canvas.chosen.connect(self.choose)
        self.table.chosen.connect(self.choose)

    def _build(self) -> None:
        top, top_layout = panel()
        head = QHBoxLayout()
        head.addWidget(PlainLabel("Cohort", role="title"))
        head.addSpacing(10)
        head.addWidget(self.summary, 1)
        for widget in (self.named, self.simulated, self.again, self.exporter, self.back):
            head.addWidget(widget)
        top_layout.addLayout(head)
        colour(self.banner, ground=theme.SIMULATED_DEEP)
        self.banner.setContentsMargins(8, 3, 8, 3)
        colour(self.findings, text=theme.WARN)
        for part in (self.banner, self.filters, self.findings):
            top_layout.addWidget(part)
        for view, title in (
            (self.waterfall, "Waterfall"),
            (self.swimmer, "Swimmer"),
            (self.responses, "Responses"),
            (self.complications, "Complications"),
            (self.months, "Months"),
        ):
            self.tabs.addTab(view, title)
        self.tabs.setDocumentMode(True)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.table)
        splitter.addWidget(self.tabs)
        splitter.setStretchFactor(0, 2)
        splitter.setStretchFactor(1, 3)
        splitter.setSizes([240, 360])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(top)
        layout.addWidget(splitter, 1)

    def show_reading(self) -> None:
        """Cases are being read; what is shown is from before."""
        self.summary.setText(READING)
        if self.cohort is None:
            self._say_why(READING)

    def show_cohort(self, found: Cohort | None, why: str = "") -> None:
        """Show a cohort; None with the reason why there is none."""
        self.cohort = found
        self.filters.offer(found.rows if found is not None else (), self._acts.titles())
        self.banner.setVisible(found is not None and found.simulated)
        texts = [each.text for each in found.findings] if found is not None else []
        self.findings.setText("\n".join(f"▲ {each}" for each in texts[:3]) + _more(len(texts) - 3))
        self.findings.setVisible(bool(texts))
        self.refresh()
        if found is None:
            self.summary.setText(why)
            self._say_why(why)

    def _say_why(self, why: str) -> None:
        """Nothing was read yet: every view says so, none says n = 0."""
        for view in (self.waterfall, self.swimmer):
            view.show_plot(None, why)
        for counts in (self.responses, self.complications, self.months):
            counts.show_counts(why, (), ())

    def refresh(self) -> None:
        """Show the cases that the filters take."""
        found, chosen = self.cohort, self.filters.chosen()
        self.shown = filtered(found, chosen) if found is not None else None
        rows = self.shown.rows if self.shown is not None else ()
        if found is not None:
            word = "case" if len(found.rows) == 1 else "cases"
            kind = f"simulated {word}" if found.simulated else word
            left = f" · {found.untreated} more without a performed session" if found.untreated else ""
            all_of = f"n = {len(rows)}" if len(rows) == len(found.rows) else f"n = {len(rows)} of {len(found.rows)}"
            self.summary.setText(f"{all_of} {kind} with a performed session{left}")
        self.exporter.setEnabled(bool(rows))
        self.table.show_names(self.named.isChecked())
        self.table.show_rows(rows)
        self._offer_criteria(rows)
        self._show_waterfall()
        plot = SwimmerPlot(rows, self._label) if rows else None
        self.swimmer.show_plot(plot, self._empty())
        if found is not None:
            show_responses(self.responses, rows)
            show_complications(self.complications, rows, chosen)
            show_months(self.months, rows, chosen)
        chosen_case = self.table.current_case()
        if chosen_case is not None:
            self.choose(chosen_case)

    def _empty(self) -> str:
        if self.cohort is None:
            return self.summary.text()
        if self.cohort.rows:
            return "n = 0: no case fits these filters. “All cases” takes them away."
        if self.cohort.simulated:
            return "n = 0: no simulated case has a performed session."
        return (
            "n = 0: no case of the library has a performed session yet. Teaching cases are never counted among real "
            "ones; “Simulated cases only” shows them."
        )

    def _label(self, case: CohortRow) -> str:
        return f"{case.code} {case_name(case)}" if self.named.isChecked() else case.code

    def _keep_criteria(self) -> None:
        """What a person chose is kept while filters change; without a choice the most frequent criteria are shown."""
        self._wanted_criteria = self.criteria.currentData()

    def _offer_criteria(self, rows: tuple[CohortRow, ...]) -> None:
        wanted = waterfall_criteria(rows)
        if [self.criteria.itemData(each) for each in range(self.criteria.count())] == list(wanted):
            return
        self.criteria.blockSignals(True)
        self.criteria.clear()
        for each in wanted:
            self.criteria.addItem(CRITERIA.get(each, each), each)
        self.criteria.setCurrentIndex(max(0, self.criteria.findData(self._wanted_criteria)))
        self.criteria.blockSignals(False)

    def _show_waterfall(self) -> None:
        rows = self.shown.rows if self.shown is not None else ()
        criteria = self.criteria.currentData()
        if criteria is None:
            none = "n = 0: of no case that is shown a change from the baseline was read and signed."
            self.waterfall.show_plot(None, none if rows else self._empty())
            return
        bars = waterfall_bars(rows, criteria, by_lesion=self.by.currentData())
        cases = len({each.case_id for each in bars})
        rest = f" of {cases} cases" if self.by.currentData() else ""
        if len(rows) > cases:
            rest += f" (of {len(rows)} shown; {len(rows) - cases} without a change by it)"
        unit = "lesions" if self.by.currentData() else "cases"
        plot = WaterfallPlot(bars, thresholds(criteria), CRITERIA.get(criteria, criteria), unit=unit, rest=rest)
        self.waterfall.show_plot(plot, "")

    def choose(self, case_id: str) -> None:
        """One case is chosen in the table and in both plots."""
        self.table.choose(case_id)
        for view in (self.waterfall, self.swimmer):
            if view.canvas.chosen_case != case_id:
                view.canvas.choose(case_id)

    def said(self) -> tuple[str, ...]:
        """What a picture has to say of the cases in it."""
        words = self.filters.said()
        return (f"Only: {words}",) if words else ()

    def picture_plot(self, plot: Plot) -> Plot:
        """A plot as it may leave the house: without names."""
        return SwimmerPlot([each.row for each in plot.lanes], _code) if isinstance(plot, SwimmerPlot) else plot

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """F in the plot and the tick box say the same."""
        if event.type() is QEvent.Type.KeyRelease and watched is self.waterfall.canvas:
            self.whole.setChecked(self.waterfall.canvas.whole)
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._acts.leave()
            return
        super().keyPressEvent(event)


def _code(case: CohortRow) -> str:
    return case.code


def _more(count: int) -> str:
    return f"\nand {count} more" if count > 0 else ""
