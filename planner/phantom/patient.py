"""The digital patient: one call from a seed to two contrast phases and their ground truth."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.errors import UsageError
from planner.imaging import ImageSource, Label, LabelMap, Volume
from planner.jobs import Context
from planner.phantom import bowel, organs, skeleton
from planner.phantom.anatomy import Anatomy, draw_anatomy
from planner.phantom.body import Trunk, paint_back_muscles, paint_heart, paint_lungs, paint_wall
from planner.phantom.canvas import Canvas
from planner.phantom.enhancement import PHASES, VESSELS, structure_labels, structure_value
from planner.phantom.fields import capsule, spline
from planner.phantom.laboratory import parsed_date
from planner.phantom.lesions import Tumour, liver_space, measure, paint_tumour, place_tumours
from planner.phantom.liver import LIVER_HIGH_MM, LIVER_LOW_MM, VENA_CAVA, paint_liver, segments
from planner.phantom.lumens_ducts import Ducts, build_ducts, paint_ducts
from planner.phantom.presets import preset_named
from planner.phantom.scanner import scan
from planner.phantom.skeleton import pedicle_centres_lps_mm
from planner.phantom.truth import Landmark, TrueLesion, Truth
from planner.phantom.vessels import Rod, Vessels, build_vessels, cover, sampled, tree_rods, tributary_rods

LABELLED_RADIUS_MM = 0.6
"""The finest vessels drawn into the vessel map."""

CASES = ("tace", "ablation", "vertebra", "course", "stent")
DESCRIPTIONS = ("Abdomen arterial phase", "Abdomen portal venous phase")
PATIENT_NAME, PATIENT_ID = "Digital^Patient", "SELDINGER-DEMO"
BIRTH_DATE, SEX, STUDY_DATE = "19610317", "M", "20250603"
SEGMENT_LABELS = {
    value: Label(value, f"liver segment {value}", f"liver_segment_{value}", colour)
    for value, colour in enumerate(
        ("#c0a060", "#c86050", "#d89050", "#c8b850", "#70b060", "#50a8a0", "#5078c0", "#8860b8"), start=1
    )
}


@dataclass(frozen=True, eq=False)
class DigitalPatient:
    """Two phases of one study and what is true of them; all on the same grid.

    Attributes
    ----------
    preset, seed, case
        What it was made from.
    """

    preset: str
    seed: int
    case: str
    anatomy: Anatomy
    arterial: Volume
    portal: Volume
    truth: Truth


def uid_of(*parts: object) -> str:
    """A UID that follows from what it names (PS3.5 B.2: 2.25 and a 128-bit number)."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big') >> 1}"


def generate(
    preset: str = "demo",
    seed: int = 7,
    *,
    case: str = "tace",
    study_date: str = STUDY_DATE,
    context: Context | None = None,
) -> DigitalPatient:
    """Make the digital patient.

    Parameters
    ----------
    preset
        ``tiny``, ``demo`` or ``full``.
    seed
        The same seed gives the same anatomy at every preset.
    case
        ``tace``, ``ablation`` and ``course`` share one anatomy; ``vertebra`` adds a compressed L2, ``stent`` a
        stricture of the common bile duct with wide ducts above it.
    study_date
        YYYYMMDD or YYYY-MM-DD.

    Raises
    ------
    UsageError
        For a bad date, or an unknown preset or case.
    """
    given = context or Context()
    check_case(case)
    parsed_date(study_date)
    scene = painted(preset, seed, case, PHASES, given.part(0.0, 0.75))
    patient = scanned_patient(scene, preset, seed, case, study_date, given.part(0.75, 1.0))
    given.step(1.0, "Digital patient made")
    return patient


def scanned_patient(
    scene: Scene, preset: str, seed: int, case: str, study_date: str, context: Context
) -> DigitalPatient:
    """The patient of a painted scene whose first two images are the arterial and the portal venous phase.

    Raises
    ------
    UsageError
        For a bad date.
    """
    given_on = parsed_date(study_date).strftime("%Y%m%d")
    identity = (preset, seed, case)
    truth = _truth(scene.canvas, scene.anatomy, scene.tumours, scene.vessels)
    if scene.ducts is not None:
        truth = with_ducts(truth, scene.ducts)
    context.step(0.2, "Simulating the scanner")
    arterial, portal = (
        Volume(voxels, scene.canvas.grid, _source(identity, index, PHASES[index], given_on))
        for index, voxels in enumerate(_scanned(scene.canvas, seed, preset_named(preset).noise_hu))
    )
    return DigitalPatient(preset, seed, case, scene.anatomy, arterial, portal, truth)


