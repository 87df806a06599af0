"""Slices come to where they stay, middle first, and our own decoders say what the others say."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from dicom_files import from_slice, stored, write_series

from planner.app.images import load, scan
from planner.dicom.in_place import coarse_first
from planner.dicom.own_codecs import LOSSLESS_JPEG, decode_frame
from planner.dicom.pixel_formats import PixelFormat
from planner.errors import InputRefused
from planner.imaging.growing import Growing, PartialVolume

SIZE = (9, 7)
RUN_LENGTH = "1.2.840.10008.1.2.5"


def sixteen_bits(bits_stored: int = 16) -> PixelFormat:
    return PixelFormat(*SIZE, 1, 1, 16, bits_stored, bits_stored - 1, False, "MONOCHROME2")


def values(bits: int = 16) -> np.ndarray:
    return np.random.default_rng(bits).integers(0, 1 << bits, SIZE).astype(np.uint16)


def lossless_jpeg(image: np.ndarray, precision: int, predictor: int) -> bytes:
    """An encoder from the standard's text: every category has a 5-bit code of its own number."""
    rows, columns = image.shape
    bits = ""
    old = image.astype(int)
    for row in range(rows):
        for column in range(columns):
            if row == 0:
                guess = 1 << (precision - 1) if column == 0 else old[0, column - 1]
            elif column == 0:
                guess = old[row - 1, 0]
            else:
                a, b, c = old[row, column - 1], old[row - 1, column], old[row - 1, column - 1]
                guess = [a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1][predictor - 1]
            difference = (old[row, column] - guess + 32768) % 65536 - 32768
            category = 16 if difference == -32768 else int(abs(difference)).bit_length()
            bits += f"{category:05b}"
            if 0 < category < 16:
                bits += f"{difference if difference > 0 else difference + (1 << category) - 1:0{category}b}"
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    table = bytes([0, 0, 0, 0, 0, 17, *([0] * 11)]) + bytes(range(17))
    head = struct.pack(">BHHB", precision, rows, columns, 1) + bytes([1, 0x11, 0])
    return b"".join(
        (
            b"\xff\xd8\xff\xc4" + struct.pack(">H", 2 + len(table)) + table,
            b"\xff\xc3" + struct.pack(">H", 2 + len(head)) + head,
            b"\xff\xda" + struct.pack(">H", 8) + bytes([1, 1, 0, predictor, 0, 0]),
            coded + b"\xff\xd9",
        )
    )


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("precision", [12, 16])
def test_that_lossless_jpeg_is_undone_for_every_predictor(predictor: int, precision: int) -> None:
    image, found = values(precision), np.empty(SIZE, np.uint16)
    coded = lossless_jpeg(image, precision, predictor)
    assert decode_frame(LOSSLESS_JPEG[0], sixteen_bits(precision), coded, found) is True
    np.testing.assert_array_equal(found, image)


def test_that_a_cut_or_changed_lossless_jpeg_is_refused_or_left_to_the_worker() -> None:
    coded, found = lossless_jpeg(values(), 16, 1), np.empty(SIZE, np.uint16)
    start = coded.index(b"\xff\xda") + 10
    for stop in range(start, len(coded) - 8):
        assert isinstance(decode_frame(LOSSLESS_JPEG[1], sixteen_bits(), coded[:stop], found), str)
    for stop in range(start):
        assert decode_frame(LOSSLESS_JPEG[1], sixteen_bits(), coded[:stop], found) is not True
    chance = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(coded)
        broken[chance.integers(2, len(coded))] = chance.integers(256)
        decode_frame(LOSSLESS_JPEG[1], sixteen_bits(), bytes(broken), found)


def packed(lane: np.ndarray) -> bytes:
    """PackBits with literal runs, and one repeat run at the end."""
    body, last = lane[:-3].tobytes(), lane[-3:]
    parts = [bytes([len(body[at : at + 100]) - 1]) + body[at : at + 100] for at in range(0, len(body), 100)]
    return b"".join(parts) + bytes([254, last[0]])


def run_length(image: np.ndarray) -> bytes:
    lanes = [packed((image >> shift).astype(np.uint8).ravel()) for shift in (8, 0)]
    return struct.pack("<16I", 2, 64, 64 + len(lanes[0]), *([0] * 13)) + b"".join(lanes)


def test_that_run_lengths_are_undone_and_short_ones_refused() -> None:
    image, found = values(), np.empty(SIZE, np.uint16)
    image.ravel()[-3:] = 0x1234
    coded = run_length(image)
    assert decode_frame(RUN_LENGTH, sixteen_bits(), coded, found) is True
    np.testing.assert_array_equal(found, image)
    assert isinstance(decode_frame(RUN_LENGTH, sixteen_bits(), coded[:-1], found), str)


def test_that_every_slice_is_read_once_and_the_middle_one_first() -> None:
    for count in (1, 2, 15, 40, 301):
        order = coarse_first(count)
        assert order[0] == count // 2
        assert sorted(order) == list(range(count))


def test_that_slices_can_be_looked_at_while_others_are_read(tmp_path: Path) -> None:
    seen: list[PartialVolume] = []

    def follow(growing: Growing) -> None:
        assert growing.snapshot() is None
        growing.listen(lambda: seen.append(growing.snapshot()))

    volume = load(scan([write_series(tmp_path, count=20)]).series[0], follow=follow)
    first = seen[0]
    assert first.read[10]
    np.testing.assert_array_equal(first.voxels[10], stored(10) - 1024)
    for k in np.flatnonzero(first.read):
        np.testing.assert_array_equal(first.voxels[k], volume.voxels[k])


def test_that_unread_slices_have_no_value(tmp_path: Path) -> None:
    volume = load(scan([write_series(tmp_path)]).series[0])
    growing = Growing(np.full(volume.voxels.shape, -1024, np.int16), volume.grid, volume.source)
    growing.mark_read(4)
    partial = growing.snapshot()
    assert partial is not None
    at = volume.grid.lps_from_kji.points
    assert partial.nearest(at((4, 2, 3))) == -1024.0
    assert partial.nearest(at((5, 2, 3))) is None
    asked = at([(4, 2, 3), (4.4, 2, 3), (5, 2, 3), (99, 2, 3)])
    np.testing.assert_array_equal(partial.unread_at(asked), [False, True, True, False])
    growing.mark_read(5)
    assert not partial.read[5]


def test_that_values_beyond_int16_come_in_a_wider_type_and_no_picture_of_them_before(tmp_path: Path) -> None:
    kept: list[Growing] = []
    folder = write_series(tmp_path, from_slice(7, RescaleIntercept=40000))
    volume = load(scan([folder]).series[0], follow=kept.append)
    assert volume.voxels.dtype == np.int32
    np.testing.assert_array_equal(volume.voxels[7], stored(7).astype(np.int32) + 40000)
    assert kept[0].snapshot() is None


def test_that_a_file_cut_after_the_listing_is_refused(tmp_path: Path) -> None:
    entry = scan([write_series(tmp_path)]).series[0]
    one = tmp_path / "003.dcm"
    one.write_bytes(one.read_bytes()[:-2])
    with pytest.raises(InputRefused) as refusal:
        load(entry)
    assert refusal.value.code == "truncated"
