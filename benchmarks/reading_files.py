"""Files for `benchmarks/reading.py`: CT series in several encodings, and a folder of mixed files. No patient data."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset

EXPLICIT = "1.2.840.10008.1.2.1"
ENCODINGS = {
    "uncompressed": EXPLICIT,
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
    "JPEG lossless": "1.2.840.10008.1.2.4.70",
    "RLE": "1.2.840.10008.1.2.5",
}
CT, MR, XA, SEG = (f"1.2.840.10008.5.1.4.1.1.{tail}" for tail in ("2", "4", "12.1", "66.4"))
_TEXTS = {
    "StudyTime": "101112",
    "ContentTime": "101113",
    "AcquisitionTime": "101112",
    "Manufacturer": "BENCHMARK",
    "InstitutionName": "Nowhere General",
    "ReferringPhysicianName": "Nobody",
    "StationName": "CT01",
    "StudyDescription": "Abdomen",
    "ManufacturerModelName": "Made Up 64",
    "BodyPartExamined": "ABDOMEN",
    "ProtocolName": "Liver three phases",
    "SoftwareVersions": "1.0",
    "KVP": "120",
    "ConvolutionKernel": "B30f",
    "PatientPosition": "HFS",
    "ReconstructionDiameter": "400",
    "ExposureTime": "500",
    "XRayTubeCurrent": "210",
    "FilterType": "0",
    "GeneratorPower": "30",
    "FocalSpots": "1.2",
    "TableHeight": "150",
    "RotationDirection": "CW",
    "StudyID": "1",
    "PositionReferenceIndicator": "SN",
    "SliceLocation": "0",
    "WindowCenter": "40",
    "WindowWidth": "400",
}


def new_uid() -> str:
    """Under 2.25 (PS3.5 B.2), short enough for a suffix."""
    return f"2.25.{uuid.uuid4().int}"


def slice_values(size: int, k: int, noise: np.random.Generator) -> NDArray[np.int16]:
    """(size, size) stored values of a body with noise: compresses about as a CT does."""
    y, x = np.mgrid[-1.0 : 1.0 : complex(size), -1.0 : 1.0 : complex(size)]
    body = (x / 0.85) ** 2 + (y / 0.65) ** 2 < 1.0
    organ = (x + 0.3) ** 2 + (y + 0.1) ** 2 < 0.12 + 0.05 * np.sin(k / 40.0)
    hounsfield = np.where(body, 40.0 + 60.0 * organ + 20.0 * np.sin(9.0 * x + k / 20.0) * np.cos(7.0 * y), -1000.0)
    hounsfield = hounsfield + noise.normal(0.0, 1.0, hounsfield.shape) * np.where(body, 12.0, 3.0)
    values: NDArray[np.int16] = (np.clip(np.rint(hounsfield), -1024, 3071) + 1024).astype(np.int16)
    return values


def header(sop_class: str, modality: str, series_uid: str, number: int) -> Dataset:
    """A data set with about as many attributes as scanners write."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.SOPClassUID = sop_class
    data.SOPInstanceUID = new_uid()
    data.file_meta.TransferSyntaxUID = EXPLICIT
    data.file_meta.MediaStorageSOPClassUID = sop_class
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.Modality, data.SeriesInstanceUID = modality, series_uid
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.PatientName, data.PatientID = "Bench^Mark", "B1"
    data.StudyInstanceUID = "1.2.3.4.5"
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = "20260102"
    data.SeriesDescription, data.SeriesNumber, data.InstanceNumber = "Liver", 2, number
    for name, value in _TEXTS.items():
        setattr(data, name, value)
    sequence = Dataset()
    sequence.CodeValue, sequence.CodingSchemeDesignator, sequence.CodeMeaning = "CTABD", "99B", "CT abdomen"
    data.ProcedureCodeSequence = [sequence]
    private = data.private_block(0x0029, "BENCHMARK HEADER", create=True)
    private.add_new(0x10, "OB", bytes(6000))
    data.FrameOfReferenceUID = series_uid + ".9"
    return data


def image(data: Dataset, values: NDArray[np.generic], frames: int = 1) -> Dataset:
    """The data set with 16-bit pixels."""
    data.Rows, data.Columns = values.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    if frames > 1:
        data.NumberOfFrames = frames
    data.PixelData = values.tobytes()
    return data


