"""The page of an open case: banner above, course and stages left, images in the middle, the stage right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from planner.workflow.status import StageStatus
from viewers.panels.banner import PatientBanner
from viewers.panels.items_panel import ItemsPanel
from viewers.panels.lesions_panel import LesionActs, LesionsPanel
from viewers.panels.mark_card import MarkActs
from viewers.panels.overlays_panel import OverlaysPanel
from viewers.panels.parts import PlainLabel, panel
from viewers.panels.run_item_card import RunItemActs
from viewers.panels.sign_bar import SignBar
from viewers.panels.stage_form import StageForm
from viewers.panels.stage_list import StageList
from viewers.panels.stage_panel import StagePanel
from viewers.panes.clearance_profile import profile_frame
from viewers.panes.compare_pane import COMPARE_PLANES, compare_frame
from viewers.panes.cross_section_pane import cross_section_frame
from viewers.panes.desk import Desk
from viewers.panes.diameter_profile_pane import diameter_profile_frame
from viewers.panes.fused_pane import FUSED_PLANES, fused_frame
from viewers.panes.margin_map_pane import margin_frame
from viewers.panes.needle_pane import needle_frame
from viewers.panes.pane_grid import PaneFactory, PaneGrid
from viewers.panes.probe_pane import probe_frame
from viewers.panes.run_frame import RunFrame, run_frame
from viewers.panes.skin_map_pane import skin_map_frame
from viewers.panes.straightened_pane import straightened_frame
from viewers.panes.tree_diagram_pane import tree_diagram_frame
from viewers.panes.vertebra_views_pane import vertebra_views_frame
from viewers.panes.volume_frame import volume_frame
from viewers.panes.working_view_pane import working_view_frame
from viewers.state.run_marks import RunMarks, jump_to_run
from viewers.window.case_compare import CaseCompare
from viewers.window.case_content import (
    JudgedFacts,
    banner_text,
    course_lines,
    judged_facts,
    stage_content,
    stage_lines,
)
from viewers.window.case_day import CaseDay
from viewers.window.case_lumens import CaseLumens
from viewers.window.case_margins import CaseMargins
from viewers.window.case_marks import CaseMarks
from viewers.window.case_needles import CaseNeedles
from viewers.window.case_vertebrae import CaseVertebrae
from viewers.window.case_vessels import CaseVessels
from viewers.window.case_work import CaseWork

TOOLS_OF = {
    "lesion": ("lesion", "brush", "grow"),
    "structure": ("grow", "threshold", "brush"),
    "vessel-path": ("path",),
    "measure": ("distance", "angle", "ellipse"),
    "key-image": ("key-image",),
    "needle": ("needle-target", "needle"),
    "vertebra": ("vertebra", "brush"),
    "vessel-tree": ("vessel-tree",),
    "injection": ("catheter",),
    "lumen": ("lumen",),
}
"""What a template calls a tool -> the tools of the tool box that do it."""

PANES: Mapping[str, PaneFactory] = {
    "3d": volume_frame,
    "dsa": run_frame,
    "needle-along": needle_frame,
    "needle-across": needle_frame,
    "margin-map": margin_frame,
    "needle-profile": profile_frame,
    "probe": probe_frame,
    "skin-map": skin_map_frame,
    "vertebra-views": vertebra_views_frame,
    "tree-diagram": tree_diagram_frame,
    "working-view": working_view_frame,
    "straightened": straightened_frame,
    "cross-section": cross_section_frame,
    "diameter-profile": diameter_profile_frame,
    **dict.fromkeys(COMPARE_PLANES, compare_frame),
    **dict.fromkeys(FUSED_PLANES, fused_frame),
}
"""Kinds of panes beside the three planes -> what makes them."""

OPERATIONS = (
    ("smooth", "Smooth"),
    ("fill", "Fill holes"),
    ("largest", "Keep largest"),
    ("grow", "Grow 1 mm"),
    ("shrink", "Shrink 1 mm"),
    ("union", "Join all"),
)

REST_MS = 250
"""Without an edit for so long, the banner over a page that covers the stages is judged anew."""

MARGIN_STEP_MM = 1.0
SMOOTH_MM = 2.0


class CasePage(QWidget):
    """Shows a `CaseWork`. Changes are shown together at the next turn of the event loop: a burst of edits is one."""

    def __init__(self, desk: Desk, *, home: Callable[[], object]) -> None:
        super().__init__()
        self.desk = desk
        self.work: CaseWork | None = None
        self.marking: CaseMarks | None = None
        self.banner = PatientBanner(self._undo, self._redo, home)
        self.stage_list = StageList(self._open_session, self._open_stage)
        self.grid = PaneGrid(desk, PANES)
        self.form = StageForm(self._answer)
        self.run_marks = RunMarks(desk.marks, desk.state.runs)
        self.items = ItemsPanel(
            pick_tool=self._pick_tool,
            select=desk.state.selected_id.set,
            jump=self.jump_to_item,
            remove=self._remove,
            show_item=desk.state.set_visible,
            operate=self._operate,
            acts=MarkActs(*(self._marks(name) for name in ("rename", "recolour", "confirm", "name_segments", "aim"))),
            run_acts=RunItemActs(self.run_marks.rename, self.run_marks.write, self.run_marks.stand_on),
        )
        self.items.show_operations(OPERATIONS)
        self.lesions = LesionsPanel(
            LesionActs(
                *(self._marks(name) for name in ("type_lesion", "change_lesion", "measure_lesion", "remove_lesion")),
                show=self.jump_to_lesion,
            )
        )
        self.overlays = OverlaysPanel(desk.state.set_visible, self._keep_label, desk.marks.layer.remove_label_map)
        self.signing = SignBar(sign=self._sign, withdraw=self._withdraw, time_out=self._time_out, step=self._step)
        self.stage_panel = StagePanel(
            self.form, (self.items, self.lesions, self.overlays), self.signing, self._override
        )
        self.needles = CaseNeedles(desk, self._marks("rename"))
        self.margins = CaseMargins(desk, self.needles.needles)
        self.day = CaseDay(desk, self.margins)
        self.stage_panel.extras.addWidget(self.day.panel)
        self.stage_panel.extras.addWidget(self.margins.panel)
        self.vertebrae = CaseVertebrae(self.needles)
        self.stage_panel.extras.addWidget(self.vertebrae.panel)
        self.stage_panel.extras.addWidget(self.needles.panel)
        self.vessels = CaseVessels(desk)
        self.stage_panel.extras.addWidget(self.vessels.panel)
        self.lumens = CaseLumens(desk)
        self.stage_panel.extras.addWidget(self.lumens.panel)
        self.no_session = PlainLabel("", role="quiet", wrap=True)
        self.below = QWidget()
        self.under = QVBoxLayout(self.below)
        self.under.setContentsMargins(0, 0, 0, 0)
        self._judged: JudgedFacts | None = None
        self._build()
        self._listen()

    def _timer(self, after_ms: int, act: Callable[[], None]) -> QTimer:
        made = QTimer(self)
        made.setSingleShot(True)
        made.setInterval(after_ms)
        made.timeout.connect(act)
        return made

    def _build(self) -> None:
        self._soon = self._timer(0, self._refresh_first)
        self._then = self._timer(0, self._refresh_stage)
        self._rest = self._timer(REST_MS, self._judge_banner)
        self.compare = CaseCompare(self.desk, self._show_right)
        right, right_layout = panel()
        right_layout.setContentsMargins(0, 0, 0, 0)
        right_layout.addWidget(self.stage_panel, 1)
        right_layout.addWidget(self.compare.panel, 1)
        self.no_session.setContentsMargins(10, 10, 10, 10)
        right_layout.addWidget(self.no_session)
        right_layout.addStretch(0)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget in (self.stage_list, self.grid, right):
            self.splitter.addWidget(widget)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setCollapsible(1, False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self.compare.offer)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.below)
        self.covered_by: QWidget | None = None

    def cover(self, page: QWidget | None) -> None:
        """Show a page in the place of images and panels, under the banner; None shows them again."""
        layout = self.layout()
        if self.covered_by is not None and self.covered_by is not page:
            self.covered_by.hide()
        if page is not None and layout is not None and layout.indexOf(page) < 0:
            layout.addWidget(page)
        self.covered_by = page
        self.splitter.setVisible(page is None)
        self.below.setVisible(page is None)
        if page is not None:
            page.show()
        else:
            # Nothing that is not seen was shown anew meanwhile.
            self.refresh_soon()

    def fit(self, width: int, scale: float) -> None:
        """Sizes of the side panels for a window width; the images get the rest."""
        left, right = round(min(240 * scale, width * 0.17)), round(min(380 * scale, width * 0.28))
        self.splitter.setSizes([left, max(200, width - left - right), right])

    def _listen(self) -> None:
        marks, state = self.desk.marks, self.desk.state
        marks.marks.changed.connect(self._show_marks)
        marks.layer.changed.connect(self._show_overlays)
        state.selected_id.changed.connect(self._show_marks)
        state.hidden_ids.changed.connect(self._show_marks)
        state.hidden_ids.changed.connect(self._show_overlays)
        state.images.changed.connect(self.refresh_soon)
        state.active_tool.changed.connect(self.items.show_active_tool)

    def show_work(self, work: CaseWork | None) -> None:
        """Follow another open case."""
        self.work = work
        self.marking = CaseMarks(work) if work is not None else None
        self.needles.follow(work)
        self.vertebrae.follow(work)
        self.margins.follow(work)
        self.day.follow(work)
        self.vessels.follow(work)
        self.lumens.follow(work)
        self.compare.follow(work)
        self._judged = None
        for each in (self._soon, self._then, self._rest):
            each.stop()
        if work is not None:
            work.changed.connect(self.refresh_soon)
            self.refresh()

    def refresh_soon(self) -> None:
        """Show everything anew once the present act is over."""
        if self.work is not None:
            self._soon.start()

    def refresh(self) -> None:
        """Show everything anew; panels rebuild only what differs."""
        self._refresh_first()
        self._refresh_stage()

    def _refresh_first(self) -> None:
        """Banner, course and list of stages; the panels of the stage follow in the next turn of the event loop."""
        self._soon.stop()
        work = self.work
        if work is None:
            return
        self._show_banner(work)
        if self.covered_by is not None:
            return
        self.stage_list.show_course(course_lines(work))
        desk = work.session_desk
        self.compare.refresh()
        self._show_right()
        if desk is None or work.stage_id is None:
            self.stage_list.show_stages((), None)
            self.no_session.setText(
                "No session is planned yet.\n\nCase → New session from a template (Ctrl+N) begins one; "
                "Case → Patient and history holds what is known of the patient."
            )
            return
        self.stage_list.show_stages(stage_lines(desk.status()), work.stage_id)
        self._then.start()

    def _show_banner(self, work: CaseWork) -> None:
        """Judged at once where the stages are seen, which need it anyway; over another page once edits rest."""
        document, known = work.opened.document, self._judged
        if self.covered_by is not None and known is not None and known.fits(work):
            self._rest.start()
        else:
            known = self._judged = judged_facts(work)
        self.banner.show_text(banner_text(work, known))
        self.banner.show_steps(document.undo_label, document.redo_label)

    def _judge_banner(self) -> None:
        if self.work is not None:
            self._judged = judged_facts(self.work)
            self.banner.show_text(banner_text(self.work, self._judged))

    def _refresh_stage(self) -> None:
        """What belongs to the stage on show: its tools, form, cards, findings and signatures."""
        self._then.stop()
        work = self.work
        desk = work.session_desk if work is not None else None
        if work is None or desk is None or work.stage_id is None or self.covered_by is not None:
            return
        status = desk.status()
        stage = status.stage(work.stage_id)
        self._show_tools(stage)
        self.needles.show_stage(stage.stage)
        self.vertebrae.show_stage(stage.stage)
        self.margins.show_stage(stage.stage)
        self.day.show_stage(stage.stage)
        self.vessels.show_stage(stage.stage)
        self.lumens.show_stage(stage.stage)
        content = stage_content(work, status, stage)
        self.stage_panel.show_content(content)
        self.lesions.show_lesions(desk.case.lesions, content.form.case.lesion_list_is_confirmed)
        self._show_marks(None)

    def _show_right(self) -> None:
        """The stage, what to do without a session, or what belongs to two studies that are compared."""
        with_session = self.work is not None and self.work.session_desk is not None
        self.stage_panel.setVisible(with_session and not self.compare.is_open)
        self.no_session.setVisible(not with_session and not self.compare.is_open)

    def compare_studies(self, earlier_uid: str, later_uid: str) -> None:
        """Show two dates beside each other; identifiers of series, studies or frames of reference."""
        refusal = self.compare.show(earlier_uid, later_uid)
        if refusal is not None and self.work is not None:
            self.work.said.emit(refusal)

    def _show_tools(self, status: StageStatus) -> None:
        wanted = dict.fromkeys(tool for name in status.stage.tools for tool in TOOLS_OF.get(name, ()))
        box = self.desk.tools.tools
        offered = [
            (tool, box[tool].name, box[tool].shortcut) if tool in box else (tool, "Key image", "") for tool in wanted
        ]
        self.items.show_tools(offered)
        self.items.show_active_tool(self.desk.state.active_tool.value)

    def _show_marks(self, changed: object) -> None:
        del changed
        state = self.desk.state
        lesions = self.work.opened.case.lesions if self.work is not None else ()
        marks, session = self.desk.marks.marks.value, self.run_marks.session
        self.items.show_marks(marks, state.selected_id.value, state.hidden_ids.value, lesions, session)

    def _show_overlays(self, changed: object = None) -> None:
        del changed
        self.overlays.show_maps(self.desk.marks.layer.label_maps, self.desk.state.hidden_ids.value)

    def _marks(self, name: str) -> Callable[..., str | None]:
        """An act on marks, looked up when it is asked for: the case changes, the panels stay."""

        def act(*arguments: object) -> str | None:
            return getattr(self.marking, name)(*arguments) if self.marking is not None else None

        return act

    def jump_to_item(self, item_id: str) -> None:
        """Select a mark and bring every pane to it."""
        self.desk.state.selected_id.set(item_id)
        place, mark = self.desk.marks.place_lps_mm(item_id), self.desk.marks.mark(item_id)
        if mark is not None and jump_to_run(self.desk.state, mark.item):
            return
        if place is not None and mark is not None:
            self.desk.state.move_cursor(mark.item.frame_uid, place)

    def jump_to_lesion(self, lesion_id: str) -> None:
        """Bring every pane to a lesion: to its region in this session, else to where it was marked."""
        for mark in self.desk.marks.marks.value:
            if mark.item.body.get("lesion_id") == lesion_id:
                self.jump_to_item(mark.id)
                return
        lesion = self.work.opened.case.lesion(lesion_id) if self.work is not None else None
        if lesion is not None and lesion.centre_lps_mm is not None and lesion.frame_uid is not None:
            self.desk.state.move_cursor(lesion.frame_uid, lesion.centre_lps_mm)
        elif self.work is not None:
            self.work.said.emit("This lesion was typed by hand; it has no place on the images.")

    def _keep_label(self, key: str, value: int) -> None:
        if self.work is None or self.work.session_desk is None:
            return
        refusal = self.work.series.keep_label(self.work.session_desk.session_id, key, value)
        if refusal is not None:
            self.work.said.emit(refusal)
        else:
            self.desk.state.set_visible(f"{key}/{value}", False)

    def _pick_tool(self, tool: str) -> None:
        run = self.grid.frame(self.desk.state.active_pane.value or "")
        if isinstance(run, RunFrame) and run.picture.tools.pick(tool):
            self.items.show_active_tool(self.desk.state.active_tool.value)
            return
        if tool == "key-image":
            if self.work is not None:
                self.work.said.emit(self.work.keep_key_image() or "Key image kept.")
            self.items.show_active_tool(self.desk.state.active_tool.value)
            return
        self.desk.tools.pick(tool)

    def _remove(self, item_id: str) -> None:
        self.desk.state.selected_id.set(item_id)
        self.desk.operations.delete()

    def _operate(self, operation: str) -> None:
        operations = self.desk.operations
        acts = {
            "smooth": lambda: operations.smooth(SMOOTH_MM),
            "fill": operations.fill,
            "largest": operations.keep_largest,
            "grow": lambda: operations.grow(MARGIN_STEP_MM),
            "shrink": lambda: operations.grow(-MARGIN_STEP_MM),
            "union": self._join,
        }
        acts[operation]()

    def _join(self) -> object:
        """The selected region takes in the region before it in the list."""
        chosen = self.desk.state.selected_id.value
        others = [region for region in self.desk.marks.layer.regions if region != chosen]
        return self.desk.operations.combine("union", others[-1]) if others else None

    def _answer(self, stage: str, name: str, value: object) -> str | None:
        return self.work.answer(stage, name, value) if self.work is not None else None

    def _sign(self, role: str, name: str) -> str | None:
        return self.work.sign(role, name) if self.work is not None and self._shows_its_stage() else None

    def _withdraw(self, role: str) -> str | None:
        return self.work.withdraw(role) if self.work is not None and self._shows_its_stage() else None

    def _time_out(self, names: Sequence[str]) -> str | None:
        return self.work.time_out(names) if self.work is not None else None

    def _override(self, finding: object, reason: str) -> None:
        if self.work is not None and self._shows_its_stage():
            self.work.override(finding, reason)

    def _shows_its_stage(self) -> bool:
        """False between going to a stage and its panels: what is pressed then was meant for the stage before."""
        return self.work is not None and self.stage_panel.stage_id == self.work.stage_id

    def _step(self, by: int) -> None:
        if self.work is not None:
            self.work.step(by)

    def _open_session(self, session_id: str) -> None:
        if self.work is not None:
            self.work.use_session(session_id)
            self.work.load_images()

    def _open_stage(self, stage_id: str) -> None:
        if self.work is not None:
            self.work.go_to_stage(stage_id)

    def _undo(self) -> None:
        if self.work is not None:
            self.work.opened.document.undo()

    def _redo(self) -> None:
        if self.work is not None:
            self.work.opened.document.redo()
