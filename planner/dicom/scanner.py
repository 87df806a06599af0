"""The bounded header scanner: the first thing that untrusted bytes meet.

Pure Python, no allocation that the file could choose: element lengths are checked against the file, nesting against
`limits.MAXIMUM_NESTING`, deflated data against a size and a ratio. It keeps the attributes of `planner.dicom.tags` and
says where the pixels lie; it never reads them.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from planner.dicom import limits, tags
from planner.dicom.elements import Elements
from planner.dicom.sentences import visible
from planner.dicom.syntaxes import TransferSyntax, transfer_syntax
from planner.errors import InputRefused

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_SHORT = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL"}
    | {b"SS", b"ST", b"TM", b"UI", b"UL", b"US"}
)
"""Value representations with a 2-byte length (PS3.5 table 7.1-2); every other, known or not, has 4 bytes."""
_KEPT = dict.fromkeys(tags.LEAVES, True) | dict.fromkeys(tags.SEQUENCES | tags.PIXEL_TAGS, False)
"""True: the value is kept as it is. False: looked into. Absent: skipped."""
_SKIP, _SKIP_LONG, _SKIP_SEQUENCE, _LOOK = 0, -1, -2, -3
"""What to do with an element by its first bytes; above 0 it is the tag under which its value is kept."""
_MOST_HEADS = 8192


class _ExplicitFates(dict[bytes, int]):
    """By tag and VR as they are stored (6 bytes); found out once each, as headers repeat them."""

    def __init__(self, order: Literal["little", "big"], only_group: int | None = None) -> None:
        super().__init__()
        self._order: Literal["little", "big"] = order
        self._only_group = only_group

    def __missing__(self, head: bytes) -> int:
        fate = self._fate(head)
        if len(self) < _MOST_HEADS:
            self[head] = fate
        return fate

    def _fate(self, head: bytes) -> int:
        group, number = (int.from_bytes(head[at : at + 2], self._order) for at in (0, 2))
        kind, tag = head[4:], group << 16 | number
        kept = _KEPT.get(tag)
        if kept is False or group == 0xFFFE or self._only_group not in (None, group):
            return _LOOK
        if kind in _SHORT:
            return tag if kept else _SKIP
        if kept or not (kind.isalpha() and kind.isupper()):
            return _LOOK
        return _SKIP_SEQUENCE if kind == b"SQ" else _SKIP_LONG


def _implicit_fates(order: Literal["little", "big"]) -> dict[int, int]:
    """By the tag's 4 bytes as one number of that order; what is absent is skipped."""
    looked = dict.fromkeys((_ITEM, _ITEM_END, _SEQUENCE_END), False)
    fates = {tag: tag if kept else _LOOK for tag, kept in (_KEPT | looked).items()}
    if order == "big":
        return fates
    return {(tag & 0xFFFF) << 16 | tag >> 16: fate for tag, fate in fates.items()}


class _Order:
    """How numbers are unpacked in one byte order, and the fates of elements in it."""

    def __init__(self, mark: str, order: Literal["little", "big"]) -> None:
        self.head, self.short, self.long = (struct.Struct(mark + form) for form in ("HH", "H", "I"))
        self.explicit, self.implicit = struct.Struct(f"{mark}6sH"), struct.Struct(f"{mark}II")
        self.explicit_fates, self.implicit_fates = _ExplicitFates(order), _implicit_fates(order)


_LITTLE, _BIG = _Order("<", "little"), _Order(">", "big")
_META_FATES = _ExplicitFates("little", only_group=2)
_MAXIMUM_ELEMENTS = 5_000_000
_FIRST_READ = 32 * limits.KIBI


