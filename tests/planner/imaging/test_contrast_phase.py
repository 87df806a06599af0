"""The contrast phase told from the image: on the digital patient, on real images, and from measures alone."""

from __future__ import annotations

import numpy as np
import pytest
from data import shared_data
from other_phases import enhanced, tiny_phases

from planner.geometry import Grid
from planner.imaging import Volume
from planner.imaging.contrast_phase import (
    PHASES,
    PhaseEvidence,
    contrast_phase_of,
    estimate_of,
    estimates_in_order,
)

TYPICAL = {
    "non-contrast": PhaseEvidence(41.0, 200.0, 55.0),
    "arterial": PhaseEvidence(310.0, 200.0, 71.0, 185.0, 92.0, 0.0),
    "portal-venous": PhaseEvidence(160.0, 200.0, 110.0, 185.0, 160.0, 0.0),
    "delayed": PhaseEvidence(105.0, 200.0, 88.0, 148.0, 140.0, 3.0),
}
BETWEEN = PhaseEvidence(130.0, 200.0, 99.0, 150.0, 138.0, 0.0)
"""A weak portal venous phase or a strong delayed one."""


@pytest.mark.parametrize("phase", PHASES)
def test_that_typical_measures_name_their_phase_and_never_with_certainty(phase: str) -> None:
    estimate = estimate_of(TYPICAL[phase])
    assert estimate.phase == phase
    assert 0.85 < estimate.confidence <= 0.95
    assert sum(estimate.shares.values()) == pytest.approx(1.0)


def test_that_measures_between_two_phases_leave_the_phase_unknown() -> None:
    estimate = estimate_of(BETWEEN)
    assert estimate.phase is None
    assert 0.4 < estimate.confidence < 0.7
    assert set(sorted(estimate.shares, key=lambda each: estimate.shares[each])[2:]) == {"portal-venous", "delayed"}


def test_that_without_an_aorta_nothing_is_claimed() -> None:
    estimate = estimate_of(PhaseEvidence(liver_hu=110.0))
    assert (estimate.phase, estimate.confidence, dict(estimate.shares)) == (None, 0.0, {})


def test_that_an_aorta_alone_is_trusted_less() -> None:
    alone = estimate_of(PhaseEvidence(330.0, 120.0))
    assert alone.confidence < estimate_of(TYPICAL["arterial"]).confidence
    assert alone.confidence <= 0.8


def test_that_the_order_in_time_speaks_for_what_one_volume_leaves_open() -> None:
    # Before a clearly delayed volume it is rather portal venous; after a portal venous one it is delayed.
    alone = estimate_of(BETWEEN).shares
    middle = estimates_in_order([TYPICAL["arterial"], BETWEEN, TYPICAL["delayed"]])
    assert [middle[0].phase, middle[2].phase] == ["arterial", "delayed"]
    assert middle[1].shares["portal-venous"] > 1.15 * alone["portal-venous"]
    last = estimates_in_order([TYPICAL["arterial"], TYPICAL["portal-venous"], BETWEEN])
    assert last[2].shares["delayed"] > 1.05 * alone["delayed"]


def test_that_nothing_goes_back_to_an_earlier_phase() -> None:
    estimates = estimates_in_order([TYPICAL["delayed"], TYPICAL["arterial"]])
    assert {each.phase for each in estimates} != {"delayed", "arterial"}
    assert min(each.confidence for each in estimates) < 0.95


def test_that_a_part_without_landmarks_does_not_disturb_the_others() -> None:
    parts = estimates_in_order([TYPICAL["non-contrast"], PhaseEvidence(), TYPICAL["portal-venous"]])
    assert [each.phase for each in parts] == ["non-contrast", None, "portal-venous"]


def test_that_two_parts_of_one_phase_stay_in_it() -> None:
    assert [each.phase for each in estimates_in_order([TYPICAL["portal-venous"]] * 2)] == ["portal-venous"] * 2


@pytest.mark.parametrize("phase", PHASES)
def test_that_the_phases_of_the_digital_patient_are_told(phase: str) -> None:
    estimate = contrast_phase_of(tiny_phases()[phase])
    assert estimate.phase == phase
    assert estimate.confidence > 0.85


def test_that_landmarks_measure_what_was_painted() -> None:
    evidence = contrast_phase_of(tiny_phases()["arterial"]).evidence
    assert evidence.aorta_hu == pytest.approx(320.0, abs=8.0)
    assert evidence.liver_hu == pytest.approx(70.0, abs=5.0)
    assert evidence.corticomedullary_hu is not None
    assert evidence.corticomedullary_hu > 60.0
    late = contrast_phase_of(tiny_phases()["delayed"]).evidence
    assert late.excreted_ml is not None
    assert late.excreted_ml > 1.0


@pytest.mark.parametrize(("phase", "factor"), [("arterial", 0.75), ("arterial", 1.3), ("portal-venous", 1.3)])
def test_that_other_doses_of_contrast_are_not_mistaken(phase: str, factor: float) -> None:
    assert contrast_phase_of(enhanced(phase, factor)).phase == phase


def test_that_a_weak_portal_venous_phase_is_no_confident_other_one() -> None:
    estimate = contrast_phase_of(enhanced("portal-venous", 0.75))
    assert estimate.phase in ("portal-venous", None)


def test_that_the_order_of_axes_does_not_matter() -> None:
    volume = tiny_phases()["portal-venous"]
    axes, spacing = volume.grid.axes_lps, np.asarray(volume.grid.spacing_kji_mm)
    order = (2, 0, 1)
    turned = Grid.of(
        tuple(int(volume.grid.size_kji[axis]) for axis in order),
        origin_lps_mm=volume.grid.lps_from_kji.points((0, 0, 0)),
        spacing_kji_mm=spacing[list(order)],
        axes_lps=axes[:, list(order)],
        frame_uid=volume.grid.frame_uid,
    )
    estimate = contrast_phase_of(Volume(np.transpose(volume.voxels, order), turned, volume.source))
    assert estimate.phase == "portal-venous"
    assert estimate.evidence.aorta_hu == pytest.approx(158.0, abs=8.0)


def test_that_a_view_without_a_spine_tells_nothing() -> None:
    volume = tiny_phases()["arterial"]
    low, high = (0, 0, 0), (volume.grid.size_kji[0], 45, volume.grid.size_kji[2])
    front = Volume(volume.voxels[:, :45], volume.grid.cropped(low, high), volume.source)
    assert contrast_phase_of(front).phase is None


def test_that_noise_and_air_tell_nothing() -> None:
    grid = Grid.of((20, 64, 64), spacing_kji_mm=(5.0, 4.0, 4.0), frame_uid="1.2")
    source = tiny_phases()["arterial"].source
    air = np.full(grid.size_kji, -1000, dtype=np.int16)
    noise = np.random.default_rng(1).normal(0.0, 200.0, grid.size_kji).astype(np.int16)
    for voxels in (air, noise):
        assert contrast_phase_of(Volume(voxels, grid, source)).phase is None


@pytest.mark.parametrize(
    ("relative", "phase"),
    [
        ("pancreas-ct-cb001", "portal-venous"),
        ("totalseg/example_ct_dicom", "portal-venous"),
        ("totalseg/example_ct.nii.gz", "non-contrast"),
        ("ct-gantry-tilt-GE", None),
        ("niivue/CT_AVM.nii.gz", None),
    ],
)
def test_that_real_images_are_told_or_left_unknown(relative: str, phase: str | None) -> None:
    from planner.app.images import open_image

    volume = open_image(shared_data(relative), accept=("gantry-tilt", "uneven-spacing"))
    assert contrast_phase_of(volume).phase == phase
