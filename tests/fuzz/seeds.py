"""Small well-formed inputs of every kind the readers know, made here, for the mutations to start from."""

from __future__ import annotations

import gzip
import io
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from compressed_frames import compressed_frame
from dicom_files import SERIES, STUDY, ct_slice, stored
from fuzz.report_seeds import RUN_INSTANCE, dose_report, presentation_state
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from planner.dicom.volume_writing import write_voxels
from planner.geometry import KJI, Grid, SpaceMap, lps

_IMAGE = "1.2.840.10008.5.1.4.1.1."


@dataclass(frozen=True)
class Seed:
    """A file to mutate, the good files that lie beside it, and how it is packed.

    Attributes
    ----------
    name
        Of the file; its ending decides which reader gets it.
    content
        Its bytes as stored.
    beside
        Relative path -> bytes.
    alone
        The file is opened by itself (zip, DICOMDIR), not its folder.
    packing
        ``deflate``, ``gzip`` or ``zip``: mutations also happen inside, and are packed again.
    costly
        A decoder process is needed to load it.
    """

    name: str
    content: bytes
    beside: dict[str, bytes] = field(default_factory=dict)
    alone: bool = False
    packing: str | None = None
    costly: bool = False


def dicom_bytes(data: Dataset) -> bytes:
    buffer = io.BytesIO()
    with disable_value_validation():
        data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def slice_in(syntax: str, index: int = 0) -> Dataset:
    """A CT slice in another transfer syntax."""
    data = ct_slice(index)
    data.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        data.PixelData = stored(index).astype(">i2").tobytes()
        data["PixelData"].VR = "OW"
    return data


def compressed(syntax: str, data: Dataset, frames: int = 1) -> Dataset:
    """An object's pixels, or new ones, as compressed frames."""
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelRepresentation = 0
    if syntax == JPEGBaseline8Bit:
        data.BitsAllocated = data.BitsStored = 8
        data.HighBit = 7
    data.PixelData = encapsulate([compressed_frame(stored(index).astype(np.uint16), syntax) for index in range(frames)])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return data


def _item(**values: object) -> Dataset:
    data = Dataset()
    for keyword, value in values.items():
        setattr(data, keyword, value)
    return data