@dataclass(frozen=True, eq=False)
class Scene:
    """One patient, painted and not yet scanned."""

    anatomy: Anatomy
    tumours: tuple[Tumour, Tumour]
    vessels: Vessels
    canvas: Canvas
    ducts: Ducts | None = None


def painted(preset: str, seed: int, case: str, phases: tuple[str, ...], context: Context) -> Scene:
    """The patient of a seed and case, in contrast phases; raises as `generate`."""
    scene = tissues_painted(preset, seed, case, phases, context.part(0.0, 0.85))
    context.step(0.85, "Filling vessels")
    paint_lesions_and_vessels(scene.canvas, scene.anatomy, scene.tumours, scene.vessels, scene.ducts)
    return scene


def tissues_painted(preset: str, seed: int, case: str, phases: tuple[str, ...], context: Context) -> Scene:
    """As `painted`, and neither tumours nor vessels in the picture yet: `paint_lesions_and_vessels` adds them."""
    check_case(case)
    grid = preset_named(preset).grid(uid_of("frame", preset, seed, case))
    anatomy = draw_anatomy(seed, "vertebrae_L2" if case == "vertebra" else None)
    context.step(0.03, "Growing vessels")
    space = liver_space(anatomy)
    tumours = place_tumours(anatomy, space)
    vessels = build_vessels(anatomy, space, tumours)
    canvas = Canvas(grid, phases)
    ducts = build_ducts(anatomy) if case == "stent" else None
    paint_tissues(canvas, anatomy, context.part(0.2, 1.0))
    return Scene(anatomy, tumours, vessels, canvas, ducts)


def paint_lesions_and_vessels(
    canvas: Canvas, anatomy: Anatomy, tumours: tuple[Tumour, ...], vessels: Vessels, ducts: Ducts | None = None
) -> None:
    """Tumours into the liver, then vessels through both."""
    for tumour in tumours:
        paint_tumour(canvas, anatomy, tumour)
    _paint_vessels(canvas, vessels, ducts)


def _scanned(canvas: Canvas, seed: int, noise_hu: float) -> list[NDArray[np.int16]]:
    """Both phases as the scanner shows them, side by side on two cores."""
    with ThreadPoolExecutor(len(PHASES)) as pool:
        waiting = [
            pool.submit(scan, image, canvas.frame, seed * 31 + index, noise_hu)
            for index, image in enumerate(canvas.hu[: len(PHASES)])
        ]
        return [one.result() for one in waiting]


def check_case(case: str) -> None:
    """Raises UsageError for a case that is unknown."""
    if case not in CASES:
        raise UsageError(
            "unknown-case", f"There is no case called {case}; choose one of {', '.join(CASES)}.", subject=case
        )


def _source(identity: tuple[str, int, str], index: int, phase: str, study_date: str) -> ImageSource:
    return ImageSource(
        series_uid=uid_of("series", *identity, phase),
        modality="CT",
        description=DESCRIPTIONS[index],
        patient_id=PATIENT_ID,
        patient_name=PATIENT_NAME,
        patient_birth_date=BIRTH_DATE,
        patient_sex=SEX,
        study_uid=uid_of("study", *identity),
        study_date=study_date,
        series_number=index + 2,
        unit="HU",
        phase=phase,
        patient_position="HFS",
        window=(40.0, 400.0),
        provenance=(f"generated: digital patient, seed {identity[1]}, preset {identity[0]}, case {identity[2]}",),
    )


def paint_everything(
    canvas: Canvas,
    anatomy: Anatomy,
    tumours: tuple[Tumour, ...],
    vessels: Vessels,
    context: Context,
    ducts: Ducts | None = None,
) -> None:
    """All tissues, from the outside in; later ones replace earlier ones."""
    paint_tissues(canvas, anatomy, context.part(0.0, 0.8))
    context.step(0.8, "Filling vessels")
    paint_lesions_and_vessels(canvas, anatomy, tumours, vessels, ducts)


