"""NIfTI, NRRD and MetaImage: our own readers and writers against SimpleITK's."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from data import shared_data

from planner.app.image_masks import names_no_frame
from planner.app.images import load, open_image, scan, write_volume
from planner.errors import InputRefused, UsageError
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume

ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha")


def turned(axis: tuple[float, float, float], angle_deg: float) -> np.ndarray:
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.deg2rad(angle_deg)
    return np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew


AXES = {
    "axial": np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float),
    "sagittal order": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float).T,
    "left-handed": np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], float),
    "oblique": turned((1, 2, 3), 35) @ np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float),
    "oblique left-handed": turned((3, -1, 1), 110) @ np.diag([1.0, -1.0, 1.0]),
}


def volume_on(axes: np.ndarray, dtype: type = np.int16) -> Volume:
    grid = Grid.of(
        (4, 5, 6), origin_lps_mm=(-31.5, 12.25, 407.1), spacing_kji_mm=(2.5, 0.75, 0.7), axes_lps=axes, frame_uid="1.2"
    )
    return Volume((np.arange(120).reshape(4, 5, 6) - 40).astype(dtype), grid, ImageSource("1.2.3"))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", AXES)
def test_that_written_volumes_come_back_and_lie_where_another_reader_says(
    name: str, ending: str, tmp_path: Path
) -> None:
    volume = volume_on(AXES[name])
    out = tmp_path / f"image{ending}"
    write_volume(volume, out)
    again = open_image(out)
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    np.testing.assert_allclose(
        again.grid.lps_from_kji.homogeneous,
        volume.grid.lps_from_kji.homogeneous,
        atol=1e-4 if "nii" in ending else 1e-12,
    )
    other = SimpleITK.ReadImage(str(out))
    np.testing.assert_array_equal(SimpleITK.GetArrayViewFromImage(other), volume.voxels)
    for kji in ((0, 0, 0), (3, 1, 5), (2, 4, 0)):
        place = other.TransformIndexToPhysicalPoint(tuple(reversed(kji)))
        np.testing.assert_allclose(volume.grid.lps_from_kji.points(kji), place, atol=1e-4)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_that_every_voxel_type_survives(dtype: type, ending: str, tmp_path: Path) -> None:
    volume = volume_on(AXES["axial"], dtype)
    volume = Volume(volume.voxels * dtype(1001), volume.grid, volume.source)
    write_volume(volume, tmp_path / f"image{ending}")
    np.testing.assert_array_equal(open_image(tmp_path / f"image{ending}").voxels, volume.voxels)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".nhdr"])
@pytest.mark.parametrize("compressed", [False, True])
def test_that_files_of_another_writer_are_read(ending: str, compressed: bool, tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray((np.arange(60).reshape(3, 4, 5) * 3).astype(np.uint16))
    image.SetSpacing((0.7, 0.8, 2.0))
    image.SetOrigin((-10.0, 20.0, 30.0))
    image.SetDirection(turned((0, 1, 1), 20).ravel().tolist())
    SimpleITK.WriteImage(image, str(tmp_path / f"other{ending}"), useCompression=compressed)
    volume = open_image(tmp_path / f"other{ending}")
    np.testing.assert_array_equal(volume.voxels, SimpleITK.GetArrayViewFromImage(image))
    for ijk in ((0, 0, 0), (4, 2, 1)):
        place = image.TransformIndexToPhysicalPoint(ijk)
        np.testing.assert_allclose(volume.grid.lps_from_kji.points(tuple(reversed(ijk))), place, atol=1e-4)


def test_that_spaces_of_nrrd_are_flipped_each_its_own_way(tmp_path: Path) -> None:
    voxels = np.arange(24, dtype="<i2")
    for space, signs in (("RAS", (-1, -1, 1)), ("left-anterior-superior", (1, -1, 1)), ("LPS", (1, 1, 1))):
        head = (
            f"NRRD0004\ntype: short\ndimension: 3\nspace: {space}\nsizes: 2 3 4\n"
            "space directions: (1,0,0) (0,2,0) (0,0,3)\nendian: little\nencoding: raw\nspace origin: (5,6,7)\n\n"
        )
        (tmp_path / "image.nrrd").write_bytes(head.encode() + voxels.tobytes())
        volume = open_image(tmp_path / "image.nrrd")
        expected = np.array(signs) * (5 + 1, 6 + 2 * 2, 7 + 3 * 3)
        np.testing.assert_allclose(volume.grid.lps_from_kji.points([3, 2, 1]), expected)
        assert int(volume.voxels[3, 2, 1]) == 23


def nifti(size: tuple[int, int, int] = (2, 3, 4), **fields: object) -> bytes:
    """A NIfTI-1 header of int16 voxels with an sform, and its zeros."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, *size, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, 4, 16)
    struct.pack_into("<8f", head, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<3f", head, 108, 352, float(fields.get("slope", 1.0)), float(fields.get("intercept", 0.0)))
    head[123] = int(fields.get("units", 2))
    struct.pack_into("<2h", head, 252, 0, int(fields.get("sform", 1)))
    rows = fields.get("rows", (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0))
    struct.pack_into("<12f", head, 280, *rows)
    head[344:348] = bytes(fields.get("magic", b"n+1\0"))
    voxels = fields.get("voxels", np.arange(24, dtype="<i2"))
    return bytes(head) + np.asarray(voxels).tobytes()


REFUSED = {
    "cut header": (nifti()[:200], "truncated"),
    "cut voxels": (nifti()[:-3], "truncated"),
    "no orientation": (nifti(sform=0), "bad-orientation"),
    "sheared": (nifti(rows=(1, 0.3, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)), "bad-orientation"),
    "no spacing": (nifti(rows=(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)), "implausible-spacing"),
    "half of a pair": (nifti(magic=b"ni1\0"), "unsupported-syntax"),
    "no size": (nifti(size=(2, 0, 4)), "undecodable"),
    "too large": (nifti(size=(30000, 3, 4)), "too-large"),
    "no nifti at all": (bytes(400), "undecodable"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", REFUSED)
def test_that_bad_nifti_files_are_refused_with_their_code(name: str, packed: bool, tmp_path: Path) -> None:
    content, code = REFUSED[name]
    file = tmp_path / ("bad.nii.gz" if packed else "bad.nii")
    file.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(InputRefused) as refusal:
        open_image(file)
    assert refusal.value.code == code
    assert "bad.nii" in refusal.value.message


def test_that_a_gzip_bomb_inflates_no_further_than_declared(tmp_path: Path) -> None:
    (tmp_path / "bomb.nii.gz").write_bytes(gzip.compress(nifti() + bytes(50 << 20)))
    assert open_image(tmp_path / "bomb.nii.gz").voxels.shape == (4, 3, 2)


def test_that_a_broken_gzip_stream_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(nifti(voxels=np.random.default_rng(1).integers(0, 9999, 24).astype("<i2"))))
    packed[len(packed) // 2] ^= 0xFF
    packed[len(packed) // 2 + 1] ^= 0xFF
    (tmp_path / "bad.nii.gz").write_bytes(bytes(packed))
    with pytest.raises(InputRefused):
        open_image(tmp_path / "bad.nii.gz")


def test_that_scaling_and_units_of_nifti_are_applied(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(nifti(slope=0.5, intercept=-10.0, units=3, rows=np.eye(4)[:3].ravel() * 1000))
    volume = open_image(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.voxels.ravel(), np.arange(24) * 0.5 - 10)
    assert volume.grid.spacing_kji_mm == pytest.approx((1.0, 1.0, 1.0))


def test_that_a_file_without_a_frame_says_so_and_has_no_hounsfield_units(tmp_path: Path) -> None:
    write_volume(volume_on(AXES["axial"]), tmp_path / "a.mha")
    (entry,) = scan([tmp_path / "a.mha"]).series
    assert [one.code for one in entry.findings] == ["missing-frame"]
    volume = load(entry)
    assert names_no_frame(volume)
    assert volume.source.unit is None


@pytest.mark.parametrize("name", ["../x.raw", "/etc/passwd", "absent.raw"])
def test_that_a_header_reads_no_file_elsewhere(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "x.raw").write_bytes(bytes(1000))
    (folder / "a.mhd").write_text(
        f"NDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\nElementSpacing = 1 1 1\nElementDataFile = {name}\n"
    )
    with pytest.raises(InputRefused) as refusal:
        open_image(folder / "a.mhd")
    assert refusal.value.code == "undecodable"


def test_that_an_unknown_ending_is_wrong_usage_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_volume(volume_on(AXES["axial"]), tmp_path / "a.xyz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "totalseg/example_ct.nii.gz",
        "tptbox-ct/sample_ct/sub-ct_label-22_ct.nii.gz",
        "elastix-lung/3DCT_lung_baseline.mha",
    ],
)
def test_that_real_files_lie_where_another_reader_says(name: str) -> None:
    file = shared_data(name)
    volume, other = open_image(file), SimpleITK.ReadImage(str(file))
    np.testing.assert_array_equal(volume.voxels, SimpleITK.GetArrayViewFromImage(other))
    for kji in ((0, 0, 0), (5, 7, 11)):
        place = other.TransformIndexToPhysicalPoint(tuple(reversed(kji)))
        np.testing.assert_allclose(volume.grid.lps_from_kji.points(kji), place, atol=1e-3)
