"""The user's own rows of the catalogue of applicators: read off a maker's chart or a paper, each with its citation.

Enter changes nothing here: no button is a default button.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QGridLayout,
    QLineEdit,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from planner.clinical.constants import TAG_ORDER
from planner.planning.device_reading import DEVICE_KEYS, ENERGY_KEYS, PREPARATIONS, ROW_KEYS
from planner.planning.devices import ENERGIES, ChartRow, Device
from viewers.panels.parts import PlainLabel, button, row, sized
from viewers.panels.tables import text_table

HELP = (
    "A row says what one chart or paper gives for one setting. Its source is mandatory; what the source does not say "
    "stays empty, which means unknown. Axes are diameters in mm, along and across the shaft."
)
NEW_DEVICE = "A new device…"
HEADINGS = ("Setting", "Along × across", "Tissue", "Source", "Whose")
WORDS = {
    "id": "Name of the setting *", "tissue": "Tissue *", "preparation": "Measured *", "power_w": "Power (W)",
    "freeze_min": "Freeze (min)", "voltage_v": "Voltage (V)", "time_min": "Time (min)", "isotherm_c": "Isotherm (°C)",
    "applicators": "Applicators together", "spacing_mm": "Their spacing (mm)", "long_mm": "Along the shaft (mm)",
    "short_mm": "Across it (mm)", "sd_long_mm": "SD along (mm)", "sd_short_mm": "SD across (mm)",
    "volume_ml": "Volume (mL)", "tip_offset_mm": "Far end beyond tip (mm)", "note": "Note",
    "source": "Source: chart or paper, page *", "doi": "DOI", "tag": "How it was read *",
}  # fmt: skip
DEVICE_WORDS = {
    "id": "Short name *", "title": "Title *", "maker": "Maker", "energy": "Energy *", "applicator": "Applicator *",
    "gauge": "Gauge (17 G)", "diameter_mm": "Diameter (mm)", "usable_length_mm": "Usable length (mm)",
    "spacing_low_mm": "Spacing from (mm)", "spacing_high_mm": "Spacing to (mm)",
    "maximum_applicators": "At most together", "source": "Source: maker's document *", "doi": "DOI",
    "tag": "How it was read *",
}  # fmt: skip
TAGS = {
    "S": "S · read in the source",
    "S2": "S2 · read in a secondary source",
    "M": "M · from memory",
    "P": "P · practice",
}


@dataclass(frozen=True, slots=True)
class DeviceActs:
    """What the dialog asks for.

    Attributes
    ----------
    devices
        The catalogue as it is.
    save_row, save_device, remove_row
        A sentence when it was refused.
    """

    devices: Callable[[], Mapping[str, Device]]
    save_row: Callable[[str, Mapping[str, Any]], str | None]
    save_device: Callable[[Mapping[str, Any]], str | None]
    remove_row: Callable[[str, str], str | None]


class DeviceDialog(QDialog):
    """Rows of a device above, a form for one row below.

    Parameters
    ----------
    device
        Shown first.
    """

    def __init__(self, acts: DeviceActs, device: str | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._acts = acts
        self._removed: tuple[str, dict[str, Any]] | None = None
        self.setWindowTitle("Device rows")
        self.device = QComboBox()
        self.table: QTableWidget = text_table(HEADINGS, [], wide=3)
        self.table.itemSelectionChanged.connect(self._selected)
        self.head_fields, self.head = _form(DEVICE_WORDS, DEVICE_KEYS)
        self.fields, form = _form(WORDS, ROW_KEYS)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self.save = button("Add or replace this row", self._save, primary=True)
        self.remove = button("Take the selected row away", self._remove, tip="Only rows of your own")
        self.back = button("Put it back", self._put_back)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.addWidget(self.head)
        column.addWidget(PlainLabel("Row", role="section"))
        column.addWidget(form)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("Device rows", role="title"))
        layout.addWidget(PlainLabel(HELP, role="quiet", wrap=True))
        layout.addWidget(self.device)
        layout.addWidget(self.table, 2)
        layout.addWidget(row(self.remove, self.back))
        layout.addWidget(scroll, 3)
        layout.addWidget(self.problem)
        layout.addWidget(row(self.save, button("Close", self.reject)))
        self.device.activated.connect(lambda *_: self._show())
        self._fill_devices(device)
        sized(self, 62, 44)

    def _fill_devices(self, chosen: str | None) -> None:
        self.device.clear()
        for each in self._acts.devices().values():
            if not each.simulated:
                self.device.addItem(f"{each.title} ({ENERGIES[each.energy]})", each.id)
        self.device.addItem(NEW_DEVICE, None)
        self.device.setCurrentIndex(max(0, self.device.findData(chosen)))
        self._show()

    @property
    def _device(self) -> Device | None:
        return self._acts.devices().get(self.device.currentData() or "")

    def _show(self) -> None:
        known = self._device
        self.head.setVisible(known is None)
        rows = () if known is None else known.rows
        self.table.setRowCount(len(rows))
        for line, each in enumerate(rows):
            for column, text in enumerate(_cells(each)):
                self.table.setItem(line, column, QTableWidgetItem(text))
        self.table.clearSelection()
        self._selected()

    def _chosen(self) -> ChartRow | None:
        known, line = self._device, self.table.currentRow()
        if known is None or not self.table.selectedItems() or not 0 <= line < len(known.rows):
            return None
        return known.rows[line]

    def _selected(self) -> None:
        """A row of one's own comes into the form; a shipped one is only looked at."""
        found = self._chosen()
        self.remove.setEnabled(found is not None and found.by_user)
        self.back.setVisible(self._removed is not None)
        if found is not None and found.by_user:
            for key, field in self.fields.items():
                _put(field, getattr(found, key))

    def _save(self) -> None:
        entry, wrong = _values(self.fields, ROW_KEYS, WORDS)
        known = self._device
        if known is not None:
            refusal = wrong or self._acts.save_row(known.id, entry)
            chosen: str | None = known.id
        else:
            head, wrong_head = _values(self.head_fields, DEVICE_KEYS, DEVICE_WORDS)
            refusal = wrong_head or wrong or self._acts.save_device({**head, "row": [entry]})
            chosen = str(head.get("id", ""))
        self._told(refusal, chosen)

    def _remove(self) -> None:
        known, found = self._device, self._chosen()
        if known is None or found is None:
            return
        kept = {key: getattr(found, key) for key in ROW_KEYS if getattr(found, key) not in (None, "")}
        refusal = self._acts.remove_row(known.id, found.id)
        if refusal is None:
            self._removed = known.id, kept
        self._told(refusal, known.id)

    def _put_back(self) -> None:
        if self._removed is not None:
            (name, kept), self._removed = self._removed, None
            self._told(self._acts.save_row(name, kept), name)

    def _told(self, refusal: str | None, chosen: str | None) -> None:
        self.problem.setText(refusal or "")
        if refusal is None:
            self._fill_devices(chosen)