def paint_tissues(canvas: Canvas, anatomy: Anatomy, context: Context) -> None:
    """All tissues but tumours and vessels, from the outside in; later ones replace earlier ones."""
    context.step(0.0, "Building the trunk")
    for slab in canvas.frame.whole().slabs():
        trunk = Trunk(slab, anatomy)
        paint_wall(canvas, trunk)
        paint_lungs(canvas, trunk)
    paint_heart(canvas, anatomy)
    paint_back_muscles(canvas, anatomy)
    context.step(0.4, "Building bones")
    skeleton.paint_ribs(canvas, anatomy)
    skeleton.paint_spine(canvas, anatomy)
    context.step(0.55, "Building organs")
    bowel.paint_small_bowel(canvas, anatomy)
    bowel.paint_colon(canvas, anatomy)
    organs.paint_spleen(canvas, anatomy)
    organs.paint_kidneys(canvas, anatomy)
    organs.paint_adrenals(canvas)
    organs.paint_stomach(canvas, anatomy)
    organs.paint_pancreas(canvas, anatomy)
    paint_liver(canvas, anatomy)


def _paint_vessels(canvas: Canvas, vessels: Vessels, ducts: Ducts | None) -> None:
    """Vena cava, bile duct and the three trees."""
    levels = ("vena_cava_infrarenal", "vena_cava_renal", "vena_cava_hepatic")
    for index, ((start, first), (end, last)) in enumerate(zip(VENA_CAVA[:-1], VENA_CAVA[1:], strict=True)):
        near = canvas.frame.box(np.minimum(start, end) - 18.0, np.maximum(start, end) + 18.0)
        if near is None:
            continue
        tissue = levels[0 if index < 2 else 1 if index < 4 else 2]
        shape = capsule(near, start, end, first, last)
        canvas.paint(near, shape, tissue, structure="inferior_vena_cava")
        canvas.vessels[near.slices][shape < 0] = 4
    if ducts is not None:
        paint_ducts(canvas, ducts, structure_value("common_bile_duct"), structure_value("liver"))
    else:
        _paint_usual_duct(canvas)
    _pour(canvas, tree_rods(vessels.hepatic_vein), "hepatic_vein", 3)
    _pour(canvas, tributary_rods() + tree_rods(vessels.portal), "portal_vein", 2)
    _pour(canvas, tree_rods(vessels.artery), "artery", 1)


def _paint_usual_duct(canvas: Canvas) -> None:
    duct = spline(((-38, -12, 14), (-34, -16, -8), (-33, -12, -30), (-36, -8, -46)), 4.0)
    _pour(canvas, [(start, end, 3.0, 3.0) for start, end in zip(duct[:-1], duct[1:], strict=True)], "bile", 0)


def _pour(canvas: Canvas, rods: list[Rod], tissue: str, vessel: int) -> None:
    """Paint a whole tree at once, so that its joints leave no seams."""
    ends = np.array([place for rod in rods for place in rod[:2]])
    box = canvas.frame.box(ends.min(axis=0) - 20.0, ends.max(axis=0) + 20.0)
    if box is None:
        return
    share = cover(canvas, box, rods)
    canvas.blend(box, share, tissue)
    filled = share >= 0.5
    if vessel:
        canvas.vessels[box.slices][filled] = vessel
        _label_centrelines(canvas, [rod for rod in rods if rod[3] >= LABELLED_RADIUS_MM], vessel)
    outside = canvas.structures[box.slices] != structure_value("liver")
    if tissue == "bile":
        canvas.structures[box.slices][filled & outside] = structure_value("common_bile_duct")
    if tissue == "portal_vein":
        canvas.structures[box.slices][filled & outside] = structure_value("portal_vein")
    if tissue == "artery":
        _label_aorta(canvas, rods)


def _label_centrelines(canvas: Canvas, rods: list[Rod], vessel: int) -> None:
    """Vessels thinner than a voxel are labelled where their centreline runs, so that a tree stays in one piece."""
    points, _, _ = sampled(rods, 0.35 * canvas.frame.width_mm)
    kji = np.rint(canvas.grid.kji_from_lps.points(points)).astype(int)
    k, j, i = kji[np.all((kji >= 0) & (kji < np.asarray(canvas.grid.size_kji)), axis=1)].T
    canvas.vessels[k, j, i] = vessel


