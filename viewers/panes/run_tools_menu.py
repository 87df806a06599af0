"""The menu of measuring over a DSA pane: tools, and what millimetres stand on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from PySide6.QtWidgets import QMenu

from planner.imaging.run_calibration import ISOCENTRE, Refusal, isocentre_calibration
from viewers.state.run_marks import calibration_line

if TYPE_CHECKING:
    from viewers.panes.run_pane import RunPane

TOOLS = (
    ("distance", "Distance (D)"),
    ("diameter", "Vessel diameter (W)"),
    ("stenosis", "Stenosis (S)"),
    ("reference", "Reference of the selected stenosis"),
    ("region", "Region with its curve (E)"),
    ("arrow", "Arrow (A)"),
    ("text", "Note (N)"),
)
TOOL_KEYS = {"D": "distance", "W": "diameter", "S": "stenosis", "A": "arrow", "N": "text"}
SHORT = {
    "region": "Region",
    "distance": "Distance",
    "diameter": "Diameter",
    "stenosis": "Stenosis",
    "reference": "Reference",
    "arrow": "Arrow",
    "text": "Note",
    "catheter": "Catheter",
    "known-distance": "Known distance",
}
IDLE = "Measure"


class Add(Protocol):
    """Puts an entry into a menu."""

    def __call__(
        self, menu: QMenu, text: str, chosen: bool, act: Callable[[], object], *, enabled: bool = True, tip: str = ""
    ) -> None: ...


def fill_measure(pane: RunPane, menu: QMenu, add: Add) -> None:
    """Fill the menu as things are now."""
    tools, state = pane.tools, pane.pane_state
    for kind, name in TOOLS:
        enabled = kind != "reference" or (tools.selected is not None and tools.selected.kind == "stenosis")
        add(menu, name, state.arm.value == kind, lambda kind=kind: tools.arm(kind), enabled=enabled)
    menu.addSeparator()
    add(menu, "Keep as key frame (K)", False, tools.keep_frame)
    add(menu, "Key frame with a caption…", False, tools.ask_for_caption)
    menu.addSection("Millimetres stand on")
    _fill_calibrations(pane, menu, add)
    menu.addSeparator()
    add(menu, "Calibrate by a catheter… (G)", False, tools.calibration.ask_for_catheter)
    add(menu, "Calibrate by a known distance…", False, lambda: tools.arm("known-distance"))
    run = pane.run
    if run is not None and tools.marks.view(run.key) is not None:
        menu.addSection("View kept in the session")
        add(menu, "Show the run by the rules again", False, lambda: tools.marks.forget_view(run.key))


def _fill_calibrations(pane: RunPane, menu: QMenu, add: Add) -> None:
    """What there is to stand on; what the file cannot give says why."""
    run, tools = pane.run, pane.tools
    if run is None:
        return
    known, used = tools.marks.calibrations(run.key), tools.marks.in_use(run.key)
    for mark in known:
        chosen = used is not None and mark.id == used.id
        add(menu, calibration_line(mark), chosen, lambda item_id=mark.id: tools.use(item_id))
    if not any(mark.body.kind == ISOCENTRE for mark in known):
        found = isocentre_calibration(run, pane.shown_frame)
        if isinstance(found, Refusal):
            add(menu, "Isocentre geometry of the file", False, tools.use_file, enabled=False, tip=found.text)
        else:
            share = 100.0 * found.mm_per_px_sd / found.mm_per_px
            text = f"Isocentre geometry of the file: {found.mm_per_px:.3f} mm per px ± {share:.0f} %"
            chosen = used is None and pane.scale.mm_per_px is not None
            add(menu, text, chosen, tools.use_file, tip=found.note)
    add(menu, "Pixels only", pane.scale.mm_per_px is None, lambda: tools.use(None))
