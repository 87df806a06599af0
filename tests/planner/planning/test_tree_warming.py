"""What is compiled ahead of use is what trees are made with."""

from __future__ import annotations

import pytest
from numpy.typing import ArrayLike

from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.planning import tree_extraction
from planner.planning.tree_warming import warm_up_trees
from planner.planning.vessel_tree import VesselTree


def test_that_warming_up_follows_a_fork_in_a_mask_and_in_images_of_both_types(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    follow = tree_extraction.tree_from_mask

    def counted(mask: Mask, *, root_lps_mm: ArrayLike | None = None, volume: Volume | None = None) -> VesselTree:
        tree = follow(mask, root_lps_mm=root_lps_mm, volume=volume)
        made.append((None if volume is None else volume.voxels.dtype, len(tree.segments)))
        return tree

    monkeypatch.setattr(tree_extraction, "tree_from_mask", counted)
    warm_up_trees()
    assert [str(kind) for kind, _ in made] == ["None", "int16", "float32"]
    assert {count for _, count in made} == {3}