def _label_aorta(canvas: Canvas, rods: list[Rod]) -> None:
    for start, end, first, last in rods:
        near = canvas.frame.box(np.minimum(start, end) - 14.0, np.maximum(start, end) + 14.0) if last > 8.0 else None
        if near is not None:
            canvas.structures[near.slices][capsule(near, start, end, first, last) < 0] = structure_value("aorta")


def _truth(canvas: Canvas, anatomy: Anatomy, tumours: tuple[Tumour, ...], vessels: Vessels) -> Truth:
    grid = canvas.grid
    lesion_voxels = np.zeros(grid.size_kji, dtype=np.uint8)
    lesions = []
    for label, tumour in enumerate(tumours, start=1):
        box = tumour.box_in(canvas.frame)
        if box is not None:
            lesion_voxels[box.slices][tumour.distance(box, anatomy) < 0] = label
        lesions.append(_true_lesion(label, tumour, anatomy, vessels))
    return Truth(
        structures=LabelMap(canvas.structures, grid, structure_labels()),
        segments=LabelMap(_segment_voxels(canvas, anatomy), grid, SEGMENT_LABELS),
        vessels=LabelMap(
            canvas.vessels,
            grid,
            {value: Label(value, key.replace("_", " "), key, colour) for value, (key, colour) in VESSELS.items()},
        ),
        lesion_map=LabelMap(
            lesion_voxels, grid, {lesion.label: Label(lesion.label, lesion.identifier, "lesion") for lesion in lesions}
        ),
        trees={"artery": vessels.artery, "portal vein": vessels.portal, "hepatic vein": vessels.hepatic_vein},
        landmarks=_landmarks(tumours, vessels),
        lesions=tuple(lesions),
        michels=anatomy.michels,
    )


def with_ducts(truth: Truth, ducts: Ducts) -> Truth:
    """The truth of a patient whose ducts were modelled too."""
    return replace(
        truth,
        trees={**truth.trees, "bile duct": ducts.hepatic},
        landmarks=(*truth.landmarks, *ducts.landmarks()),
        lumens={"common bile duct": ducts.common},
    )


def _segment_voxels(canvas: Canvas, anatomy: Anatomy) -> NDArray[np.uint8]:
    voxels = np.zeros(canvas.grid.size_kji, dtype=np.uint8)
    box = canvas.frame.box(LIVER_LOW_MM, LIVER_HIGH_MM)
    for slab in [] if box is None else box.slabs():
        inside = canvas.structures[slab.slices] == structure_value("liver")
        voxels[slab.slices] = np.where(inside, segments(slab, anatomy), 0)
    return voxels


def _true_lesion(label: int, tumour: Tumour, anatomy: Anatomy, vessels: Vessels) -> TrueLesion:
    size = measure(tumour, anatomy)
    feeders = [segment.name for segment in vessels.artery.segments() if segment.feeds == tumour.identifier]
    return TrueLesion(
        identifier=tumour.identifier,
        label=label,
        centre_lps_mm=_triple(tumour.centre_lps_mm),
        diameter_mm=size.longest_axial_mm,
        volume_ml=size.volume_ml,
        segment=tumour.segment,
        feeders=tuple(dict.fromkeys(feeders)),
        arterial_hyperenhancement=True,
        washout=True,
        capsule=tumour.capsule,
    )


def _triple(point: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(point[0]), float(point[1]), float(point[2])


def _landmarks(tumours: tuple[Tumour, ...], vessels: Vessels) -> tuple[Landmark, ...]:
    """Origins of named arteries, the portal confluence, tumour centres and pedicles."""
    artery = vessels.artery
    found = [Landmark("portal confluence", _triple(vessels.portal.positions[0]))]
    seen: set[str] = set()
    for node, (parent, name) in enumerate(zip(artery.parents, artery.names, strict=True)):
        if parent >= 0 and name not in seen and name != artery.names[parent]:
            seen.add(name)
            found.append(Landmark(f"origin of {name}", _triple(artery.positions[parent])))
        del node
    found += [Landmark(f"centre of {tumour.identifier}", _triple(tumour.centre_lps_mm)) for tumour in tumours]
    found += [Landmark(name, place) for name, place in pedicle_centres_lps_mm().items()]
    return tuple(found)
