"""The menus over an MPR pane: series, window preset, slab."""

from __future__ import annotations

from PySide6.QtWidgets import QMenu, QWidget

from planner.imaging import Volume
from planner.imaging.slicing import SLAB_MODES
from planner.imaging.window import presets
from viewers.panes.mpr_pane import MprPane
from viewers.panes.pane_frame import ElidedButton, HeaderButton
from viewers.scene.slice_text import one_line, shown_date
from viewers.state.pane_state import SLAB_NAMES, SLAB_STEPS_MM, Slab
from viewers.state.signals import Subscriptions

PHASE_NAMES: dict[str | None, str] = {
    "non-contrast": "Non-contrast",
    "arterial": "Arterial",
    "portal-venous": "Portal venous",
    "delayed": "Delayed",
    None: "Unknown",
}


def series_title(volume: Volume) -> str:
    """``arterial · CT #4 Abdomen 1.0 · 2024-03-12`` of what is known."""
    source = volume.source
    number = f"#{source.series_number}" if source.series_number is not None else ""
    what = " ".join(part for part in (one_line(source.modality), number, one_line(source.description)) if part)
    parts = (one_line(source.phase_text), what, shown_date(source.study_date))
    return " · ".join(part for part in parts if part) or "unnamed series"


class MprHeader:
    """Keeps three menus in step with a pane."""

    def __init__(self, pane: MprPane) -> None:
        self._pane = pane
        self.series = ElidedButton("Series shown in this pane", pane)
        self.preset = HeaderButton("Window preset (keys 1-9, 0 from the file)", pane)
        self.slab = HeaderButton("Slab thickness (Shift+wheel) and projection (M)", pane)
        for button, fill in (
            (self.series, self._fill_series),
            (self.preset, self._fill_presets),
            (self.slab, self._fill_slabs),
        ):
            menu = QMenu(button)
            menu.aboutToShow.connect(lambda menu=menu, fill=fill: fill(menu))
            button.setMenu(menu)
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            pane.state.images.changed.connect(self.refresh),
            pane.state.window_changed.connect(self._changed),
            pane.pane_state.series.changed.connect(self._changed),
            pane.pane_state.slab.changed.connect(self._changed),
        )
        self.refresh()

    @property
    def widgets(self) -> tuple[QWidget, ...]:
        return self.series, self.preset, self.slab

    def release(self) -> None:
        self._subscriptions.release()

    def refresh(self) -> None:
        """Write what is chosen on the buttons."""
        pane = self._pane
        volume, series = pane.volume, pane.series
        self.series.set_whole_text("No images" if volume is None else series_title(volume))
        window = None if series is None or volume is None else pane.state.window(series)
        names = {"file": "From file", "manual": "Manual"}
        self.preset.setText("" if window is None else (window.name or names.get(window.mode, "")))
        self.slab.setText(pane.pane_state.slab.value.text or "Slice")

    def _changed(self, value: object) -> None:
        del value
        self.refresh()

    def _fill_series(self, menu: QMenu) -> None:
        menu.clear()
        pane = self._pane
        roles = {key: role for role, key in pane.state.images.roles.items()}
        for key, volume in pane.state.images.volumes.items():
            title = series_title(volume) + (f" ({roles[key]})" if key in roles else "")
            action = self.series.add_choice(menu, title, key == pane.series)
            action.triggered.connect(lambda checked, key=key: pane.pane_state.series.set(key))

        if pane.volume is not None and pane.series is not None and pane.state.images.phase_is_kept:
            menu.addSeparator()
            self._fill_phases(menu.addMenu("Contrast phase of this series"), pane.series, pane.volume)

    def _fill_phases(self, menu: QMenu, series: str, volume: Volume) -> None:
        """What a person sets stands above what tags and image say."""
        source, images = volume.source, self._pane.state.images
        for phase, name in PHASE_NAMES.items():
            chosen = source.phase == phase and (phase is not None or source.phase_from == "operator")
            action = self.series.add_choice(menu, name, chosen)
            action.triggered.connect(lambda checked, phase=phase: images.phase_asked.emit(series, phase))

    def _fill_presets(self, menu: QMenu) -> None:
        menu.clear()
        pane = self._pane
        series, volume = pane.series, pane.volume
        if series is None or volume is None:
            return
        window = pane.state.window(series)
        own = self.preset.add_choice(menu, "0  From the file", window.mode == "file")
        own.triggered.connect(lambda checked: pane.state.use_file_window(series))
        for preset in presets():
            fits = preset.unit == volume.source.unit if preset.unit is not None else volume.source.unit != "HU"
            if fits or preset.key == "automatic":
                name = f"{preset.digit if preset.digit is not None else ' '}  {preset.name}"
                action = self.preset.add_choice(menu, name, window.name == preset.name)
                action.triggered.connect(lambda checked, key=preset.key: pane.state.use_preset(series, key))

    def _fill_slabs(self, menu: QMenu) -> None:
        menu.clear()
        slab = self._pane.pane_state.slab
        for mode in SLAB_MODES:
            action = self.slab.add_choice(menu, SLAB_NAMES[mode], slab.value.mode == mode)
            action.triggered.connect(lambda checked, mode=mode: slab.set(Slab(slab.value.thickness_mm, mode)))
        menu.addSeparator()
        for thickness in SLAB_STEPS_MM:
            name = f"{thickness:g} mm" if thickness > 0.0 else "Slice"
            action = self.slab.add_choice(menu, name, slab.value.thickness_mm == thickness)
            action.triggered.connect(lambda checked, mm=thickness: slab.set(Slab(mm, slab.value.mode)))