def _cells(each: ChartRow) -> tuple[str, ...]:
    axes = each.not_drawable or f"{each.long_mm:g} × {each.short_mm:g} mm"
    whose = f"yours, {each.seen_by}" if each.by_user else "shipped"
    return each.id, axes, f"{each.preparation} {each.tissue}", f"{each.source} [{each.tag}]", whose


def _form(words: Mapping[str, str], keys: Mapping[str, str]) -> tuple[dict[str, QLineEdit | QComboBox], QWidget]:
    """An editor for each key, in two columns."""
    holder = QWidget()
    grid = QGridLayout(holder)
    grid.setContentsMargins(0, 0, 0, 0)
    fields: dict[str, QLineEdit | QComboBox] = {}
    for number, key in enumerate(each for each in keys if each in words):
        field = _editor(key)
        field.setAccessibleName(words[key])
        fields[key] = field
        grid.addWidget(PlainLabel(words[key], role="quiet"), number // 2, 2 * (number % 2))
        grid.addWidget(field, number // 2, 2 * (number % 2) + 1)
    return fields, holder


def _editor(key: str) -> QLineEdit | QComboBox:
    choices: dict[str, Sequence[tuple[str, str]]] = {
        "preparation": [(each, each) for each in PREPARATIONS if each != "simulated"],
        "energy": [(each, ENERGIES[each]) for each in ENERGY_KEYS],
        "tag": [(each, TAGS.get(each, each)) for each in TAG_ORDER if each in TAGS],
    }
    if key not in choices:
        return QLineEdit()
    box = QComboBox()
    box.addItem("", None)
    for code, label in choices[key]:
        box.addItem(label, code)
    return box


def _put(field: QLineEdit | QComboBox, value: object) -> None:
    if isinstance(field, QComboBox):
        field.setCurrentIndex(max(0, field.findData(value)))
    else:
        field.setText("" if value is None else f"{value:g}" if isinstance(value, float) else str(value))


def _values(
    fields: Mapping[str, QLineEdit | QComboBox], keys: Mapping[str, str], words: Mapping[str, str]
) -> tuple[dict[str, Any], str | None]:
    """What was filled in, and a sentence for a number that is none."""
    found: dict[str, Any] = {}
    for key, field in fields.items():
        text = str(field.currentData() or "") if isinstance(field, QComboBox) else field.text().strip()
        if not text:
            continue
        if keys[key] == keys["id"]:
            found[key] = text
            continue
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            return found, f"{words[key].rstrip(' *')}: {text!r} is no number."
        found[key] = int(number) if number.is_integer() and "whole" in keys[key] else number
    return found, None
