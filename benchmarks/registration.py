"""Registration: landmarks of real lungs, the whole field of the digital patient's liver, and what must not pull it.

``python benchmarks/registration.py lungs`` registers the two chest CTs of ``elastix-lung`` both ways, with the
mask found automatically and from starts that are shifted and turned, and beside it SimpleITK's rigid and B-spline
registration (Mattes mutual information, no mask and the automatic mask; B-splines on two resolutions and bounded).

``python benchmarks/registration.py course`` registers the days of the simulated course with its baseline CT and
measures the displacement at every seventh voxel of the true liver.

``python benchmarks/registration.py deposits`` paints Lipiodol and an ablation zone into one image of a pair with a
known map and measures the error around them, with and without leaving them out.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.app.images import open_image
from planner.geometry import Grid, SpaceMap, lps
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.imaging.registration import Registration, register
from planner.imaging.registration_organs import found_organ

Floats = NDArray[np.float64]
DAYS = ("post-lipiodol-1", "follow-up-6w", "ablation-done", "follow-up-3m", "follow-up-6m")
TURNS_DEG = ((0.0, 0.0, 0.0), (6.0, -4.0, 8.0), (-8.0, 5.0, -5.0))
PEER_EVALUATIONS = 30
"""Of SimpleITK's measure of likeness, for B-splines on one resolution."""
SHIFTS_MM = ((0.0, 0.0, 0.0), (30.0, -20.0, 25.0), (-15.0, 25.0, -40.0))


def lungs(folder: Path, perturbed: bool, peers: bool) -> None:
    images, places = [], []
    for name in ("3DCT_lung_baseline", "3DCT_lung_followup"):
        image = open_image(folder / f"{name}.mha")
        ijk = np.loadtxt(folder / f"{name}.txt", skiprows=2)
        images.append(image)
        places.append(image.grid.lps_from_kji.points(ijk[:, ::-1]))
    say_errors("before", places[0], places[1])
    for number in range(2):
        fixed, moving = images[number], images[1 - number]
        here, there = places[number], places[1 - number]
        what = ("baseline fixed", "follow-up fixed")[number]
        for model in ("rigid", "affine", "deformable", "deformable"):
            began = time.process_time()
            found = register(fixed, moving, model=model)
            say_errors(f"{what}, {model}", found.point_map.points(here), there)
            say_quality(found, time.process_time() - began)
        for turn, shift in list(zip(TURNS_DEG, SHIFTS_MM, strict=True))[1:] if perturbed else []:
            moved, placed = turned(moving, there, turn, shift)
            found = register(fixed, moved)
            say_errors(f"{what}, turned {turn} deg, shifted {shift} mm", found.point_map.points(here), placed)
        if peers:
            for mask in (None, found_organ(fixed, "lung").mask):
                say_peer(
                    f"{what}, SimpleITK, {'no mask' if mask is None else 'the same mask'}",
                    fixed,
                    moving,
                    mask,
                    here,
                    there,
                )


def turned(
    image: Volume, points: Floats, turn_deg: tuple[float, ...], shift_mm: tuple[float, ...]
) -> tuple[Volume, Floats]:
    """The image as it would lie on another table: its grid turned about its middle and shifted; no resampling."""
    from scipy.spatial.transform import Rotation

    middle = image.grid.centre_lps_mm
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_rotvec(np.deg2rad(turn_deg)).as_matrix()
    motion[:3, 3] = middle + np.asarray(shift_mm) - motion[:3, :3] @ middle
    frame = lps(image.grid.frame_uid)
    space = SpaceMap(frame, frame, motion)
    grid = Grid(image.grid.size_kji, space.after(image.grid.lps_from_kji), image.grid.frame_uid)
    return Volume(image.voxels, grid, image.source), space.points(points)


def say_peer(what: str, fixed: Volume, moving: Volume, mask: Mask | None, here: Floats, there: Floats) -> None:
    """SimpleITK's registration framework with its usual settings: rigid, then B-splines of about 20 mm.

    The B-splines stop after so many evaluations on each resolution, as they would not end within an hour here.
    """
    import SimpleITK

    load = os.getloadavg()[0]

    images = [SimpleITK.Cast(itk_image(each), SimpleITK.sitkFloat32) for each in (fixed, moving)]
    began, busy = time.perf_counter(), time.process_time()
    start = SimpleITK.CenteredTransformInitializer(
        *images, SimpleITK.Euler3DTransform(), SimpleITK.CenteredTransformInitializerFilter.GEOMETRY
    )
    rigid = itk_method(fixed, mask)
    rigid.SetInitialTransform(start, inPlace=False)
    rigid.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 250)
    rigid.SetOptimizerScalesFromPhysicalShift()
    first = rigid.Execute(*images)
    after_rigid = time.process_time() - busy
    bent = itk_method(fixed, mask)
    sizes = [max(1, round(n * mm / 20.0)) for n, mm in zip(images[0].GetSize(), images[0].GetSpacing(), strict=True)]
    spline = SimpleITK.BSplineTransformInitializer(images[0], sizes)
    bent.SetMovingInitialTransform(first)
    bent.SetInitialTransform(spline, inPlace=True)
    bent.SetOptimizerAsLBFGSB(numberOfIterations=PEER_EVALUATIONS, maximumNumberOfFunctionEvaluations=PEER_EVALUATIONS)
    bent.SetShrinkFactorsPerLevel([4, 2])
    bent.SetSmoothingSigmasPerLevel([4, 2])
    bent.Execute(*images)
    seconds, processor = time.perf_counter() - began, time.process_time() - busy
    whole = SimpleITK.CompositeTransform([first, spline])
    for name, found in (("rigid", first), ("rigid and B-splines", whole)):
        mapped = np.array([found.TransformPoint(point.tolist()) for point in here])
        say_errors(f"{what}, {name}", mapped, there)
    say(
        f"    {bent.GetOptimizerStopConditionDescription()}\n    {seconds:.1f} s by the clock, {processor:.1f} s of "
        f"processor, {after_rigid:.1f} s of them rigid, load {load:.1f}\n"
    )


