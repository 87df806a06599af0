"""Hostile and broken bytes: each is refused with its code before anything large is allocated, and the rest loads."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from dicom_files import ct_slice, one_file, save, write_series
from pydicom.uid import JPEG2000Lossless, RLELossless

from planner.app.images import load, scan
from planner.dicom import tags
from planner.dicom.scanner import scan_file
from planner.errors import InputRefused

OPENED = b"\x40\x00\x30\xa7SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
CLOSED = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"


def codes(path: Path) -> set[str]:
    """Codes of everything that blocks or was skipped."""
    found = scan([path])
    blocked = {one.code for entry in found.series for one in entry.findings if one.blocks}
    return blocked | {one.code for one in found.skipped}


def raw_slice(folder: Path) -> tuple[bytes, int]:
    """A good file's bytes, and where its pixel element begins."""
    raw = one_file(folder).read_bytes()
    return raw, raw.index(b"\xe0\x7f\x10\x00OW")


@pytest.mark.parametrize("size", [0, 50, 128, 131])
def test_that_a_stump_is_no_dicom_file(size: int, tmp_path: Path) -> None:
    raw, _ = raw_slice(tmp_path)
    (tmp_path / "one.dcm").write_bytes(raw[:size])
    assert codes(tmp_path) == {"not-dicom"}


@pytest.mark.parametrize("keep", ["meta", "header", "half", "one short"])
def test_that_a_file_cut_anywhere_is_truncated(keep: str, tmp_path: Path) -> None:
    raw, pixels = raw_slice(tmp_path)
    size = {"meta": 140, "header": pixels - 90, "half": pixels + 100, "one short": len(raw) - 1}[keep]
    (tmp_path / "one.dcm").write_bytes(raw[:size])
    assert codes(tmp_path) == {"truncated"}


def test_that_a_file_cut_between_header_and_pixels_is_truncated(tmp_path: Path) -> None:
    raw, pixels = raw_slice(tmp_path)
    (tmp_path / "one.dcm").write_bytes(raw[:pixels])
    assert codes(tmp_path) == {"truncated"}


def test_that_a_broken_trailing_padding_does_not_cost_the_image(tmp_path: Path) -> None:
    raw, _ = raw_slice(tmp_path)
    (tmp_path / "one.dcm").write_bytes(raw + b"\xfc\xff\xfc\xffOB\x00\x00\x08\x00\x00\x00\x00\x00")
    assert load(scan([tmp_path]).series[0]).voxels.shape == (1, 16, 12)


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0" + bytes(2000), b"plain text, no image", bytes(4096)])
def test_that_other_files_are_listed_and_the_series_beside_them_loads(content: bytes, tmp_path: Path) -> None:
    write_series(tmp_path)
    (tmp_path / "other.dcm").write_bytes(content)
    found = scan([tmp_path])
    assert [(one.file.name, one.code) for one in found.skipped] == [("other.dcm", "not-dicom")]
    assert load(found.series[0]).voxels.shape == (8, 16, 12)


def test_that_a_data_set_without_file_header_is_refused_with_a_hint(tmp_path: Path) -> None:
    raw, _ = raw_slice(tmp_path)
    start = 144 + struct.unpack("<I", raw[140:144])[0]
    (tmp_path / "one.dcm").write_bytes(raw[start:])
    (skipped,) = scan([tmp_path]).skipped
    assert skipped.code == "not-dicom"
    assert "without the file header" in skipped.text


@pytest.mark.parametrize("preamble", [b"MZ", b"\x7fELF", b"<script>"])
def test_that_a_preamble_of_another_file_type_loads_with_a_warning(preamble: bytes, tmp_path: Path) -> None:
    raw, _ = raw_slice(tmp_path)
    (tmp_path / "one.dcm").write_bytes(preamble + raw[len(preamble) :])
    (entry,) = scan([tmp_path]).series
    assert entry.loadable
    assert "executable-preamble" in [one.code for one in entry.findings]


@pytest.mark.parametrize("length", [0xFFFFFFFE, 0xFFFFFFFF])
def test_that_a_lying_pixel_length_is_truncated(length: int, tmp_path: Path) -> None:
    raw, pixels = raw_slice(tmp_path)
    (tmp_path / "one.dcm").write_bytes(raw[: pixels + 8] + struct.pack("<I", length) + raw[pixels + 12 :])
    assert codes(tmp_path) == {"truncated"}


def test_that_a_lying_text_length_is_truncated(tmp_path: Path) -> None:
    raw, _ = raw_slice(tmp_path)
    name = raw.index(b"\x10\x00\x10\x00PN")
    (tmp_path / "one.dcm").write_bytes(raw[: name + 6] + b"\xff\xff" + raw[name + 8 :])
    assert codes(tmp_path) == {"truncated"}


@pytest.mark.parametrize(("levels", "deep"), [(50, False), (64, False), (65, True), (100_000, True)])
def test_that_nesting_is_accepted_to_64_levels_and_refused_beyond(levels: int, deep: bool, tmp_path: Path) -> None:
    raw, pixels = raw_slice(tmp_path)
    (tmp_path / "one.dcm").write_bytes(raw[:pixels] + OPENED * levels + CLOSED * levels + raw[pixels:])
    assert codes(tmp_path) == ({"too-deep"} if deep else set())


def test_that_nesting_is_counted_in_sequences_of_known_length_too(tmp_path: Path) -> None:
    raw, pixels = raw_slice(tmp_path)
    nest = b""
    for _ in range(80):
        item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(nest)) + nest
        nest = b"\x40\x00\x30\xa7SQ\x00\x00" + struct.pack("<I", len(item)) + item
    (tmp_path / "one.dcm").write_bytes(raw[:pixels] + nest + raw[pixels:])
    assert codes(tmp_path) == {"too-deep"}