def placed(data: Dataset, z_mm: float) -> Dataset:
    data.ImagePositionPatient = [-200.0, -200.0, z_mm]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.SliceThickness = [0.78125, 0.78125], 1.25
    data.RescaleSlope, data.RescaleIntercept, data.RescaleType = 1, -1024, "HU"
    return data


def save(data: Dataset, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(file, enforce_file_format=True)


def write_series(folder: Path, slices: int, size: int = 512) -> Path:
    """A CT series, one uncompressed file a slice; file names do not follow the positions."""
    noise = np.random.default_rng(0)
    names = np.random.default_rng(1).permutation(slices)
    uid = new_uid()
    for k in range(slices):
        data = placed(image(header(CT, "CT", uid, k + 1), slice_values(size, k, noise)), 1.25 * k)
        save(data, folder / f"IM{names[k]:05d}.dcm")
    return folder


def compress(plain: Path, folder: Path, syntax: str) -> Path:
    """The same series in another transfer syntax."""
    import gdcm

    names = {
        ENCODINGS["JPEG-LS"]: gdcm.TransferSyntax.JPEGLSLossless,
        ENCODINGS["JPEG 2000"]: gdcm.TransferSyntax.JPEG2000Lossless,
        ENCODINGS["JPEG lossless"]: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
        ENCODINGS["RLE"]: gdcm.TransferSyntax.RLELossless,
    }
    folder.mkdir(parents=True)
    for file in sorted(plain.iterdir()):
        reader = gdcm.ImageReader()
        reader.SetFileName(str(file))
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(names[syntax]))
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(folder / file.name))
        if not reader.Read():
            raise OSError(f"{file} cannot be read")
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise OSError(f"{file} cannot be compressed")
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        if not writer.Write():
            raise OSError(f"{folder / file.name} cannot be written")
    return folder


def write_mixed(folder: Path, count: int) -> Path:
    """Nested folders: two thirds CT and MR slices in series of 100, XA runs, SEG objects and files that are none."""
    noise = np.random.default_rng(2)
    small = noise.integers(0, 2000, (64, 64)).astype(np.int16)
    uid = new_uid()
    for number in range(count):
        if number % 100 == 0:
            uid = new_uid()
        place = folder / f"patient{number // 1000}" / f"series{number // 100:03d}"
        kind = number % 20
        if kind == 19:
            place.mkdir(parents=True, exist_ok=True)
            (place / f"note{number}.txt").write_bytes(noise.bytes(3000))
        elif kind == 18:
            save(_segmentation(uid, number), place / f"seg{number}.dcm")
        elif kind == 17:
            runs = np.broadcast_to(small, (4, 64, 64))
            data = header(XA, "XA", uid + ".7", number)
            data.FrameTimeVector = [0.0, 66.0, 66.0, 66.0]
            save(image(data, np.ascontiguousarray(runs), 4), place / f"XA{number}")
        else:
            modality = "CT" if (number // 100) % 2 else "MR"
            data = header(CT if modality == "CT" else MR, modality, uid, number)
            save(placed(image(data, small), 1.25 * (number % 100)), place / f"I{number}")
    return folder


def _segmentation(uid: str, number: int) -> Dataset:
    data = header(SEG, "SEG", uid + ".8", number)
    data.SegmentationType = "BINARY"
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = 1, "Liver", "MANUAL"
    data.SegmentSequence = [segment]
    frames = []
    for k in range(8):
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = [0.0, 0.0, float(k)]
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = frames
    data.Rows, data.Columns, data.NumberOfFrames = 64, 64, 8
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 1, 1, 0, 0
    data.PixelData = bytes(64 * 64)
    return data


def prepared(work: Path, slices: int, files: int) -> dict[str, Path]:
    """Folder of each encoding and of the mixed files; written where they are not there yet."""
    found = {}
    for name, syntax in ENCODINGS.items():
        folder = work / f"{name.replace(' ', '-').lower()}-{slices}"
        if not folder.with_suffix(".done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            if name == "uncompressed":
                write_series(folder, slices)
            else:
                compress(found["uncompressed"], folder, syntax)
            folder.with_suffix(".done").touch()
        found[name] = folder
    mixed = work / f"mixed-{files}"
    if not mixed.with_suffix(".done").exists():
        shutil.rmtree(mixed, ignore_errors=True)
        write_mixed(mixed, files)
        mixed.with_suffix(".done").touch()
    return found | {"mixed": mixed}