def itk_method(fixed: Volume, mask: Mask | None) -> Any:
    import SimpleITK

    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.05, 1)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([4, 2, 1])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    if mask is not None:
        image = SimpleITK.GetImageFromArray(mask.full().astype(np.uint8))
        image.CopyInformation(itk_image(fixed))
        method.SetMetricFixedMask(image)
    return method


def itk_image(volume: Volume) -> Any:
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.voxels))
    grid = volume.grid
    image.SetOrigin(grid.lps_from_kji.points((0, 0, 0)).tolist())
    image.SetSpacing(list(grid.spacing_kji_mm[::-1]))
    image.SetDirection(np.ascontiguousarray(grid.axes_lps[:, ::-1]).ravel().tolist())
    return image


def course(preset: str, seeds: list[int], days: list[str]) -> None:
    from planner.phantom.course import CourseMaker

    for seed in seeds:
        maker = CourseMaker(preset, seed, begun_on=date(2025, 6, 3))
        first = maker.timepoint("baseline").volumes
        for key in days:
            day = maker.timepoint(key)
            for role, image in day.volumes.items():
                truth = day.truth_of(role)
                structures = truth.structures
                value = next(v for v, label in structures.labels.items() if label.structure == "liver")
                at = np.argwhere(structures.mask(value))[::7]
                points = structures.grid.lps_from_kji.points(at)
                wanted = truth.day_map.inverse_points(points)
                earlier = first["portal-venous" if role == "portal-venous" else "arterial"]
                began = time.process_time()
                found = register(image, earlier)
                straight = found.point_map.moving_from_fixed.points(points)
                say(f"seed {seed} {key} {role} on {earlier.source.phase}:\n")
                say_errors("  before", points, wanted)
                say_errors("  affine", straight, wanted)
                say_errors("  whole field in the liver", found.point_map.points(points), wanted)
                say_quality(found, time.process_time() - began)


def deposits() -> None:
    """On the small body of the tests: a known map of the organ, and a ball of 32 mm in the fixed image."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from registration_bodies import ball, bodies, truth

    pair = bodies()
    centre, points = (-25.0, -5.0, -5.0), pair.organ_points()
    near = points[np.linalg.norm(points - np.asarray(centre), axis=1) < 28.0]
    inside = ball(pair.fixed.grid, centre, 16.0)
    for name, value, leave_out in (
        ("nothing painted", None, False),
        ("Lipiodol of 900 HU", 900, False),
        ("ablation zone of 35 HU, marked", 35, True),
        ("ablation zone of 35 HU, not marked", 35, False),
    ):
        values = np.array(pair.fixed.voxels)
        if value is not None:
            values[inside] = value
        fixed = Volume(values, pair.fixed.grid, pair.fixed.source)
        given = Mask.of(fixed.grid, inside) if leave_out else None
        found = register(
            fixed, pair.moving, fixed_mask=pair.fixed_organ, moving_mask=pair.moving_organ, leave_out_fixed=given
        )
        say_errors(f"{name}, whole organ", found.point_map.points(points), truth(points))
        say_errors(f"{name}, within 28 mm of its middle", found.point_map.points(near), truth(near))


def say_errors(what: str, found: Floats, wanted: Floats) -> None:
    apart = np.linalg.norm(found - wanted, axis=1)
    say(f"{what}: mean {apart.mean():.2f}, 95 % {np.percentile(apart, 95.0):.2f}, largest {apart.max():.2f} mm\n")


def say_quality(found: Registration, processor_s: float) -> None:
    load = os.getloadavg()[0]
    dice = "none" if found.organ_dice is None else f"{found.organ_dice:.3f}"
    say(
        f"    {found.organ}, likeness {found.similarity or 0.0:.2f}, Dice {dice}, "
        f"Jacobian {found.jacobian_minimum:.2f}, folded {found.folded_fraction:.4f}, left out "
        f"{found.left_out}; {found.seconds:.1f} s by the clock, {processor_s:.1f} s of processor, load {load:.1f}\n"
    )


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("lungs", "course", "deposits"))
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "elastix-lung")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22])
    parser.add_argument("--days", nargs="+", default=list(DAYS))
    parser.add_argument("--perturbed", action="store_true")
    parser.add_argument("--peers", action="store_true")
    given = parser.parse_args()
    if given.what == "lungs":
        lungs(given.data, given.perturbed, given.peers)
    elif given.what == "course":
        course(given.preset, given.seeds, given.days)
    else:
        deposits()


if __name__ == "__main__":
    main()
