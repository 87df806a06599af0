"""The bad-input table of the DICOM notes (section 4), row by row.

Each has its code and a sentence that names the file and says what to do, and the good series beside it loads.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from compressed_frames import LOSSLESS, compressed_frame
from dicom_files import COLUMNS, ROWS, ct_slice, save, stored
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from planner.app.images import Scan, load, scan
from planner.errors import InputRefused

REMEDY = re.compile(
    r"\b(ask|fetch|export|import|convert|unpack|accept|copy|compare|take it out|check|choose|close|name)\b"
)
OTHER_SERIES = "1.2.826.0.1.3680043.8.498.98"


def good_beside(folder: Path) -> None:
    data = ct_slice(0)
    data.SeriesInstanceUID = OTHER_SERIES
    save(data, folder / "good.dcm")


def said(found: Scan, name: str) -> list[tuple[str, str]]:
    """(code, sentence) of everything that keeps a file from being planned on."""
    blocking = [
        (one.code, one.text)
        for entry in found.series
        if entry.uid != OTHER_SERIES
        for one in entry.findings
        if one.blocks
    ]
    return [*((one.code, one.text) for one in found.skipped if one.file.name == name), *blocking]


def edited(**values: object) -> Callable[[Path], None]:
    """A file with changed attributes; None drops one."""

    def make(file: Path) -> None:
        data = ct_slice(0)
        with disable_value_validation():
            for keyword, value in values.items():
                if value is None:
                    delattr(data, keyword)
                else:
                    setattr(data, keyword, value)
            save(data, file)

    return make


def patched(change: Callable[[bytes, int], bytes]) -> Callable[[Path], None]:
    """A file with changed bytes; the change is told where the pixel element begins."""

    def make(file: Path) -> None:
        edited()(file)
        raw = file.read_bytes()
        file.write_bytes(change(raw, raw.index(b"\xe0\x7f\x10\x00OW")))

    return make


def written(content: bytes) -> Callable[[Path], None]:
    return lambda file: file.write_bytes(content) and None


def framed(syntax: str, frame: bytes) -> Callable[[Path], None]:
    def make(file: Path) -> None:
        save(encapsulated(ct_slice(0), syntax, frame), file)

    return make


def encapsulated(data: Dataset, syntax: str, frame: bytes) -> Dataset:
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate([frame])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return data


def bomb(file: Path) -> None:
    data = ct_slice(0)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    head = save(data, file).read_bytes()
    start = 144 + struct.unpack("<I", head[140:144])[0]
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    body = packer.compress(b"\xe0\x7f\x10\x00OW\x00\x00" + struct.pack("<I", 80 << 20))
    file.write_bytes(head[:start] + body + packer.compress(bytes(80 << 20)) + packer.flush())


def nested(levels: int) -> Callable[[bytes, int], bytes]:
    opened = b"\x40\x00\x30\xa7SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closed = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    return lambda raw, pixels: raw[:pixels] + opened * levels + closed * levels + raw[pixels:]


def spaced(text: bytes) -> Callable[[bytes, int], bytes]:
    """Another text as pixel spacing, of any length."""

    def change(raw: bytes, pixels: int) -> bytes:
        at = raw.index(b"\x28\x00\x30\x00DS")
        size = struct.unpack("<H", raw[at + 6 : at + 8])[0]
        padded = text + b" " * (len(text) % 2)
        return raw[: at + 6] + struct.pack("<H", len(padded)) + padded + raw[at + 8 + size :]

    return change


def pixel_length(value: int) -> Callable[[bytes, int], bytes]:
    return lambda raw, pixels: raw[: pixels + 8] + struct.pack("<I", value) + raw[pixels + 12 :]


def _name_length(raw: bytes, pixels: int) -> bytes:
    at = raw.index(b"\x10\x00\x10\x00PN")
    return raw[: at + 6] + b"\xff\xff" + raw[at + 8 :]


HUGE_BOX = struct.pack(">HHIIIIIIIIH", 41, 0, 65535, 65535, 0, 0, 65535, 65535, 0, 0, 1) + b"\x0f\x01\x01"
FAR_OFFSETS = struct.pack("<16I", 2, 64, 2**31, *([0] * 13)) + b"\x81\x00" * 10

ROWS_OF_TABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "F1 empty": (written(b""), "not-dicom"),
    "F1 stump": (patched(lambda raw, pixels: raw[:131]), "not-dicom"),
    "F1 random": (written(bytes(range(256)) * 16), "not-dicom"),
    "F1 picture": (written(b"\xff\xd8\xff\xe0" + bytes(2000)), "not-dicom"),
    "F2 after the mark": (patched(lambda raw, pixels: raw[:132]), "truncated"),
    "F2 in the meta": (patched(lambda raw, pixels: raw[:200]), "truncated"),
    "F2 in the header": (patched(lambda raw, pixels: raw[: pixels - 60]), "truncated"),
    "F2 before the pixels": (patched(lambda raw, pixels: raw[:pixels]), "truncated"),
    "F3 one byte short": (patched(lambda raw, pixels: raw[:-1]), "truncated"),
    "F4 half": (patched(lambda raw, pixels: raw[: len(raw) // 2 + pixels // 2]), "truncated"),
    "F6 no meta": (patched(lambda raw, pixels: raw[raw.index(b"\x08\x00\x08\x00CS") :]), "not-dicom"),
    "F7 unknown syntax": (
        patched(lambda raw, pixels: raw.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0", 1)),
        "unsupported-syntax",
    ),
    "F8 text": (patched(_name_length), "truncated"),
    "F8 pixels": (patched(pixel_length(0xFFFFFFFE)), "truncated"),
    "F8 undefined": (patched(pixel_length(0xFFFFFFFF)), "truncated"),
    "N2 deep": (patched(nested(500)), "too-deep"),
    "N2 very deep": (patched(nested(100_000)), "too-deep"),
    "B1 deflated": (bomb, "too-large"),
    "B2 header": (framed(JPEG2000Lossless, b"\xff\x4f\xff\x51" + HUGE_BOX + bytes(60)), "undecodable"),
    "B3 sides": (edited(Rows=65535, Columns=65535), "too-large"),
    "B3 frames": (edited(NumberOfFrames=2_000_000_000), "too-large"),
    "B3 all": (edited(Rows=65535, Columns=65535, NumberOfFrames=100_000), "too-large"),
    "B4 no rows": (edited(Rows=0), "undecodable"),
    "B4 frames": (edited(NumberOfFrames=-1), "undecodable"),
    "B4 bits": (edited(BitsAllocated=0), "undecodable"),
    "B4 stored": (edited(BitsStored=32), "undecodable"),
    "B5 offsets": (framed(RLELossless, FAR_OFFSETS), "undecodable"),
    "G1 absent": (edited(PixelSpacing=None), "missing-spacing"),
    "G2 zero": (patched(spaced(b"0\\0")), "implausible-spacing"),
    "G2 negative": (patched(spaced(b"-1\\1")), "implausible-spacing"),
    "G2 not a number": (patched(spaced(b"NaN\\NaN")), "implausible-spacing"),
    "G2 endless": (patched(spaced(b"inf\\inf")), "implausible-spacing"),
    "G2 exponent": (patched(spaced(b"1e999\\1e999")), "implausible-spacing"),
    "G2 text": (patched(spaced(b"abc\\\x1b[2J")), "implausible-spacing"),
    "G3 comma": (patched(spaced(b"0,661\\0,661")), "implausible-spacing"),
    "G4 not orthogonal": (edited(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), "bad-orientation"),
    "G4 zeros": (edited(ImageOrientationPatient=[0] * 6), "bad-orientation"),
    "G4 far away": (edited(ImagePositionPatient=[1e30, 0, 0]), "bad-orientation"),
    "G4 no position": (edited(ImagePositionPatient=None), "bad-orientation"),
    "G5 slope zero": (edited(RescaleSlope=0), "no-rescale"),
}


@pytest.mark.parametrize("row", ROWS_OF_TABLE)
def test_that_a_bad_file_is_refused_in_a_sentence_and_the_others_load(row: str, tmp_path: Path) -> None:
    make, code = ROWS_OF_TABLE[row]
    good_beside(tmp_path)
    make(tmp_path / "bad.dcm")
    found = scan([tmp_path])
    sentences = [text for one, text in said(found, "bad.dcm") if one == code]
    assert sentences, said(found, "bad.dcm")
    for text in sentences:
        assert text.startswith("bad.dcm")
        assert text.endswith(".")
        assert text.isprintable()
        assert REMEDY.search(re.split(r"[;,]", text, maxsplit=1)[1]), text
    (other,) = (one for one in found.series if one.uid == OTHER_SERIES)
    assert load(other).voxels.shape == (1, ROWS, COLUMNS)
    for entry in found.series:
        if entry is not other and entry.kind in ("volume", "refused"):
            with pytest.raises(InputRefused):
                load(entry)


def test_that_a_comma_is_named_as_the_cause(tmp_path: Path) -> None:
    patched(spaced(b"0,661\\0,661"))(tmp_path / "bad.dcm")
    (entry,) = scan([tmp_path]).series
    assert any("'0,661\\0,661'" in one.text and "comma" in one.text for one in entry.findings)


def test_that_a_decoder_that_is_missing_is_named(tmp_path: Path) -> None:
    framed("1.2.840.10008.1.2.4.102", bytes(64))(tmp_path / "bad.dcm")
    (skipped,) = scan([tmp_path]).skipped
    assert "MPEG-4 AVC" in skipped.text
    assert "no decoder" in skipped.text


def test_that_archives_inside_a_folder_are_told_from_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04" + bytes(200))
    (tmp_path / "a.gz").write_bytes(b"\x1f\x8b" + bytes(200))
    texts = [one.text for one in scan([tmp_path]).skipped]
    assert ["unpack it" in texts[0], "import it by itself" in texts[1]] == [True, True]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI", "ignore:The value length")
@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"])
@pytest.mark.parametrize("uid", ["../../../x", "C:\\x", "1." * 200, "1.2.3;rm -rf x"])
def test_that_no_uid_that_is_none_goes_further(keyword: str, uid: str, tmp_path: Path) -> None:
    """Row U1."""
    edited(**{keyword: uid})(tmp_path / "bad.dcm")
    (entry,) = scan([tmp_path]).series
    assert "invalid-uid" in [one.code for one in entry.findings]
    volume = load(entry)
    for known in (volume.source.study_uid, volume.source.series_uid, volume.grid.frame_uid):
        assert known is None or re.fullmatch(r"[0-9.]{1,64}", known)


@pytest.mark.filterwarnings("ignore:The PN component", "ignore:The value for the data element")
def test_that_a_name_of_100_kilobytes_is_kept_and_said_to_be_too_long(tmp_path: Path) -> None:
    """Row T5."""
    edited(PatientName="A" * 100_000, SpecificCharacterSet="ISO_IR 192")(tmp_path / "bad.dcm")
    (entry,) = scan([tmp_path]).series
    assert entry.source.patient_name == "A" * 100_000
    (finding,) = (one for one in entry.findings if one.code == "overlong-text")
    assert "100000 characters" in finding.text
    assert "bad.dcm" in finding.text


def named(character_set: str, name: bytes) -> Callable[[bytes, int], bytes]:
    """A character set and the bytes of the name (and of the ID) as they stand."""

    def element(tag: bytes, kind: bytes, value: bytes) -> bytes:
        padded = value + b" " * (len(value) % 2)
        return tag + kind + struct.pack("<H", len(padded)) + padded

    def change(raw: bytes, pixels: int) -> bytes:
        first = raw.index(b"\x08\x00\x08\x00CS")
        start, stop = raw.index(b"\x10\x00\x10\x00PN"), raw.index(b"\x10\x00\x30\x00DA")
        who = element(b"\x10\x00\x10\x00", b"PN", name) + element(b"\x10\x00\x20\x00", b"LO", name)
        charset = element(b"\x08\x00\x05\x00", b"CS", character_set.encode())
        return raw[:first] + charset + raw[first:start] + who + raw[stop:]

    return change


DECODED = {
    "GB18030": ("GB18030", "Wang^XiaoDong=王^小东=".encode("gb18030"), "Wang^XiaoDong=王^小东="),
    "GBK": ("GBK", "王^小东".encode("gbk"), "王^小东"),
    "GB2312 by escapes": (
        "\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A" + "张".encode("gb2312") + b"^\x1b$)A" + "小东".encode("gb2312"),
        "Zhang^XiaoDong=张^小东",
    ),
    "JIS by escapes, three groups": (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "Shift-JIS with a backslash inside": ("ISO_IR 13", "ｿ^表".encode("shift_jis"), "ｿ^表"),
    "Korean": ("\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C" + "홍".encode("euc_kr"), "Hong^Gildong=홍"),
    "UTF-8": ("ISO_IR 192", "Müller^Jörg".encode(), "Müller^Jörg"),
    "Latin-1": ("ISO_IR 100", "Müller^Jörg".encode("latin-1"), "Müller^Jörg"),
    "Cyrillic": ("ISO_IR 144", "Люк".encode("iso8859_5"), "Люк"),
}
UNDECODED = {
    "unknown set": ("ISO_IR 999", b"Plain^Name"),
    "bytes without a set": ("", "Müller".encode("latin-1")),
    "escapes without a set": ("", b"\x1b$B;3ED\x1b(B^x"),
    "UTF-8 called Latin-1": ("ISO_IR 100", "王^小东".encode()),
    "Shift-JIS called Latin-1": ("ISO_IR 100", "山田^太郎".encode("shift_jis")),
    "Latin-1 called UTF-8": ("ISO_IR 192", "Müller".encode("latin-1")),
    "broken GB18030": ("GB18030", b"Wang\xff\xff"),
    "unknown escape": ("\\ISO 2022 IR 87", b"\x1b$Z;3ED^x"),
}


@pytest.mark.parametrize("case", DECODED)
def test_that_names_decode(case: str, tmp_path: Path) -> None:
    """Row T6, the names that are right."""
    character_set, raw, text = DECODED[case]
    patched(named(character_set, raw))(tmp_path / "bad.dcm")
    (entry,) = scan([tmp_path]).series
    assert entry.source.patient_name == text
    assert "undecodable-text" not in [one.code for one in entry.findings]


@pytest.mark.parametrize("case", UNDECODED)
@pytest.mark.filterwarnings("ignore:Unknown encoding")
def test_that_a_name_that_does_not_decode_is_said_and_matches_nobody(case: str, tmp_path: Path) -> None:
    """Row T6: a person compares; the bytes are kept, and an ID that did not decode identifies nobody."""
    character_set, raw = UNDECODED[case]
    patched(named(character_set, raw))(tmp_path / "bad.dcm")
    (entry,) = scan([tmp_path]).series
    texts = [one.text for one in entry.findings if one.code == "undecodable-text"]
    assert len(texts) == 2
    assert "name could not be decoded" in texts[0]
    assert "bad.dcm" in texts[0]
    assert entry.source.patient_id is None
    assert raw in [kept.rstrip(b" ") for kept in entry.records[0].header.elements.raw.values()]
    assert entry.loadable


def test_that_two_undecodable_identifiers_are_two_patients(tmp_path: Path) -> None:
    for index, who in enumerate((b"\xc0\xc1", b"\xc0\xc2")):
        file = tmp_path / f"{index}.dcm"
        data = ct_slice(index)
        save(data, file)
        raw = file.read_bytes()
        file.write_bytes(named("ISO_IR 192", who)(raw, raw.index(b"\xe0\x7f\x10\x00OW")))
    (entry,) = scan([tmp_path]).series
    assert "mixed-patients" in [one.code for one in entry.findings]


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.name)
def test_that_lossless_frames_come_back_to_the_last_bit(syntax: str, tmp_path: Path) -> None:
    values = np.random.default_rng(5).integers(0, 1 << 16, (ROWS, COLUMNS)).astype(np.uint16)
    data = ct_slice(0)
    data.PixelRepresentation = 0
    save(encapsulated(data, syntax, compressed_frame(values, syntax)), tmp_path / "one.dcm")
    np.testing.assert_array_equal(load(scan([tmp_path]).series[0]).voxels[0], values.astype(np.int32) - 1024)


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian], ids=lambda uid: uid.name
)
def test_that_plain_encodings_give_the_same_volume(syntax: str, tmp_path: Path) -> None:
    for index in range(3):
        data = ct_slice(index)
        data.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            data.PixelData = stored(index).astype(">i2").tobytes()
        save(data, tmp_path / f"{index}.dcm")
    volume = load(scan([tmp_path]).series[0])
    np.testing.assert_array_equal(volume.voxels, np.stack([stored(index) for index in range(3)]) - 1024)
    np.testing.assert_allclose(volume.grid.lps_from_kji.points([0, 0, 0]), [-40.5, -60.25, 100.0])


def test_that_an_overlay_of_its_own_group_changes_no_pixel(tmp_path: Path) -> None:
    data = ct_slice(0)
    data.add_new(0x60000010, "US", ROWS)
    data.add_new(0x60000011, "US", COLUMNS)
    data.add_new(0x60003000, "OW", b"\xff" * (ROWS * COLUMNS // 8))
    save(data, tmp_path / "one.dcm")
    np.testing.assert_array_equal(load(scan([tmp_path]).series[0]).voxels[0], stored(0) - 1024)


def test_that_memory_that_runs_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    edited()(tmp_path / "one.dcm")
    monkeypatch.setattr("planner.app.images.load_entry", exhausted)
    with pytest.raises(InputRefused, match="close other images") as refusal:
        load(scan([tmp_path]).series[0])
    assert refusal.value.code == "too-large"
