"""The picture of a DSA pane: a plain widget that paints a run, plays it, and hands events to its hands."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from planner.imaging.angio import AngioRun
from viewers.panes.desk import Desk
from viewers.panes.run_hands import RunHands
from viewers.panes.run_tools import RunTools
from viewers.scene.run_colours import peak_range
from viewers.scene.run_marks_painter import paint_run_marks
from viewers.scene.run_painter import PeakLegend, RunScene, paint_run, paint_run_scene, paint_words, run_image_of
from viewers.scene.run_picture import RunPicture, RunRequest, first_window, render, value_text
from viewers.scene.run_text import RunWords, shift_line
from viewers.scene.run_view import RunView
from viewers.state import theme
from viewers.state.jobs import LatestWins
from viewers.state.layouts import PaneSpec
from viewers.state.run_analysis import RunAnalysis
from viewers.state.run_link import LINK_WORDS, RunLink
from viewers.state.run_scale import NOT_CALIBRATED, RunScale
from viewers.state.run_state import RunPaneState
from viewers.state.signals import Signal, Subscriptions

NO_RUN = "No run yet: open a folder with XA or RF images, or choose a run above."
LOADING = "Loading the run…"
HINT = (
    "Space plays · ← → step · V native · Alt+arrows shift 0.1 px · O opacified · T time to peak · E region · "
    "D distance · W width · S stenosis · A arrow · N note · K key frame"
)
AFTER = "dsa-after"
SETTLE_MS = 250
"""So long after the last change of the settings, shifts, maps and curves are computed anew."""
LONGEST_TICK_MS = 1000


class RunPane(QWidget):
    """One run: frames subtracted or not, or a picture over the whole run.

    Parameters
    ----------
    spec
        Its place in the layout. Its role names the run of the session it opens with; while the session names none,
        the first run stands for the one before and the second for the one after.

    Attributes
    ----------
    shown
        Emitted when texts and menus around the pane may have to change.
    """

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec, self.desk, self.state = spec, desk, desk.state
        self.runs = desk.state.runs
        self.pane_state: RunPaneState = self.runs.pane(spec.id)
        self.analysis = RunAnalysis(desk.jobs, spec.id)
        self.shown: Signal[[]] = Signal()
        self.scale = NOT_CALIBRATED
        self.drawing: tuple[tuple[float, float], ...] = ()
        self.under_pointer = ""
        self._run: AngioRun | None = None
        self._image: QImage | None = None
        self.picture: RunPicture | None = None
        self._notice = ""
        self._hint_before = ""
        self._latest: LatestWins[RunRequest, RunPicture] = LatestWins(
            desk.renderers, desk.post, self._render, self._arrived, self._failed
        )
        self.link = RunLink(self.runs, spec.id)
        self._subscriptions = Subscriptions()
        self._beat = self._timer(0, self._tick)
        self._beat.setTimerType(Qt.TimerType.PreciseTimer)
        self._settle = self._timer(SETTLE_MS, self._wish)
        self.hands = RunHands(self)
        self.tools = RunTools(self)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("angiographic run")
        self._follow()
        self._take_run()

    def _timer(self, interval_ms: int, act: object) -> QTimer:
        made = QTimer(self)
        made.setSingleShot(True)
        made.setInterval(interval_ms)
        made.timeout.connect(act)
        return made

    # What it shows

    @property
    def run(self) -> AngioRun | None:
        return self._run

    @property
    def run_key(self) -> str | None:
        """The run chosen for this pane while the case knows it, else the one of its place."""
        known = [line.key for line in self.runs.lines]
        chosen = self.pane_state.run.value
        if chosen in known:
            return chosen
        return self.runs.key_for(self.spec.role, 2 if self.spec.role == AFTER else 1)

    @property
    def frame(self) -> int:
        return self.pane_state.playback.frame.value

    @property
    def shown_frame(self) -> int:
        """The frame of the picture on the screen: what is written beside it never runs ahead of it."""
        picture = self.picture
        of_run = picture is not None and picture.request.run is self._run and picture.request.whole is None
        return picture.request.frame if picture is not None and of_run else self.frame

    @property
    def is_settled(self) -> bool:
        """Nothing is waiting to be drawn or computed."""
        waits = self._settle.isActive() or self.tools.keeper.is_pending or self.analysis.is_working
        return self._latest.is_idle and not waits

    def view(self) -> RunView | None:
        """Where the pane looks now, or None without a run."""
        state, size = self.pane_state, (max(1, self.width()), max(1, self.height()))
        return None if self._run is None else RunView(*size, self._run.size_yx, state.zoom.value, state.pan_px.value)

    @property
    def is_subtracted(self) -> bool:
        """What is on the screen now is contrast, not stored values."""
        if self.pane_state.settings.value.picture != "frame":
            return True
        return self.analysis.is_subtracted and not self.tools.wants_native

    def window(self) -> tuple[float, float]:
        """(centre, width) of what is shown."""
        settings, analysis = self.pane_state.settings.value, self.analysis
        if self.is_subtracted and analysis.mask is not None:
            return settings.contrast_window or analysis.mask.contrast_window
        if settings.native_window is not None:
            return settings.native_window
        return analysis.prepared.native_window if analysis.prepared is not None else first_window(self._run)

    def set_window(self, centre: float, width: float) -> None:
        """By hand; of the subtracted or the native picture, whichever is shown."""
        name = "contrast_window" if self.is_subtracted else "native_window"
        self.pane_state.change(**{name: (centre, max(width, 1e-4))})

    # Drawing

    def request(self) -> RunRequest | None:
        """The picture that is wanted now; None without a run, or while a map is computed."""
        run, view = self._run, self.view()
        if run is None or view is None:
            return None
        settings, analysis, ratio = self.pane_state.settings.value, self.analysis, self.devicePixelRatioF()
        if settings.picture != "frame":
            maps = analysis.maps
            if maps is None:
                return None
            whole = maps.opacified if settings.picture == "opacified" else maps.time_to_peak
            return RunRequest(run, 0, view, self.window(), settings.inverted, whole=whole, ratio=ratio)
        mask = analysis.mask
        if mask is None or not self.is_subtracted:
            bright = settings.inverted == run.photometric_inverted
            return RunRequest(run, self.frame, view, self.window(), bright, ratio=ratio)
        return RunRequest(
            run,
            self.frame,
            view,
            self.window(),
            settings.inverted,
            masks=mask.masks,
            shift_xy_px=analysis.shift_of(self.frame),
            field=analysis.field_of(self.frame),
            level=analysis.level_of(self.frame),
            open_field=None if analysis.prepared is None else analysis.prepared.field,
            ratio=ratio,
        )

    def refresh(self) -> None:
        """Ask for the picture as it should be now; while one is drawn, only the newest wish waits."""
        if not self.isVisible():
            return
        request = self.request()
        if request is not None:
            self._latest.ask(request)
        else:
            self._latest.drop()
            self.update()

    def _render(self, request: RunRequest) -> RunPicture:
        return render(request, self.picture)

    def _arrived(self, request: RunRequest, picture: RunPicture) -> None:
        if request.run is not self._run:
            return
        self.picture, self._notice = picture, ""
        self._image = run_image_of(picture, request.ratio)
        self.update()

    def _failed(self, request: RunRequest, error: Exception) -> None:
        self._notice = f"Frame {request.frame + 1} could not be drawn: {error}"
        self.update()

    def scene(self) -> RunScene | None:
        """Everything above the pixels."""
        run, view = self._run, self.view()
        if run is None or view is None:
            return None
        state = self.pane_state
        return RunScene(
            view=view,
            run=run,
            settings=state.settings.value,
            words=self.words(),
            regions=state.regions.value,
            drawing=self.drawing,
            mm_per_px=self.scale.mm_per_px,
            scale_words=self.scale.plane,
            legend=self._legend(),
            notice=self._notice or self.analysis.message or self.analysis.waiting_words(),
            simulated=self.state.simulated.value,
            under_pointer=self.under_pointer,
        )

    def words(self) -> RunWords:
        """What the corners say beside the run's own facts."""
        state, analysis = self.pane_state, self.analysis
        playback, mask = state.playback, analysis.mask
        frame = self.shown_frame
        return RunWords(
            frame=frame,
            time_s=playback.time_s(frame),
            speed=playback.speed.value,
            playing=playback.playing.value,
            subtracted=self.is_subtracted,
            mask="" if mask is None else mask.text,
            shift=shift_line(analysis, state.settings.value.shift, frame),
            window=self.window(),
            calibration=self.scale.words,
            link=LINK_WORDS[self.runs.link.value] if self.link.others() else "",
        )

    def _legend(self) -> PeakLegend | None:
        maps = self.analysis.maps
        if self.pane_state.settings.value.picture != "time-to-peak" or maps is None:
            return None
        limits = peak_range(maps.time_to_peak)
        return None if limits is None else PeakLegend(*limits, maps.unit)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the latest picture where it belongs, and everything above it."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        scene = self.scene()
        if scene is None:
            paint_words(painter, QRectF(self.rect()), LOADING if self.run_key is not None else NO_RUN)
        else:
            if self._is_picture_shown():
                paint_run(painter, scene.view, self.picture, self._image)
            paint_run_scene(painter, scene)
            marks = self.tools.scene()
            if marks is not None:
                paint_run_marks(painter, marks)
        if self.hasFocus():
            painter.setPen(QColor(theme.ACCENT))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _is_picture_shown(self) -> bool:
        """A map is never shown while a frame is asked for, nor the other way round."""
        if self.picture is None or self._image is None or self.picture.request.run is not self._run:
            return False
        of_frames = self.picture.request.whole is None
        return of_frames == (self.pane_state.settings.value.picture == "frame")

    # Following the state

    def _follow(self) -> None:
        pane, playback = self.pane_state, self.pane_state.playback
        self._subscriptions.add(
            self.runs.changed.connect(self._take_run),
            pane.run.changed.connect(self._take_run),
            playback.frame.changed.connect(self._frame_changed),
            playback.playing.changed.connect(self._play_changed),
            playback.speed.changed.connect(self._play_changed),
            pane.settings.changed.connect(self._settings_changed),
            pane.regions.changed.connect(self._settings_changed),
            pane.zoom.changed.connect(self._changed),
            pane.pan_px.changed.connect(self._changed),
            pane.arm.changed.connect(self._arm_changed),
            self.state.simulated.changed.connect(self._changed),
            self.runs.link.changed.connect(self._changed),
            self.analysis.changed.connect(self._computed),
        )

    def release(self) -> None:
        """Stop following the state: the pane goes."""
        self.tools.release_all()
        self._subscriptions.release()
        self._beat.stop()
        self._settle.stop()
        self._latest.drop()
        self.link.release()
        self.analysis.close()

    def _take_run(self, chosen: object = None) -> None:
        """Show the run of this pane, or wait for it to be loaded."""
        del chosen
        key = self.run_key
        run = self.runs.run(key)
        if run is None and key is not None and self.isVisible():
            self.runs.ask(key)
        if run is not self._run:
            self.tools.keeper.flush()
            self._run, self.picture, self._image = run, None, None
            self.drawing, self.under_pointer = (), ""
            self.scale = NOT_CALIBRATED
            self.pane_state.show_run(key if run is not None else None, run)
            self.tools.run_taken()
            self._wish()
        self._changed(None)

    def _changed(self, value: object) -> None:
        del value
        self.refresh()
        self.update()
        self.shown.emit()

    def _frame_changed(self, frame: int) -> None:
        """The texts change with the picture, when it arrives."""
        del frame
        self.refresh()

    def _settings_changed(self, value: object) -> None:
        state = self.pane_state
        self.analysis.use(state.settings.value, state.regions.value)
        self._settle.start()
        self._changed(value)

    def _wish(self) -> None:
        """Compute what the present settings need; nothing while the pane is hidden."""
        if self.isVisible() or self._run is None:
            state = self.pane_state
            self.analysis.wish(self._run, state.settings.value, state.regions.value)

    def _computed(self) -> None:
        maps = self.analysis.maps
        if maps is not None and maps.course is not None and maps.course.arrival_s is not None and self.run_key:
            self.runs.arrival_s[self.run_key] = float(maps.course.arrival_s)
            self.pane_state.open_on(maps.fullest_frame)
        self._changed(None)

    def _arm_changed(self, arm: str) -> None:
        self.setCursor(Qt.CursorShape.CrossCursor if arm != "none" else Qt.CursorShape.ArrowCursor)
        self._changed(arm)

    def calibrate(self, scale: RunScale) -> None:
        """Measure in these millimetres from now on."""
        if scale != self.scale:
            self.scale = scale
            self._changed(None)

    # Playing

    def _play_changed(self, value: object) -> None:
        self._beat.stop()
        if self.pane_state.playback.playing.value:
            self.link.lead()
            self._schedule()
        self._changed(value)

    def _tick(self) -> None:
        playback = self.pane_state.playback
        playback.advance()
        if playback.playing.value:
            self._schedule()

    def _schedule(self) -> None:
        due_ms = math.ceil(self.pane_state.playback.due_in_s() * 1000.0)
        self._beat.start(min(max(1, due_ms), LONGEST_TICK_MS))

    # Events

    def look(self, position: QPointF | None) -> None:
        """Tell what lies under the pointer."""
        view, picture, text = self.view(), self.picture, ""
        if position is not None and view is not None and picture is not None:
            x, y = view.run_of(position.x(), position.y())
            text = value_text(round(x), round(y), picture)
        if text != self.under_pointer:
            self.under_pointer = text
            self.update()

    def sizeHint(self) -> QSize:
        """Square enough."""
        return QSize(320, 320)

    def focusNextPrevChild(self, following: bool) -> bool:
        """Tab walks through layouts, not through widgets."""
        del following
        return False

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The pane with the focus is the active one, and says what its keys do."""
        super().focusInEvent(event)
        self.state.active_pane.set(self.spec.id)
        hint = self.desk.kit.hint
        if hint.value != HINT and self.pane_state.arm.value == "none":
            self._hint_before = hint.value
            hint.set(HINT)

    def say_keys(self) -> None:
        """What the keys do, while this pane has the keyboard; else what was said before."""
        self.desk.kit.hint.set(HINT if self.hasFocus() else self._hint_before)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The tool's own hint again; what was chosen is kept before anything is saved."""
        super().focusOutEvent(event)
        self.tools.keeper.flush()
        if self.desk.kit.hint.value == HINT:
            self.desk.kit.hint.set(self._hint_before)

    def event(self, event: QEvent) -> bool:
        """Before a menu's key (undo, save) acts, what was chosen is a step of its own."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            self.tools.keeper.before_key(event)
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Left: draws when armed. Right: window. Middle: pan."""
        self.hands.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag, or look."""
        self.hands.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End of a drag."""
        self.hands.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Enlarge."""
        self.hands.double_click(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Frames; with Ctrl zoom."""
        self.hands.wheel(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The keys of the Hands table."""
        if not self.hands.key(event):
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing under the pointer."""
        super().leaveEvent(event)
        self.look(None)
        self.tools.hover(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another size is another picture."""
        super().resizeEvent(event)
        self.refresh()
        self.shown.emit()

    def showEvent(self, event: QShowEvent) -> None:
        """Load, compute and draw what was not while hidden."""
        super().showEvent(event)
        self.link.join()
        self._take_run()
        self._wish()

    def hideEvent(self, event: QHideEvent) -> None:
        """A pane nobody sees does not play."""
        super().hideEvent(event)
        self.tools.keeper.flush()
        self.pane_state.playback.stop()
        self.link.leave()
