"""Masks in: label images, TotalSegmentator's class list, folders of masks, DICOM SEG; nothing that overlaps is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data import shared_data
from dicom_files import FRAME, write_series
from pydicom import dcmread
from pydicom.sr.codedict import codes

from planner.app.image_masks import open_mask, open_masks
from planner.app.images import load, open_image, scan, write_volume
from planner.errors import FrameMismatch, InputRefused, UsageError
from planner.geometry import Grid
from planner.imaging import ImageSource, LabelMap, Volume
from planner.imaging.nearest import on_grid
from planner.imaging.structures import structure_coded, structure_named, structures, totalsegmentator_classes


def painted(values: tuple[int, ...], frame_uid: str = "1.2", spacing: float = 1.0) -> LabelMap:
    voxels = np.zeros((4, 6, 6), np.uint8)
    for number, value in enumerate(values):
        voxels[1:3, 1:3, number] = value
    return LabelMap(voxels, Grid.of((4, 6, 6), spacing_kji_mm=(spacing,) * 3, frame_uid=frame_uid))


def test_that_the_class_list_is_complete_and_coded() -> None:
    classes = totalsegmentator_classes()
    assert sorted(classes) == list(range(1, 118))
    known = {
        1: "spleen",
        5: "liver",
        29: "vertebrae_L3",
        52: "aorta",
        63: "inferior_vena_cava",
        117: "costal_cartilages",
    }
    assert {value: classes[value].key for value in known} == known
    assert structures()["liver"].code == "10200004"
    assert len({one.colour for one in structures().values() if len(one.colour) != 7}) == 0


def test_that_names_and_codes_lead_to_structures() -> None:
    assert structure_named("Liver") is structures()["liver"]
    assert structure_named("portalVein") is structures()["portal_vein"]
    assert structure_named("nodule2") is structures()["lesion"]
    assert structure_named("Vertebrae L3") is structures()["vertebrae_L3"]
    assert structure_named("something else") is None
    assert structure_coded("64033007", "left") is structures()["kidney_left"]
    assert structure_coded("64033007", None) is structures()["kidney"]


def test_that_a_label_is_picked_by_number_name_and_class_list(tmp_path: Path) -> None:
    write_volume(painted((5, 1, 63)), tmp_path / "multi.nii.gz")
    spec = str(tmp_path / "multi.nii.gz")
    for word, value in (("5", 5), ("liver", 5), ("spleen", 1), ("inferior_vena_cava", 63), ("IVC", 63)):
        (one,) = open_masks(f"{spec}#{word}")
        assert np.unique(one.voxels).tolist() == [0, value]
    assert int(open_mask(spec).voxels.sum()) == 3 * 4
    assert int(open_mask(f"{spec}#liver").voxels.sum()) == 4
    with pytest.raises(UsageError):
        open_masks(f"{spec}#pancreas")


def test_that_an_unnamed_file_is_not_taken_for_the_class_list_by_itself(tmp_path: Path) -> None:
    write_volume(painted((1, 2)), tmp_path / "vessel_tumour.nii.gz")
    (one,) = open_masks(str(tmp_path / "vessel_tumour.nii.gz"))
    assert [(label.name, label.structure) for label in one.labels.values()] == [("label 1", None), ("label 2", None)]


def test_that_an_ordinary_image_is_no_mask(tmp_path: Path) -> None:
    grid = painted((1,)).grid
    write_volume(Volume(np.full((4, 6, 6), -1000, np.int16), grid, ImageSource("1.2")), tmp_path / "ct.nii")
    with pytest.raises(InputRefused) as refusal:
        open_masks(str(tmp_path / "ct.nii"))
    assert refusal.value.code == "not-a-mask"


def test_that_a_folder_of_masks_keeps_overlapping_structures_apart(tmp_path: Path) -> None:
    for name, columns in (
        ("liver", slice(0, 4)),
        ("nodule", slice(1, 3)),
        ("spleen", slice(5, 6)),
        ("aorta", slice(0, 0)),
    ):
        voxels = np.zeros((4, 6, 6), np.uint8)
        voxels[:, :, columns] = 1
        write_volume(LabelMap(voxels, painted((1,)).grid), tmp_path / f"{name}.nii.gz")
    maps = open_masks(str(tmp_path))
    assert len(maps) == 2
    volumes = {label.structure: one.volume_ml(label.value) * 1000 for one in maps for label in one.labels.values()}
    assert volumes == pytest.approx({"liver": 96, "lesion": 48, "spleen": 24, "aorta": 0})


def test_that_labels_are_resampled_in_one_frame_and_refused_in_two(tmp_path: Path) -> None:
    fine = Grid.of((8, 12, 12), origin_lps_mm=(-0.25, -0.25, -0.25), spacing_kji_mm=(0.5, 0.5, 0.5), frame_uid="1.2")
    coarse = painted((7,))
    found = on_grid(coarse, fine)
    assert found.volume_ml(7) == pytest.approx(coarse.volume_ml(7))
    turned = Grid.of(
        (12, 8, 12),
        axes_lps=np.array([[0, 0, -1], [1, 0, 0], [0, 1, 0]], float).T,
        origin_lps_mm=(0, 0, 5),
        spacing_kji_mm=(0.5, 0.5, 0.5),
        frame_uid="1.2",
    )
    for kji in np.argwhere(on_grid(coarse, turned).voxels == 7)[:20]:
        index = coarse.grid.nearest_index(turned.lps_from_kji.points(kji))
        assert index is not None
        assert int(coarse.voxels[index]) == 7
    oblique = Grid.of(
        (9, 9, 9), axes_lps=np.linalg.qr(np.array([[1, 2, 0], [0, 1, 3], [1, 0, 1]], float))[0], frame_uid="1.2"
    )
    for kji in np.argwhere(on_grid(coarse, oblique).voxels == 7):
        index = coarse.grid.nearest_index(oblique.lps_from_kji.points(kji))
        assert index is not None
        assert int(coarse.voxels[index]) == 7
    with pytest.raises(FrameMismatch):
        on_grid(coarse, Grid.of((4, 6, 6), frame_uid="9.9"))


def test_that_a_mask_without_a_frame_shares_the_image_it_is_opened_with(tmp_path: Path) -> None:
    volume = load(scan([write_series(tmp_path / "ct")]).series[0])
    mask = LabelMap((volume.voxels > -1000).astype(np.uint8), volume.grid)
    write_volume(mask, tmp_path / "liver.nrrd")
    found = open_mask(str(tmp_path / "liver.nrrd"), onto=volume)
    assert found.grid.frame_uid == FRAME
    np.testing.assert_array_equal(found.voxels, mask.voxels)


def segmentation(folder: Path, out: Path, masks: np.ndarray, kind: str = "BINARY") -> Path:
    """A DICOM SEG of (segment, slice, row, column) masks on the series of a folder, written by highdicom."""
    import highdicom

    sources = [dcmread(file) for file in sorted(folder.glob("*.dcm"))]
    described = [
        highdicom.seg.SegmentDescription(
            number,
            name,
            codes.SCT.Organ,
            code,
            highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, (name, code) in enumerate((("my liver", codes.SCT.Liver), ("second", codes.SCT.Spleen)), start=1)
    ][: len(masks)]
    object_ = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=np.moveaxis(masks, 0, -1).astype(np.uint8),
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid="1.2.826.0.1.3680043.8.498.77",
        series_number=9,
        sop_instance_uid="1.2.826.0.1.3680043.8.498.78",
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
        omit_empty_frames=True,
    )
    object_.save_as(out)
    return out


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_that_a_segmentation_comes_back_voxel_for_voxel(kind: str, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct")
    volume = load(scan([folder]).series[0])
    masks = np.zeros((2, 8, 16, 12), bool)
    masks[0, 2:5, 3:9, 2:7], masks[1, 5:8, 10:15, 1:4] = True, True
    file = segmentation(folder, tmp_path / "seg.dcm", masks, kind)
    (found,) = open_masks(str(file), onto=volume)
    assert found.grid.frame_uid == FRAME
    for number in (1, 2):
        np.testing.assert_array_equal(found.mask(number), masks[number - 1])
    assert found.labels[1].structure == "liver"
    assert found.labels[1].name == "my liver"
    assert int(open_mask(f"{file}#liver", onto=volume).voxels.sum()) == 3 * 6 * 5
    assert [one.kind for one in scan([file]).series] == ["object"]


def test_that_overlapping_segments_are_kept_whole(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct")
    masks = np.zeros((2, 8, 16, 12), bool)
    masks[0, 2:6, 3:9, 2:9], masks[1, 4:7, 5:12, 4:11] = True, True
    file = segmentation(folder, tmp_path / "seg.dcm", masks)
    maps = open_masks(str(file))
    assert len(maps) == 2
    counts = {value: int(one.mask(value).sum()) for one in maps for value in one.labels}
    assert counts == {1: int(masks[0].sum()), 2: int(masks[1].sum())}


def test_that_a_ct_is_no_segmentation(tmp_path: Path) -> None:
    folder = write_series(tmp_path)
    with pytest.raises(InputRefused) as refusal:
        open_masks(str(folder / "000.dcm"))
    assert refusal.value.code == "not-a-mask"


def test_that_the_named_class_list_of_a_real_file_is_recognised() -> None:
    (image,) = scan([shared_data("totalseg/example_ct_dicom")]).series
    (found,) = open_masks(str(shared_data("totalseg/example_seg_dicom.nii.gz")))
    assert {label.structure for label in found.labels.values()} >= {"liver", "spleen", "stomach", "pancreas"}
    assert found.labels[5].structure == "liver"
    # The file is written in RAS, the image in LPS: their boxes must be the same all the same.
    np.testing.assert_allclose(found.grid.bounds_lps_mm, image.grid.bounds_lps_mm, atol=1e-3)
    liver = found.grid.lps_from_kji.points(np.argwhere(found.mask(5)).mean(axis=0))
    spleen = found.grid.lps_from_kji.points(np.argwhere(found.mask(1)).mean(axis=0))
    assert liver[0] < spleen[0] - 50


def test_that_real_segmentations_of_another_program_are_read_whole() -> None:
    maps = open_masks(str(shared_data("dcmqi/partial_overlaps.dcm")))
    stored = dcmread(shared_data("dcmqi/partial_overlaps.dcm"))
    expected: dict[int, int] = {}
    for frame, pixels in zip(stored.PerFrameFunctionalGroupsSequence, stored.pixel_array, strict=True):
        number = int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        expected[number] = expected.get(number, 0) + int(pixels.sum())
    assert {value: int(one.mask(value).sum()) for one in maps for value in one.labels} == expected
    ct = open_image(shared_data("dcmqi/ct-3slice"))
    (liver,) = open_masks(str(shared_data("dcmqi/liver.dcm")), onto=ct)
    assert liver.grid.same_as(ct.grid)
    assert liver.labels[1].structure == "liver"