@dataclass(frozen=True, slots=True)
class PixelSpan:
    """Where the pixel data lie in the (inflated) bytes.

    Attributes
    ----------
    tag
        Pixel Data, Float Pixel Data or Double Float Pixel Data.
    offset
        Of the value, in bytes.
    length
        As declared; None for encapsulated (undefined length).
    available
        Bytes from `offset` to the end of the file.
    """

    tag: int
    offset: int
    length: int | None
    available: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the scanner kept of one file.

    Attributes
    ----------
    media_sop_class
        Of the file meta information.
    executable_preamble
        The file begins like a program or a web page (CVE-2019-11687).
    dataset_offset
        Where the data set begins in the file, behind the file meta information.
    """

    file: Path
    syntax: TransferSyntax
    elements: Elements
    pixels: PixelSpan | None
    media_sop_class: str | None
    executable_preamble: bool = False
    dataset_offset: int = 0

    @property
    def name(self) -> str:
        return self.file.name


class _NeedMore(Exception):
    """The window read so far ends before the header does."""


class _Malformed(Exception):
    """The bytes are no DICOM elements; the message says what is wrong."""


class _Parser:
    """Walks the elements of a window of the file's bytes."""

    def __init__(self, window: bytes, size: int, little_endian: bool) -> None:
        self.window, self.size, self.little = window, size, little_endian
        self.pixels: PixelSpan | None = None
        self._order = order = _LITTLE if little_endian else _BIG
        self._head, self._short, self._long = order.head, order.short, order.long
        self._count = 0

    def _need(self, stop: int) -> None:
        if stop > self.size:
            raise _Malformed(f"an element runs to byte {stop}, the file ends at byte {self.size}")
        if stop > len(self.window):
            raise _NeedMore

    def element(self, at: int, explicit: bool) -> tuple[int, bytes, int, int]:
        """(tag, VR, length, start of the value) of the element at an offset."""
        self._need(at + 8)
        self._count += 1
        if self._count > _MAXIMUM_ELEMENTS:
            raise _Malformed("it holds more than five million elements")
        group, number = self._head.unpack_from(self.window, at)
        tag = group << 16 | number
        if not explicit or group == 0xFFFE:
            return tag, b"", self._long.unpack_from(self.window, at + 4)[0], at + 8
        kind = self.window[at + 4 : at + 6]
        if kind in _SHORT:
            return tag, kind, self._short.unpack_from(self.window, at + 6)[0], at + 8
        if not (kind.isalpha() and kind.isupper()):
            raise _Malformed(f"the element {tags.tag_text(tag)} at byte {at} has no value representation")
        self._need(at + 12)
        return tag, kind, self._long.unpack_from(self.window, at + 8)[0], at + 12

    def dataset(self, at: int, end: int | None, explicit: bool, depth: int) -> tuple[Elements, int]:
        """Elements from an offset to `end` (None: to the item's delimiter), and where they stopped."""
        if depth > limits.MAXIMUM_NESTING:
            raise InputRefused("too-deep", f"sequences are nested more than {limits.MAXIMUM_NESTING} levels deep")
        raw: dict[int, bytes] = {}
        sequences: dict[int, tuple[Elements, ...]] = {}
        stop = self.size if end is None else end
        while True:
            at = self._plain_elements(raw, at, stop, explicit, depth)
            if at >= stop:
                break
            tag, kind, length, value = self.element(at, explicit)
            if tag == _ITEM_END and end is None:
                return Elements(raw, sequences, self.little), value
            if tag in tags.PIXEL_TAGS and depth == 0:
                self.pixels = PixelSpan(tag, value, None if length == _UNDEFINED else length, self.size - value)
                return Elements(raw, sequences, self.little), value
            if length == _UNDEFINED or kind == b"SQ" or tag in tags.SEQUENCES:
                items, at = self._sequence(tag, kind, length, value, explicit, depth)
                if tag in tags.SEQUENCES:
                    sequences[tag] = items
                continue
            at = value + length
            if at > stop:
                raise _Malformed(
                    f"the element {tags.tag_text(tag)} claims {length} bytes, more than remain before byte {stop}"
                )
            if tag in tags.LEAVES:
                self._need(min(at, value + limits.MAXIMUM_TEXT_BYTES))
                raw[tag] = self.window[value : min(at, value + limits.MAXIMUM_TEXT_BYTES)]
        if end is None and depth:
            raise _Malformed("a sequence item has no end")
        return Elements(raw, sequences, self.little), at

    def _plain_elements(self, raw: dict[int, bytes], at: int, stop: int, explicit: bool, depth: int) -> int:
        """Walk over elements that need no second look, keeping the wanted ones; where the first other one begins.

        The same rules as `dataset` in fewer steps: nine of ten elements of a header are such.
        """
        end, order = min(stop, len(self.window)), self._order
        if explicit:
            # A level takes 16 bytes at least, item and sequence: what is shorter than this cannot be nested too deep.
            flat = 16 * (limits.MAXIMUM_NESTING - depth)
            after = _walk_explicit(self.window, at, end, raw, order, order.explicit_fates, flat)
        else:
            after = _walk_implicit(self.window, at, end, raw, order)
        # An element has 8 bytes at least: the count is an upper bound, and costs nothing.
        self._count += (after - at) // 8
        return after

    def _sequence(
        self, tag: int, kind: bytes, length: int, at: int, explicit: bool, depth: int
    ) -> tuple[tuple[Elements, ...], int]:
        # UN of undefined length holds implicit VR items (PS3.5 6.2.2 note 2).
        inner = explicit and kind != b"UN"
        if length == _UNDEFINED:
            return self._items(at, None, inner, depth)
        end = at + length
        if end > self.size:
            raise _Malformed(f"the sequence {tags.tag_text(tag)} claims {length} bytes, more than the file has")
        if kind == b"UN":
            return (), end
        try:
            items, _ = self._items(at, end, inner, depth)
        except _Malformed:
            # A private sequence of another encoding is measured by its own length, unless we need what it holds.
            if tag in tags.SEQUENCES:
                raise
            items = ()
        return items, end

    def _items(self, at: int, end: int | None, explicit: bool, depth: int) -> tuple[tuple[Elements, ...], int]:
        items: list[Elements] = []
        stop = self.size if end is None else end
        while at < stop:
            tag, _, length, value = self.element(at, explicit)
            if tag == _SEQUENCE_END:
                return tuple(items), value
            if tag != _ITEM:
                raise _Malformed(f"a sequence holds {tags.tag_text(tag)} at byte {at} where an item must begin")
            inside = None if length == _UNDEFINED else value + length
            if inside is not None and inside > stop:
                raise _Malformed(f"a sequence item at byte {at} is longer than what holds it")
            item, at = self.dataset(value, inside, explicit, depth + 1)
            items.append(item)
        if end is None:
            raise _Malformed("a sequence has no end")
        return tuple(items), at


