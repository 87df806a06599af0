"""Attributes as raw bytes, decoded when asked. Nothing here trusts the file."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable
from functools import lru_cache

from planner.dicom import tags

_PLAIN_SETS = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 100": "latin-1",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
"""Character sets that need no code extensions (DICOM PS3.3 C.12.1.1.2)."""


class Elements:
    """The kept attributes of one data set or sequence item.

    Parameters
    ----------
    raw
        Tag -> value bytes as stored.
    sequences
        Tag -> items.
    """

    __slots__ = ("character_set", "little_endian", "raw", "sequences")

    def __init__(self, raw: dict[int, bytes], sequences: dict[int, tuple[Elements, ...]], little_endian: bool) -> None:
        self.raw = raw
        self.sequences = sequences
        self.little_endian = little_endian
        self.character_set: tuple[str, ...] = ()

    def text(self, tag: int) -> str | None:
        """The attribute as plain text without padding; None when absent or empty.

        For attributes limited to the default repertoire (codes, dates, numbers, UIDs).
        """
        raw = self.raw.get(tag)
        if raw is None:
            return None
        return _plain_text(raw) if len(raw) <= _REMEMBERED_BYTES else _plain_text.__wrapped__(raw)

    def texts(self, tag: int) -> tuple[str, ...]:
        """The values of a multi-valued attribute, each without padding."""
        raw = self.raw.get(tag)
        if raw is None:
            return ()
        return _plain_texts(raw) if len(raw) <= _REMEMBERED_BYTES else _plain_texts.__wrapped__(raw)

    def integer(self, tag: int) -> int | None:
        """An IS value, or a binary one of 2 or 4 bytes read unsigned; None when absent or not a whole number."""
        raw = self.raw.get(tag)
        if raw is None:
            return None
        if tag in BINARY:
            if len(raw) in (2, 4):
                return int.from_bytes(raw, "little" if self.little_endian else "big")
            return None
        try:
            value = float(self.texts(tag)[0])
        except (ValueError, IndexError):
            return None
        return int(value) if math.isfinite(value) and value.is_integer() else None

    def numbers(self, tag: int) -> tuple[float, ...] | None:
        """DS or FD values; None when absent. A value that is no number is NaN."""
        raw = self.raw.get(tag)
        if raw is None:
            return None
        if tag in DOUBLES and len(raw) == 8:
            return struct.unpack("<d" if self.little_endian else ">d", raw)
        return _numbers(raw) if len(raw) <= _REMEMBERED_BYTES else _numbers.__wrapped__(raw)

    def number(self, tag: int) -> float | None:
        values = self.numbers(tag)
        return values[0] if values else None

    def words(self, tag: int) -> tuple[str | None, bool]:
        """Free text in the file's character set, and whether it decoded without loss."""
        raw = self.raw.get(tag)
        if raw is None:
            return None, True
        text, exact = decode_text(raw[: 1 << 20], self.character_set)
        return text.strip(" \0\t") or None, exact

    def items(self, tag: int) -> tuple[Elements, ...]:
        return self.sequences.get(tag, ())

    def first(self, tag: int) -> Elements | None:
        items = self.items(tag)
        return items[0] if items else None

    def spread_character_set(self, names: tuple[str, ...]) -> None:
        """Items inherit the character set of the data set that holds them (PS3.5 7.5.3)."""
        self.character_set = self.texts(tags.CHARACTER_SET) or names
        for items in self.sequences.values():
            for item in items:
                item.spread_character_set(self.character_set)


BINARY = frozenset(
    {
        tags.ROWS,
        tags.COLUMNS,
        tags.BITS_ALLOCATED,
        tags.BITS_STORED,
        tags.HIGH_BIT,
        tags.PIXEL_REPRESENTATION,
        tags.PLANAR_CONFIGURATION,
        tags.SAMPLES_PER_PIXEL,
        tags.SEGMENT_NUMBER,
        tags.REFERENCED_SEGMENT,
        tags.TEMPORAL_POSITION_INDEX,
        tags.FRAME_ACQUISITION_NUMBER,
        tags.MAXIMUM_FRACTIONAL_VALUE,
        tags.PIXEL_PADDING,
    }
)
"""Kept attributes with VR US or UL (or SS for the padding value)."""
DOUBLES = frozenset({tags.B_VALUE, tags.EFFECTIVE_ECHO_TIME})


_REMEMBERED_BYTES, _REMEMBERED_VALUES = 256, 8192
"""The slices of a series repeat most of their values: short ones are decoded once."""


@lru_cache(_REMEMBERED_VALUES)
def _plain_text(raw: bytes) -> str | None:
    return raw.decode("latin-1").strip(" \0\t\r\n") or None


@lru_cache(_REMEMBERED_VALUES)
def _plain_texts(raw: bytes) -> tuple[str, ...]:
    text = _plain_text.__wrapped__(raw)
    return () if text is None else tuple(value.strip(" \0") for value in text.split("\\"))


@lru_cache(_REMEMBERED_VALUES)
def _numbers(raw: bytes) -> tuple[float, ...]:
    return tuple(_number(text) for text in _plain_texts.__wrapped__(raw))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def decode_text(raw: bytes, character_set: Iterable[str]) -> tuple[str, bool]:
    """Decode free text; the flag is False when bytes did not fit the named character set.

    What does not fit is replaced, never guessed: the text must not be used to match patients then.
    """
    names = tuple(character_set)
    if len(names) <= 1 and (names[0] if names else "") in _PLAIN_SETS:
        codec = _PLAIN_SETS[names[0] if names else ""]
        try:
            text = raw.decode(codec)
            return text, not _holds_controls(text)
        except UnicodeDecodeError:
            return raw.decode(codec, errors="replace"), False
    return _decode_extended(raw, names)


def _decode_extended(raw: bytes, names: tuple[str, ...]) -> tuple[str, bool]:
    import warnings

    from pydicom.charset import convert_encodings, decode_bytes

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            encodings = convert_encodings(list(names))
            text = str(decode_bytes(raw, encodings, {ord(one) for one in "\\^=\r\n\t\f"}))
        except (LookupError, ValueError, UnicodeError):
            return raw.decode("ascii", errors="replace"), False
    if "ISO 2022 IR 58" in names:
        text = text.replace(_CHINESE_ESCAPE, "")
    return text, not caught and "\ufffd" not in text and not _holds_controls(text)


_CHINESE_ESCAPE = "\x1b$)A"
"""Designates GB 2312 (PS3.3 table C.12-4); pydicom decodes what follows it and leaves it in the text."""


def _holds_controls(text: str) -> bool:
    """Whether controls show that the bytes belong to another character set: escapes, or UTF-8 read as Latin-1."""
    return _CONTROLS.search(text.strip(" \0")) is not None


_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
"""Tab and line ends decode, though names must not hold them (PS3.5 6.1.3)."""
