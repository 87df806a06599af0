"""Gates of TACE that read positions and feeders of the vessel tree: how each is made to fire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import embolisation_walks as ew
from needle_walks import Change

STAGE = "positions"
ROWS = (
    {"order": 1, "position": "position-1", "vessel": "A8", "lesions": ["lesion-1"], "action": "embolise"},
    {"order": 2, "position": "position-2", "vessel": "A6", "lesions": ["lesion-2"], "action": "embolise"},
)
"""Two positions on the tree, one for each lesion of the example."""


def on_the_tree(*marked: Any, **answers: Any) -> Change:
    """The two positions on a small tree, with some items in their place and further answers of the stage."""
    items = (ew.tree(), ew.position(), ew.position("position-2", "lower", coverage={"lesion-2": 1.0}), *marked)
    given = {"positions": list(ROWS), **answers}
    return ew.both(ew.items(*items), ew.answers(STAGE, **given))


def unwritten(how: str) -> Change:
    """A cystic artery at risk by the model, and nobody who found it."""
    return on_the_tree(ew.position(non_targets=(ew.branch(how=how),)), cystic="not-found")


FIRES: Mapping[str, list[tuple[Change, str, str]]] = {
    "positions-measured": [
        (on_the_tree(ew.position(tree_digest="0" * 64)), "measured-before", "ask"),
        (on_the_tree(ew.position(injection=None)), "position-not-measured", "ask"),
        (ew.both(on_the_tree(), ew.gone("position-1")), "position-gone", "ask"),
    ],
    "positions-cover": [(on_the_tree(ew.position(coverage={"lesion-1": 0.4})), "lesion-not-covered", "warn")],
    "feeders-reached": [
        (on_the_tree(ew.feeders(segment="left")), "feeder-not-reached", "warn"),
        (on_the_tree(ew.feeders(tree_digest="0" * 64)), "measured-before", "warn"),
    ],
    "model-branches": [
        (unwritten("downstream"), "branch-downstream", "ask"),
        (unwritten("reflux"), "branch-in-reflux", "ask"),
    ],
    "view-posture": [(on_the_tree(patient_position="prone"), "view-other-posture", "ask")],
    "feeders-may-be-missed": [
        (on_the_tree(), "feeders-not-searched", "info"),
        (on_the_tree(ew.feeders()), "ct-may-miss", "info"),
    ],
}
"""Check -> change of the case, code, how it acts."""


def tried_on_the_model() -> set[tuple[str, str]]:
    """Stage and check of every gate that is tried here."""
    return {(STAGE, check) for check in FIRES}