def _walk_explicit(
    window: bytes, at: int, end: int, raw: dict[int, bytes], order: _Order, fates: _ExplicitFates, flat: int
) -> int:
    """Keep or skip elements of explicit VR; where the first one begins that needs a second look.

    Sequences that are not kept are skipped when they have fewer than `flat` bytes.
    """
    unpack, long = order.explicit.unpack_from, order.long.unpack_from
    last = end - 8
    while at <= last:
        head, length = unpack(window, at)
        fate = fates[head]
        if fate >= 0:
            after = at + 8 + length
            if after > end:
                break
            if fate:
                raw[fate] = window[at + 8 : after]
        elif fate == _LOOK or at + 12 > end:
            break
        else:
            length = long(window, at + 8)[0]
            after = at + 12 + length
            if after > end or (fate == _SKIP_SEQUENCE and length >= flat):
                break
        at = after
    return at


def _walk_implicit(window: bytes, at: int, end: int, raw: dict[int, bytes], order: _Order) -> int:
    """As `_walk_explicit`, for implicit VR."""
    unpack, fates = order.implicit.unpack_from, order.implicit_fates
    last = end - 8
    while at <= last:
        key, length = unpack(window, at)
        after = at + 8 + length
        if after > end or length > limits.MAXIMUM_TEXT_BYTES:
            break
        fate = fates.get(key, _SKIP)
        if fate > 0:
            raw[fate] = window[at + 8 : after]
        elif fate < 0:
            break
        at = after
    return at


def refused(code: str, file: Path, what: str, advice: str) -> InputRefused:
    """A refusal that names the file, the fault and what to do."""
    return InputRefused(code, visible(f"{file.name}: {what}; {advice}."), subject=str(file))


def inflate(deflated: bytes, file: Path) -> bytes:
    """Raw deflate (PS3.5 A.5) in chunks, capped in size and in ratio.

    Raises
    ------
    InputRefused
        ``too-large`` beyond the caps, ``truncated`` when the stream is broken.
    """
    unpacker = zlib.decompressobj(-15)
    parts: list[bytes] = []
    total, waiting = 0, deflated
    ratio_cap = max(limits.INFLATE_RATIO_FREE_BYTES, limits.MAXIMUM_INFLATE_RATIO * len(deflated))
    cap = min(limits.MAXIMUM_INFLATED_BYTES, ratio_cap)
    try:
        while not unpacker.eof:
            chunk = unpacker.decompress(waiting, 4 * limits.MEBI)
            waiting = unpacker.unconsumed_tail
            total += len(chunk)
            if total > cap:
                raise refused(
                    "too-large",
                    file,
                    f"its deflated data grow beyond {cap // limits.MEBI} MiB",
                    "ask the sender for an uncompressed copy",
                )
            if not chunk and not waiting:
                break
            parts.append(chunk)
    except zlib.error as error:
        raise refused("truncated", file, f"its deflated data are broken ({error})", "fetch the file again") from error
    if not unpacker.eof:
        raise refused("truncated", file, "its deflated data end early", "fetch the file again")
    return b"".join(parts)


def _meta(window: bytes, file: Path, size: int) -> tuple[Elements, int]:
    parser = _Parser(window, size, little_endian=True)
    raw: dict[int, bytes] = {}
    at = 132
    while at < size:
        at = _walk_explicit(window, at, len(window), raw, _LITTLE, _META_FATES, 0)
        if at >= size:
            break
        parser._need(at + 2)
        if window[at : at + 2] != b"\x02\x00":
            break
        tag, _, length, value = parser.element(at, explicit=True)
        if length == _UNDEFINED:
            raise _Malformed("the file meta information holds an element of undefined length")
        parser._need(value + length)
        if tag in tags.LEAVES:
            raw[tag] = window[value : value + length]
        at = value + length
    return Elements(raw, {}, little_endian=True), at


