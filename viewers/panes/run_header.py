"""The menus over a DSA pane: run, subtraction, pixel shift, picture, playing."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QMenu, QWidget

from viewers.panes.pane_frame import ElidedButton, HeaderButton
from viewers.panes.run_pane import RunPane
from viewers.panes.run_table import RunTableDialog
from viewers.panes.run_tools_menu import IDLE, SHORT, fill_measure
from viewers.scene.run_text import run_title
from viewers.scene.slice_text import shown_date
from viewers.state.run_playback import SPEEDS
from viewers.state.run_settings import MASK_NAMES, METHOD_NAMES, PICTURE_NAMES, SHIFT_NAMES
from viewers.state.run_state import LINK_NAMES
from viewers.state.signals import Subscriptions

NARROW_EM = 34.0
"""A pane narrower than so many heights of its font shortens its buttons."""
NARROW_PICTURES = {"frame": "Frame", "opacified": "Opac.", "time-to-peak": "TTP"}
NARROW_IDLE = "Tools"
SHORT_SHIFTS = {"none": "No shift", "manual": "By hand", "rigid": "Auto", "flexible": "Flexible"}


class RunHeader:
    """Keeps six menus in step with a pane.

    Attributes
    ----------
    table
        The run table while it is open, or the last one.
    """

    def __init__(self, pane: RunPane) -> None:
        self._pane = pane
        self.table: RunTableDialog | None = None
        self._title = ""
        self.run = ElidedButton("Run shown in this pane", pane)
        self.subtraction = HeaderButton("Subtraction and mask (V: subtracted or native)", pane)
        self.shift = HeaderButton("Pixel shift (Alt+arrows 0.1 px, Shift+arrows 1 px)", pane)
        self.picture = HeaderButton("Frames (with O: opacified, with T: time to peak)", pane)
        self.play = HeaderButton("Playing (Space; + and - for the rate)", pane)
        self.measure = HeaderButton("Measure, write, calibrate, keep frames", pane)
        for button, fill in (
            (self.run, self._fill_runs),
            (self.subtraction, self._fill_subtraction),
            (self.shift, self._fill_shift),
            (self.picture, self._fill_picture),
            (self.play, self._fill_play),
            (self.measure, lambda menu: fill_measure(pane, menu, self._add)),
        ):
            menu = QMenu(button)
            menu.setToolTipsVisible(True)
            menu.aboutToShow.connect(lambda menu=menu, fill=fill: (menu.clear(), fill(menu)))
            button.setMenu(menu)
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            pane.shown.connect(self.refresh),
            pane.pane_state.playback.loop.changed.connect(self._changed),
        )
        self.refresh()

    @property
    def widgets(self) -> tuple[QWidget, ...]:
        return self.run, self.subtraction, self.shift, self.picture, self.play, self.measure

    def release(self) -> None:
        self._subscriptions.release()

    def refresh(self) -> None:
        """Write what is chosen on the buttons."""
        pane, settings = self._pane, self._pane.pane_state.settings.value
        run = pane.run
        # In a narrow pane every button keeps whole words, and the run its name.
        narrow = pane.isVisible() and pane.width() < NARROW_EM * pane.fontMetrics().height()
        speed = f"×{pane.pane_state.playback.speed.value:g}"
        subtracted = "Sub." if narrow else f"Sub. {settings.method}"
        texts = (
            (self.subtraction, subtracted if pane.analysis.is_subtracted else "Native"),
            (self.shift, SHORT_SHIFTS[settings.shift]),
            (self.picture, NARROW_PICTURES[settings.picture] if narrow else PICTURE_NAMES[settings.picture]),
            (self.play, speed if narrow else f"Rate {speed}"),
            (self.measure, SHORT.get(pane.pane_state.arm.value, NARROW_IDLE if narrow else IDLE)),
        )
        title = "No run" if run is None else f"{run_title(run)} · {shown_date(run.source.study_date)}".rstrip(" ·")
        if title != self._title:
            self._title = title
            self.run.set_whole_text(title)
        for button, text in texts:
            if button.text() != text:
                button.setText(text)

    def _changed(self, value: object) -> None:
        del value
        self.refresh()

    # Menus

    def _add(
        self, menu: QMenu, text: str, chosen: bool, act: Callable[[], object], *, enabled: bool = True, tip: str = ""
    ) -> None:
        action = self.run.add_choice(menu, text, chosen)
        action.setEnabled(enabled)
        action.setToolTip(tip or text)
        action.triggered.connect(lambda *_: act())

    def _fill_runs(self, menu: QMenu) -> None:
        pane = self._pane
        for line in pane.runs.lines:
            number = f"run {line.facts.instance_number}" if line.facts.instance_number is not None else ""
            series = f"#{line.source.series_number}" if line.source.series_number is not None else ""
            parts = (series, number, line.source.description or "", shown_date(line.source.study_date))
            title = " · ".join(part for part in parts if part) or line.key
            self._add(menu, title, line.key == pane.run_key, lambda key=line.key: pane.pane_state.run.set(key))
        menu.addSeparator()
        self._add(menu, "Run table…", False, self.open_table, enabled=bool(pane.runs.lines))
        asked, known = pane.state.run_ct.asked, pane.run is not None
        for text, act in (("Open presentation state…", "open-state"), ("Save presentation state…", "save-state")):
            self._add(menu, text, False, lambda act=act: asked.emit(act, pane.spec.id), enabled=known)

    def open_table(self) -> None:
        """All runs with what is known of each."""
        pane = self._pane
        self.table = RunTableDialog(pane.runs.lines, pane.run_key, pane.pane_state.run.set, pane)
        self.table.open()

    def _fill_subtraction(self, menu: QMenu) -> None:
        pane, state = self._pane, self._pane.pane_state
        settings, mask = state.settings.value, self._pane.analysis.mask
        on = pane.analysis.is_subtracted
        self._add(menu, "Native (V)", not on, lambda: state.change(subtracted=False, picture="frame"))
        for method, name in METHOD_NAMES.items():
            chosen = on and settings.method == method
            self._add(menu, f"Subtracted, {name}", chosen, lambda method=method: self._subtract(method))
        menu.addSection("Mask")
        by_hand = tuple(dict.fromkeys(settings.mask_frames))
        for source, name in MASK_NAMES.items():
            if source == "module" and (pane.run is None or not pane.run.masks):
                continue
            enabled = source != "operator" or bool(by_hand)
            text = name if source != "operator" or enabled else f"{name} (drag on the frame strip)"
            self._add(
                menu, text, settings.mask == source, lambda source=source: state.change(mask=source), enabled=enabled
            )
        if mask is not None:
            menu.addSeparator()
            reason = menu.addAction(mask.choice.reason.replace("&", "&&"))
            reason.setEnabled(False)
        menu.addSeparator()
        self._add(menu, "Inverted (I)", settings.inverted, lambda: state.change(inverted=not settings.inverted))
        self._add(menu, "Reset window (0)", False, lambda: state.change(native_window=None, contrast_window=None))

    def _subtract(self, method: str) -> None:
        """Another method has another unit: its window is found anew."""
        state = self._pane.pane_state
        window = state.settings.value.contrast_window if state.settings.value.method == method else None
        state.change(subtracted=True, method=method, contrast_window=window)

    def _fill_shift(self, menu: QMenu) -> None:
        pane, state = self._pane, self._pane.pane_state
        settings = state.settings.value
        for shift, name in SHIFT_NAMES.items():
            self._add(menu, name, settings.shift == shift, lambda shift=shift: state.change(shift=shift))
        menu.addSeparator()
        only = state.single_frame_shift
        self._add(menu, "Arrows move this frame only", only.value, lambda: only.set(not only.value))
        reset = settings.shift == "manual" and bool(settings.manual_px)
        self._add(menu, "Reset shift by hand", False, lambda: state.change(manual_px=()), enabled=reset)
        if pane.analysis.message:
            self._add(menu, "Try again", False, pane.analysis.again)

    def _fill_picture(self, menu: QMenu) -> None:
        state = self._pane.pane_state
        for picture, name in PICTURE_NAMES.items():
            chosen = state.settings.value.picture == picture
            self._add(menu, name, chosen, lambda picture=picture: state.change(picture=picture))
        menu.addSeparator()
        self._add(
            menu, "Curves (C)", state.curves_shown.value, lambda: state.curves_shown.set(not state.curves_shown.value)
        )
        self._add(menu, "Draw a region (E)", state.arm.value == "region", lambda: self._pane.tools.arm("region"))

    def _fill_play(self, menu: QMenu) -> None:
        pane, playback = self._pane, self._pane.pane_state.playback
        self._add(menu, "Stop" if playback.playing.value else "Play (Space)", False, playback.toggle)
        menu.addSeparator()
        for speed in SPEEDS:
            text = "As recorded" if speed == 1.0 else f"×{speed:g}"
            self._add(menu, text, playback.speed.value == speed, lambda speed=speed: playback.use_speed(speed))
        menu.addSeparator()
        self._add(menu, "Loop (L)", playback.loop.value, lambda: playback.loop.set(not playback.loop.value))
        menu.addSection("Runs beside each other")
        for mode, name in LINK_NAMES.items():
            self._add(menu, name, pane.runs.link.value == mode, lambda mode=mode: pane.runs.link.set(mode))