DECLARED = {
    "both sides": ({"Rows": 65535, "Columns": 65535}, "too-large"),
    "frames": ({"NumberOfFrames": 2_000_000_000}, "too-large"),
    "no rows": ({"Rows": 0}, "undecodable"),
    "negative frames": ({"NumberOfFrames": -1}, "undecodable"),
    "no bits": ({"BitsAllocated": 0}, "undecodable"),
    "more bits than fit": ({"BitsStored": 32}, "undecodable"),
    "more frames than pixels": ({"NumberOfFrames": 3}, "truncated"),
}


@pytest.mark.parametrize("name", DECLARED)
def test_that_impossible_declarations_are_refused_before_allocation(name: str, tmp_path: Path) -> None:
    changes, code = DECLARED[name]
    one_file(tmp_path, **changes)
    assert code in codes(tmp_path)
    assert not scan([tmp_path]).series[0].loadable


def test_that_an_unknown_transfer_syntax_is_named(tmp_path: Path) -> None:
    raw, _ = raw_slice(tmp_path)
    (tmp_path / "one.dcm").write_bytes(raw.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0", 1))
    assert codes(tmp_path) == {"unsupported-syntax"}
    assert "1.2.840.10008.9.9.9" in scan([tmp_path]).skipped[0].text


def encapsulated(folder: Path, syntax: str, frame: bytes) -> Path:
    from pydicom.encaps import encapsulate

    data = ct_slice(0)
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate([frame])
    data["PixelData"].is_undefined_length = True
    data["PixelData"].VR = "OB"
    return save(data, folder / "one.dcm")


def test_that_a_codestream_of_another_size_never_reaches_a_decoder(tmp_path: Path) -> None:
    box = struct.pack(">HHIIIIIIIIH", 41, 0, 65535, 65535, 0, 0, 65535, 65535, 0, 0, 1)
    encapsulated(tmp_path, JPEG2000Lossless, b"\xff\x4f\xff\x51" + box + b"\x0f\x01\x01" + bytes(60))
    assert codes(tmp_path) == {"undecodable"}
    assert "65535" in scan([tmp_path]).skipped[0].text


def test_that_run_lengths_with_wrong_offsets_name_the_frame(tmp_path: Path) -> None:
    encapsulated(tmp_path, RLELossless, struct.pack("<16I", 2, 64, 2**31, *([0] * 13)) + b"\x81\x00" * 10)
    assert codes(tmp_path) == {"undecodable"}
    assert "frame 1" in scan([tmp_path]).skipped[0].text


def test_that_a_broken_codestream_is_refused_by_the_worker_and_names_the_file(tmp_path: Path) -> None:
    box = struct.pack(">HHIIIIIIIIH", 41, 0, 12, 16, 0, 0, 12, 16, 0, 0, 1)
    encapsulated(tmp_path, JPEG2000Lossless, b"\xff\x4f\xff\x51" + box + b"\x0f\x01\x01" + bytes(60))
    with pytest.raises(InputRefused) as refusal:
        load(scan([tmp_path]).series[0])
    assert refusal.value.code == "undecodable"
    assert "one.dcm" in refusal.value.message


BAD_UIDS = ["../../../x", "/somewhere/x", "C:\\x", "CON", "1." * 200, "", "1.2.3;rm -rf x", "1..2.03"]


@pytest.mark.parametrize("uid", BAD_UIDS)
def test_that_a_uid_that_is_none_is_replaced_and_said(uid: str, tmp_path: Path) -> None:
    one_file(tmp_path, SeriesInstanceUID=uid)
    (entry,) = scan([tmp_path]).series
    assert entry.uid.startswith("2.25.")
    assert "invalid-uid" in [one.code for one in entry.findings]


@pytest.mark.parametrize(
    "text", ["<img src='file:///x'>^X", "Robert'); DROP TABLE plans;--", "{{7*7}}", "%s%n", "=cmd|'A0"]
)
def test_that_hostile_text_is_kept_as_it_is(text: str, tmp_path: Path) -> None:
    one_file(tmp_path, PatientName=text, SpecificCharacterSet="ISO_IR 192")
    assert scan([tmp_path]).series[0].source.patient_name == text


def test_that_names_of_other_scripts_decode(tmp_path: Path) -> None:
    one_file(tmp_path, PatientName="王^小明", SpecificCharacterSet="ISO_IR 192")
    (entry,) = scan([tmp_path]).series
    assert entry.source.patient_name == "王^小明"
    assert entry.findings == ()


def test_that_a_name_in_an_unknown_character_set_is_said_to_be_undecoded(tmp_path: Path) -> None:
    one_file(tmp_path, SpecificCharacterSet="ISO_IR 999")
    assert "undecodable-text" in [one.code for one in scan([tmp_path]).series[0].findings]


def test_that_private_sequences_are_passed_over(tmp_path: Path) -> None:
    raw, pixels = raw_slice(tmp_path)
    private = (
        b"\x09\x60\x10\x00UN\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\x08\x00\x00\x00\x09\x60\x11\x00\x00\x00\x00\x00"
    )
    (tmp_path / "one.dcm").write_bytes(raw[:pixels] + private + b"\xfe\xff\xdd\xe0\x00\x00\x00\x00" + raw[pixels:])
    assert scan_file(tmp_path / "one.dcm").elements.integer(tags.ROWS) == 16
    assert scan([tmp_path]).series[0].loadable
