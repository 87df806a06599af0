"""A small tree of arteries drawn by hand, in the body of `tests/viewers/conftest.py`'s ball."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from planner.model.items import Point
from planner.planning.vessel_tree import TreeSegment, VesselTree
from viewers.state.vessels import TipShown, TreeShown, VesselPlace

FRAME = "1.2.3"
NODES = {
    "n0": (0.0, 20.0, -36.0),
    "n1": (0.0, 20.0, 0.0),
    "n2": (0.0, 20.0, 36.0),
    "n3": (0.0, 0.0, 5.0),
    "n4": (-20.0, -8.0, 5.0),
    "n5": (20.0, -8.0, 5.0),
    "n6": (-30.0, -8.0, 15.0),
    "n7": (-30.0, -8.0, -5.0),
}
ROWS = (
    ("aorta", "n0", "n1", 5.0, "aorta"),
    ("upper", "n1", "n2", 5.0, None),
    ("coeliac", "n1", "n3", 3.0, "coeliac"),
    ("right", "n3", "n4", 2.0, "right_hepatic"),
    ("left", "n3", "n5", 1.8, "left_hepatic"),
    ("a8", "n4", "n6", 1.0, "a8"),
    ("thin", "n4", "n7", 0.6, None),
)
"""Segment, its nodes, its radius in mm, its name."""


def hand_tree(*, proposed: tuple[str, ...] = (), frame_uid: str = FRAME) -> VesselTree:
    """Aorta upwards, a trunk to the front, a right and a left branch; the right one forks. ``thin`` is doubtful."""
    nodes = {key: np.asarray(place) for key, place in NODES.items()}
    segments = []
    for key, start, end, radius, name in ROWS:
        share = np.linspace(0.0, 1.0, 21)[:, None]
        points = (1.0 - share) * nodes[start] + share * nodes[end]
        doubtful = np.full(21, key == "thin")
        segments.append(
            TreeSegment(key, start, end, points, np.full(21, radius), doubtful, name, proposed=key in proposed)
        )
    return VesselTree("artery", frame_uid, "n0", nodes, tuple(segments), smallest_visible_mm=1.2)


def shown_tree(**more: object) -> TreeShown:
    """The tree as panes draw it."""
    return TreeShown("tree-1", "Arteries", hand_tree(**more), ("Seen on CT of 2024-03-12, slices 2 mm",))


def place_on(segment: str, share: float = 0.5) -> VesselPlace:
    """At a share of a segment's length."""
    return VesselPlace("tree-1", segment, share * hand_tree().segment(segment).length_mm)


class NotingKeeper:
    """A `VesselKeeper` and `ViewKeeper` that writes down what it is asked; `refusal` is what it answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.refusal: str | None = None

    def _note(self, *what: object) -> str | None:
        self.asked.append(what)
        return self.refusal

    def find_from(self, lps_mm: Point, series: str) -> str | None:
        return self._note("find", tuple(round(each) for each in lps_mm), series)

    def add_branch(self, tree_id: str, end_lps_mm: Point) -> str | None:
        return self._note("branch", tree_id, tuple(round(each) for each in end_lps_mm))

    def cut(self, place: VesselPlace, *, whole: bool) -> str | None:
        return self._note("cut", place.segment, whole)

    def join(self, place: VesselPlace, other: VesselPlace) -> str | None:
        return self._note("join", place.segment, other.segment)

    def reroot(self, place: VesselPlace) -> str | None:
        return self._note("root", place.segment)

    def confirm_name(self, place: VesselPlace) -> str | None:
        return self._note("confirm", place.segment)

    def hold_tip(self, tip: TipShown) -> str | None:
        return self._note("hold", tip)

    def keep_tip(self, tip: TipShown) -> str | None:
        return self._note("keep", tip)

    def drop_tip(self) -> None:
        self._note("drop")

    def turn(self, angles: tuple[float, float], *, moving: bool) -> None:
        self._note("turn", angles, moving)

    def keep_view(self) -> str | None:
        return self._note("view")


def drag_to(widget: QWidget, point: QPoint) -> None:
    """A mouse move with the left button held down; QTest.mouseMove sends none."""
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        point.toPointF(),
        widget.mapToGlobal(point).toPointF(),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)
