"""What is compiled ahead: the steps run through on a small scene, so that no first drag has to wait for a compiler."""

from __future__ import annotations

import sys

from viewers.window.compare_warming import compared_studies
from viewers.window.needle_warming import margins, needles
from viewers.window.vessel_warming import lumens, vessels


def compiled(module: str, kernel: str) -> bool:
    """Whether numba holds machine code for a kernel in this process."""
    return bool(getattr(sys.modules[module], kernel).signatures)


def test_that_a_search_and_a_drag_find_their_kernels_compiled() -> None:
    needles()
    for kernel in ("least_along", "values_at", "outside_stretches", "organ_before_target"):
        assert compiled("planner.planning.needle_kernels", kernel), kernel


def test_that_a_margin_and_a_cover_find_their_kernels_compiled() -> None:
    margins()
    for kernel in ("union_depths", "covered_subvoxels"):
        assert compiled("planner.planning.margin_kernels", kernel), kernel
    for kernel in ("net_vertices", "nearest_on_mesh"):
        assert compiled("planner.planning.mesh_kernels", kernel), kernel
    for kernel in ("decide_slices", "collateral_slices"):
        assert compiled("planner.planning.coverage_kernels", kernel), kernel


def test_that_vessels_and_lumens_find_their_kernels_compiled() -> None:
    vessels()
    lumens()
    for module, kernels in {
        "planner.imaging.vessel_lumen_kernels": ("judge", "flood"),
        "planner.planning.tree_extraction_kernels": ("branches", "contacts"),
        "planner.planning.working_view_kernels": ("hidden_shares",),
        "planner.imaging.lumen_kernels": ("inscribed",),
        "planner.imaging.reformat_kernels": ("rows_linear",),
    }.items():
        for kernel in kernels:
            assert compiled(module, kernel), f"{module}.{kernel}"


def test_that_a_match_and_what_is_laid_over_find_their_kernels_compiled() -> None:
    compared_studies()
    for module, kernels in {
        "planner.imaging.registration_flow_kernels": ("field_sums", "relax", "affine_sums"),
        "planner.imaging.registration_warp_kernels": ("warp_along", "warp_across"),
        "planner.imaging.registration_kernels": ("jacobians", "inverted"),
        "viewers.scene.fusion_kernels": ("difference_words", "steepest", "paint_found"),
    }.items():
        for kernel in kernels:
            assert compiled(module, kernel), f"{module}.{kernel}"