def _parse(window: bytes, file: Path, size: int) -> Header:
    meta, start = _meta(window, file, size)
    dataset_offset = start
    uid = meta.text(tags.TRANSFER_SYNTAX)
    if uid is None:
        if start >= size:
            raise _Malformed("it ends inside the file meta information")
        raise refused(
            "unsupported-syntax", file, "it names no transfer syntax", "export it again as a DICOM part 10 file"
        )
    syntax = transfer_syntax(uid)
    executable = _executable(window)
    if syntax.deflated:
        inflated = inflate(_whole(file, size)[start:], file)
        window, start, size = inflated, 0, len(inflated)
    parser = _Parser(window, size, syntax.little_endian)
    elements, _ = parser.dataset(start, size, syntax.explicit, depth=0)
    elements.spread_character_set(())
    media = meta.text(tags.MEDIA_SOP_CLASS)
    return Header(file, syntax, elements, parser.pixels, media, executable, dataset_offset)


def _executable(window: bytes) -> bool:
    return window[:2] == b"MZ" or window[:4] == b"\x7fELF" or window[:1] == b"<" or window[:2] == b"#!"


def _whole(file: Path, size: int) -> bytes:
    if size > limits.MAXIMUM_INFLATED_BYTES:
        raise refused("too-large", file, "its deflated data are too large", "ask the sender for an uncompressed copy")
    return file.read_bytes()


def scan_file(file: Path) -> Header:
    """Read the header of one DICOM part 10 file.

    Raises
    ------
    InputRefused
        ``not-dicom``, ``truncated``, ``unsupported-syntax`` (none named), ``too-large`` or ``too-deep``; the message
        names the file and what to do.
    """
    try:
        # No file object: it asks the system more than is needed, which counts in a folder of thousands.
        stream = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(stream).st_size
            if size > limits.MAXIMUM_FILE_BYTES:
                raise refused("too-large", file, "it is larger than 4 GiB", "import it in smaller parts")
            window = _read(stream, _FIRST_READ)
            _require_part10(window, file)
            while True:
                try:
                    return _parse(window, file, size)
                except _NeedMore:
                    if len(window) >= min(size, limits.MAXIMUM_HEADER_BYTES):
                        raise refused(
                            "too-large", file, "its header is larger than 256 MiB", "ask the sender for another copy"
                        ) from None
                    more = _read(stream, 3 * len(window))
                    if not more:
                        raise _Malformed(f"it ends at byte {len(window)} while it is read") from None
                    window += more
        finally:
            os.close(stream)
    except OSError as error:
        raise refused(
            "not-dicom", file, f"it cannot be read ({error.strerror})", "check the disk and rights"
        ) from error
    except _Malformed as error:
        raise refused("truncated", file, f"it is cut short or damaged: {error}", "fetch the file again") from error
    except InputRefused as error:
        if error.subject is None:
            raise refused(error.code, file, error.message, "ask the sender for another copy") from error
        raise


def _read(stream: int, count: int) -> bytes:
    """`count` bytes of a file descriptor, or all that are left: a read may give fewer at once."""
    parts: list[bytes] = []
    while count > 0 and (part := os.read(stream, count)):
        parts.append(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _require_part10(window: bytes, file: Path) -> None:
    if window[128:132] == b"DICM":
        return
    looks_bare = len(window) > 132 and window[:4] in _BARE_STARTS
    if looks_bare:
        what, advice = "it is a DICOM data set without the file header", "export it again as a DICOM part 10 file"
    elif window[:4] == b"PK\x03\x04":
        what, advice = "it is an archive", "import it by itself"
    elif window[:2] == b"\x1f\x8b":
        what, advice = "it is a compressed file", "unpack it and import what it holds"
    else:
        what, advice = "it is not a DICOM file", "it was left out: if it is an image, export it again as DICOM"
    raise refused("not-dicom", file, what, advice)


_BARE_STARTS = frozenset(
    {b"\x08\x00\x05\x00", b"\x08\x00\x08\x00", b"\x08\x00\x16\x00", b"\x02\x00\x00\x00"}
    | {b"\x00\x08\x00\x05", b"\x00\x08\x00\x08", b"\x00\x08\x00\x16", b"\x08\x00\x00\x00"}
)
"""How data sets without preamble begin: group 0008 or 0002, in either byte order."""