def enhanced_ct() -> Dataset:
    """Four frames with shared and per-frame functional groups."""
    data = ct_slice(0)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope"):
        delattr(data, keyword)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = _IMAGE + "2.1"
    data.NumberOfFrames = 4
    data.PixelData = b"".join(stored(index).tobytes() for index in range(4))
    shared = _item(
        PixelMeasuresSequence=[_item(PixelSpacing=[0.8, 0.7], SliceThickness=2.0)],
        PlaneOrientationSequence=[_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelValueTransformationSequence=[_item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")],
    )
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    data.PerFrameFunctionalGroupsSequence = Sequence(
        _item(
            PlanePositionSequence=[_item(ImagePositionPatient=[1.0, 2.0, 10.0 + 2.0 * index])],
            FrameContentSequence=[_item(StackID="1")],
        )
        for index in range(4)
    )
    return data


def angio_run() -> Dataset:
    """An XA run of five frames with its rate, angles, distances and mask."""
    data = ct_slice(0)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope"):
        delattr(data, keyword)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = _IMAGE + "12.1"
    data.Modality, data.NumberOfFrames, data.CineRate = "XA", 5, 15
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = RUN_INSTANCE
    data.FrameTimeVector, data.FrameIncrementPointer = [0, 66, 66, 66, 70], 0x00181065
    data.PositionerPrimaryAngle, data.PositionerSecondaryAngle = 12.5, -3.0
    data.DistanceSourceToDetector, data.DistanceSourceToPatient = 1050.0, 720.0
    data.ImagerPixelSpacing = [0.3, 0.3]
    data.MaskSubtractionSequence = Sequence([_item(MaskOperation="AVG_SUB", MaskFrameNumbers=[1, 2])])
    data.PixelRepresentation = 0
    data.PixelData = b"".join(stored(index).tobytes() for index in range(5))
    return data


def segmentation() -> Dataset:
    """A BINARY SEG of two overlapping segments on three slices."""
    data = ct_slice(0)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope"):
        delattr(data, keyword)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = _IMAGE + "66.4"
    data.Modality, data.SegmentationType, data.NumberOfFrames = "SEG", "BINARY", 6
    data.BitsAllocated = data.BitsStored = 1
    data.HighBit = data.PixelRepresentation = 0
    data.SegmentSequence = Sequence(
        _item(SegmentNumber=number, SegmentLabel=name, SegmentAlgorithmType="MANUAL")
        for number, name in ((1, "liver"), (2, "lesion"))
    )
    data.SharedFunctionalGroupsSequence = Sequence(
        [
            _item(
                PixelMeasuresSequence=[_item(PixelSpacing=[0.8, 0.7], SliceThickness=2.0, SpacingBetweenSlices=2.0)],
                PlaneOrientationSequence=[_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
            )
        ]
    )
    data.PerFrameFunctionalGroupsSequence = Sequence(
        _item(
            PlanePositionSequence=[_item(ImagePositionPatient=[1.0, 2.0, 10.0 + 2.0 * (index % 3)])],
            SegmentIdentificationSequence=[_item(ReferencedSegmentNumber=1 + index // 3)],
        )
        for index in range(6)
    )
    data.PixelData = np.packbits(np.arange(6 * 16 * 12) % 3 == 0, bitorder="little").tobytes()
    return data


def media_directory() -> Dataset:
    """A DICOMDIR that lists two files of the folder ``IMAGES``."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    data.DirectoryRecordSequence = Sequence(
        _item(DirectoryRecordType="IMAGE", ReferencedFileID=["IMAGES", name]) for name in ("A", "B")
    )
    return data


def _text_and_private() -> Dataset:
    """A slice with names in several scripts, a private sequence, an overlay and a trailing padding."""
    data = ct_slice(0)
    data.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    data.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    block = data.private_block(0x0009, "TEST", create=True)
    block.add_new(0x01, "SQ", [_item(SeriesDescription="inside")])
    block.add_new(0x02, "UN", b"\x01\x02\x03\x04")
    data.add_new(0x60000010, "US", 16)
    data.add_new(0x60000011, "US", 12)
    data.add_new(0x60003000, "OW", bytes(24))
    data.add_new(0xFFFCFFFC, "OB", bytes(16))
    return data


def volume_files() -> Iterator[tuple[str, bytes]]:
    """The same small volume in every format we write."""
    homogeneous = np.diag([2.0, 0.8, 0.7, 1.0])[:, [2, 1, 0, 3]]
    grid = Grid((4, 6, 5), SpaceMap(lps("1.2.3"), KJI, homogeneous), "1.2.3")
    voxels = np.arange(120, dtype=np.int16).reshape(4, 6, 5)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("v.nii", "v.nii.gz", "v.nrrd", "v.mha"):
            file = Path(folder, name)
            write_voxels(voxels, grid, file)
            yield name, file.read_bytes()


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


_PLAIN: dict[str, Callable[[], Dataset]] = {
    "explicit": lambda: slice_in(ExplicitVRLittleEndian),
    "implicit": lambda: slice_in(ImplicitVRLittleEndian),
    "big-endian": lambda: slice_in(ExplicitVRBigEndian),
    "text": _text_and_private,
    "enhanced": enhanced_ct,
    "angio": angio_run,
    "segmentation": segmentation,
}
_COMPRESSED = {
    "baseline": JPEGBaseline8Bit,
    "lossless": JPEGLossless,
    "lossless-first-order": JPEGLosslessSV1,
    "jpeg-ls": JPEGLSLossless,
    "jpeg-2000": JPEG2000Lossless,
    "run-lengths": RLELossless,
}


def generated() -> list[Seed]:
    """Every seed, in a fixed order."""
    neighbours = {f"slice{index}.dcm": dicom_bytes(ct_slice(index)) for index in (1, 2)}
    seeds = [Seed(f"{name}.dcm", dicom_bytes(make())) for name, make in _PLAIN.items()]
    seeds.append(Seed("series.dcm", dicom_bytes(ct_slice(0)), neighbours))
    seeds.append(Seed("deflated.dcm", dicom_bytes(slice_in(DeflatedExplicitVRLittleEndian)), packing="deflate"))
    seeds += [
        Seed(f"{name}.dcm", dicom_bytes(compressed(uid, ct_slice(0))), costly=True) for name, uid in _COMPRESSED.items()
    ]
    seeds.append(Seed("frames.dcm", dicom_bytes(compressed(JPEGLSLossless, enhanced_ct(), frames=4)), costly=True))
    seeds += [Seed(name, content, packing="gzip" if name.endswith(".gz") else None) for name, content in volume_files()]
    seeds.append(Seed("dose.dcm", dicom_bytes(dose_report())))
    run = {"slice-run.dcm": dicom_bytes(angio_run())}
    seeds.append(Seed("state.dcm", dicom_bytes(presentation_state(SERIES)), run))
    pictures = {"IMAGES/A": neighbours["slice1.dcm"], "IMAGES/B": neighbours["slice2.dcm"]}
    seeds.append(Seed("DICOMDIR", dicom_bytes(media_directory()), pictures, alone=True))
    seeds.append(Seed("all.zip", _zipped(pictures), alone=True, packing="zip"))
    return seeds


BYSTANDER_SERIES = "1.2.826.0.1.3680043.8.498.99"


def bystander() -> bytes:
    """A good slice of another series, which must load whatever lies beside it."""
    data = ct_slice(0)
    data.SeriesInstanceUID, data.StudyInstanceUID = BYSTANDER_SERIES, STUDY
    return dicom_bytes(data)


def unpacked(seed: Seed) -> bytes:
    """The bytes inside a packed seed; of a zip its first file."""
    if seed.packing == "gzip":
        return gzip.decompress(seed.content)
    if seed.packing == "zip":
        with zipfile.ZipFile(io.BytesIO(seed.content)) as archive:
            return archive.read(archive.namelist()[0])
    return zlib.decompress(seed.content[_dataset_offset(seed.content) :], -15)


def packed(seed: Seed, inner: bytes) -> bytes:
    """Changed inner bytes, packed as the seed was."""
    if seed.packing == "gzip":
        return gzip.compress(inner, 1, mtime=0)
    if seed.packing == "zip":
        return _zipped({"A": inner, "../B": inner[:100]})
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return seed.content[: _dataset_offset(seed.content)] + packer.compress(inner) + packer.flush()


def _dataset_offset(content: bytes) -> int:
    return 144 + int.from_bytes(content[140:144], "little")
