"""Vessel trees against the truth, and beside a skeletonisation library: ``python benchmarks/vessel_trees.py``

    [--seeds 7,5,4] [--slices 0.6,1,1.25,2.5,5] [--noise 15] [--real ../shared/data] [--peers] [--image-only]

Draws the arteries of digital patients into voxels (0.75 mm in plane) with partial volume, 0.5 mm of blur and noise,
finds the tree in the mask of what is at least 0.3 covered, and prints: branch recall by Strahler order (branches wider
than 1 mm), distance of the lines, radius error, misplaced and false branches, and seconds of processor time. With
``--real`` the real masks are followed; they have no truth but VMTK's aorta, whose centreline is compared. With
``--peers`` kimimaro and scikit-image are measured on the same masks where they can be imported (they are no dependency
of this project).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


from planner.app.image_masks import open_masks
from planner.app.images import open_image
from planner.geometry import Grid
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.phantom.anatomy import draw_anatomy
from planner.phantom.lesions import liver_space, place_tumours
from planner.phantom.vessels import build_vessels
from planner.planning.tree_extraction import tree_from_mask
from planner.planning.vessel_tree import VesselTree
from tests.tree_truth import compare_trees, drawn, truth_tree

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData

LEAST_RADIUS_MM = 0.5
REAL = (
    "hepaticvessel-gt",
    "med-rad/Liver",
)


def true_tree(seed: int) -> VesselTree:
    anatomy = draw_anatomy(seed)
    space = liver_space(anatomy)
    return truth_tree(build_vessels(anatomy, space, place_tumours(anatomy, space)).artery, "1.2.3")


def measure(seed: int, true: VesselTree, slice_mm: float, noise: float, *, peers: bool, image_only: bool) -> None:
    volume, mask = drawn(true, (slice_mm, 0.75, 0.75), noise=noise, blur_mm=0.5, least_cover=0.3)
    root = true.nodes[true.root]
    for name, image in (("mask", None), ("image", volume)):
        if image_only and image is None:
            continue
        _row(f"seed {seed}, {slice_mm:4.2f} mm, noise {noise:3.0f}, {name:5}", true, mask, root, image)
    if peers:
        _kimimaro(true, mask)
        _scikit_image(mask)


def _row(title: str, true: VesselTree, mask: Mask, root: np.ndarray, image: Volume | None) -> None:
    began, wall = time.process_time(), time.perf_counter()
    found = tree_from_mask(mask, root_lps_mm=root, volume=image)
    seconds, elapsed = time.process_time() - began, time.perf_counter() - wall
    got = compare_trees(found, true, least_radius_mm=LEAST_RADIUS_MM)
    orders = " ".join(f"{order}:{there[0]}/{there[1]}" for order, there in got.recall_by_order.items())
    print(
        f"{title} | recall {got.recall:.2f} ({orders}) | line {got.line_mean_mm:.2f} mm, 95 % {got.line_95_mm:.2f} | "
        f"radius {got.radius_bias_mm:+.2f}, error {got.radius_error_mm:.2f} mm | misplaced {got.topology_errors}, "
        f"false {got.false_branches} of {got.found_ends} ends | {seconds:.1f} s of processor, {elapsed:.1f} s",
        flush=True,
    )


def _kimimaro(true: VesselTree, mask: Mask) -> None:
    try:
        import kimimaro
    except ImportError:
        return
    parameters = {"scale": 1.5, "const": 3, "pdrf_scale": 100000, "pdrf_exponent": 4}
    began = time.process_time()
    found = kimimaro.skeletonize(
        mask.full().astype(np.uint8), teasar_params=parameters, anisotropy=mask.grid.spacing_kji_mm, dust_threshold=5,
        parallel=1, progress=False,
    )[1]  # fmt: skip
    seconds = time.process_time() - began
    kji = np.asarray(found.vertices, dtype=np.float64) / np.asarray(mask.grid.spacing_kji_mm)
    points = np.concatenate([each.points_lps_mm for each in true.segments])
    radius = np.concatenate([each.radius_mm for each in true.segments])
    gaps, at = cKDTree(points).query(mask.grid.lps_from_kji.points(kji))
    near = gaps <= np.maximum(radius[at], 1.5)
    error = np.asarray(found.radii, dtype=np.float64)[near] - radius[at[near]]
    print(
        f"    kimimaro: line {gaps[near].mean():.2f} mm, 95 % {np.quantile(gaps[near], 0.95):.2f} | radius "
        f"{error.mean():+.2f}, error {np.abs(error).mean():.2f} mm | {seconds:.1f} s of processor",
        flush=True,
    )


def _scikit_image(mask: Mask) -> None:
    try:
        from skimage.morphology import skeletonize
    except ImportError:
        return
    began = time.process_time()
    count = int(skeletonize(mask.full()).sum())
    seconds = time.process_time() - began
    print(f"    scikit-image: {count} voxels, no graph, no radii | {seconds:.1f} s of processor", flush=True)


def real_masks(folder: Path) -> Iterator[tuple[str, Mask]]:
    for place in REAL:
        for path in sorted((folder / place).rglob("*.nii.gz")) + sorted((folder / place).rglob("*.nrrd")):
            if not any(word in path.name.lower() for word in ("vessel", "artery", "vein", "portal", "hepatic")):
                continue
            for labels in open_masks(str(path)):
                mask = Mask.of(labels.grid, labels.voxels == 1)
                if not mask.is_empty:
                    yield f"{place}/{path.name}", mask


def vmtk_aorta(folder: Path) -> None:
    """The aorta of VMTK's test data: our line and radii beside VMTK's centreline of the same surface (RAS mm)."""
    if not (folder / "aorta-centerline.vtp").exists():
        return
    from vtkmodules.util.numpy_support import vtk_to_numpy

    volume = open_image(folder / "aorta.mha")
    surface, line = _poly_data(folder / "aorta-surface.vtp"), _poly_data(folder / "aorta-centerline.vtp")
    lps = np.array([-1.0, -1.0, 1.0])
    mask = _within(surface, volume.grid, lps)
    known = vtk_to_numpy(line.GetPoints().GetData()) * lps
    inscribed = vtk_to_numpy(line.GetPointData().GetArray("MaximumInscribedSphereRadius"))
    for name, image in (("mask", None), ("image", volume)):
        found = tree_from_mask(mask, volume=image)
        points = np.concatenate([each.points_lps_mm for each in found.segments])
        radius = np.concatenate([each.radius_mm for each in found.segments])
        gaps, at = cKDTree(points).query(known)
        # VMTK's lines of both branches run side by side in the trunk; ends are cut off a radius before ours.
        error = radius[at] - inscribed
        print(
            f"vmtk-aorta, {name}: {mask.count} voxels, {len(found.segments)} segments, {len(found.findings)} findings "
            f"| to VMTK's line {gaps.mean():.2f} mm, 95 % {np.quantile(gaps, 0.95):.2f} | area radius less inscribed "
            f"{np.nanmean(error):+.2f}, median {np.nanmedian(error):+.2f} mm of {inscribed.mean():.1f}",
            flush=True,
        )


def _poly_data(path: Path) -> vtkPolyData:
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    reader = vtkXMLPolyDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    return reader.GetOutput()


def _within(surface: vtkPolyData, grid: Grid, lps: np.ndarray) -> Mask:
    """The voxels whose centres lie within a closed surface."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkPolyData
    from vtkmodules.vtkFiltersModeling import vtkSelectEnclosedPoints

    corners = vtk_to_numpy(surface.GetPoints().GetData()) * lps
    kji = grid.kji_from_lps.points(corners)
    low = np.maximum(np.floor(kji.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(kji.max(axis=0)).astype(int) + 1, grid.size_kji)
    indices = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), axis=-1)
    places = grid.lps_from_kji.points(indices.reshape(-1, 3).astype(np.float64)) * lps
    points = vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(places), deep=1))
    asked = vtkPolyData()
    asked.SetPoints(points)
    enclosed = vtkSelectEnclosedPoints()
    enclosed.SetInputData(asked)
    enclosed.SetSurfaceData(surface)
    enclosed.Update()
    inside = vtk_to_numpy(enclosed.GetOutput().GetPointData().GetArray("SelectedPoints")).astype(np.bool_)
    bits = np.zeros(grid.size_kji, dtype=np.bool_)
    bits[tuple(indices.reshape(-1, 3)[inside].T)] = True
    return Mask.of(grid, bits)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seeds", default="7,5,4")
    words.add_argument("--slices", default="0.6,1,1.25,2.5,5")
    words.add_argument("--noise", default="15")
    words.add_argument("--peers", action="store_true")
    words.add_argument("--image-only", action="store_true", help="only radii fitted to the image")
    words.add_argument("--real", type=Path)
    given = words.parse_args()
    for seed in (int(each) for each in given.seeds.split(",") if each):
        true = true_tree(seed)
        for slice_mm in (float(each) for each in given.slices.split(",")):
            for noise in (float(each) for each in given.noise.split(",")):
                measure(seed, true, slice_mm, noise, peers=given.peers, image_only=given.image_only)
    if given.real is not None:
        vmtk_aorta(given.real / "vmtk-aorta")
    for name, mask in real_masks(given.real) if given.real is not None else ():
        began = time.process_time()
        found = tree_from_mask(mask)
        seconds = time.process_time() - began
        print(
            f"{name}: {mask.count} voxels, {len(found.segments)} segments, {found.total_length_mm:.0f} mm, "
            f"{len(found.findings)} findings, {seconds:.1f} s of processor",
            flush=True,
        )


if __name__ == "__main__":
    main()
