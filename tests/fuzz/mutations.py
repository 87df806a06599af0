"""Changes to bytes that readers stumble over: random ones, and lies about lengths, tags, numbers and nesting."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable

_ELEMENT = re.compile(rb"(?s)..(?:..)(?:AE|AS|AT|CS|DA|DS|DT|FD|FL|IS|LO|LT|PN|SH|SL|SS|ST|TM|UI|UL|US|OB|OW|SQ|UN)")
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_LIES = (
    b"-1",
    b"0",
    b"1e999",
    b"nan",
    b"inf",
    b"-inf",
    b"0,5",
    b"1e300",
    b"1e-300",
    b"99999999999999999999",
    b"",
    b"x",
)
_EDGES = (
    0,
    1,
    2,
    3,
    7,
    8,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFE,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFE,
    0xFFFFFFFF,
)
_NESTED = b"\x40\x00\x30\xa7SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"

Change = Callable[[bytearray, random.Random, list[bytes]], None]


def _place(data: bytearray, chance: random.Random) -> int:
    return chance.randrange(len(data)) if data else 0


def flip(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        if data:
            data[_place(data, chance)] ^= 1 << chance.randrange(8)


def overwrite(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at, size = _place(data, chance), chance.choice((1, 2, 4, 16))
    data[at : at + size] = chance.choice((b"\0" * size, b"\xff" * size, chance.randbytes(size)))


def insert(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at = _place(data, chance)
    data[at:at] = chance.randbytes(chance.choice((1, 2, 8, 200)))


def delete(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 2, 8, 100, 1000))]


def truncate(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    del data[_place(data, chance) :]


def splice(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    other = chance.choice(others)
    start = chance.randrange(len(other)) if other else 0
    at, size = _place(data, chance), chance.choice((8, 64, 1000, 100_000))
    data[at : at + chance.choice((0, size))] = other[start : start + size]


def repeat(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at, size = _place(data, chance), chance.choice((1, 8, 20, 100, 1000))
    block = bytes(data[at : at + size]) or b"\0"
    data[at:at] = block * min(chance.choice((2, 100, 5000)), 400_000 // len(block))


def nest(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at = _element(data, chance)
    data[at:at] = _NESTED * chance.choice((1, 63, 65, 500, 20_000))


def lie_about_length(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at = _element(data, chance) + chance.choice((4, 6, 8))
    size = chance.choice((2, 4))
    if at + size <= len(data):
        value = chance.choice((*_EDGES, len(data), len(data) - at, chance.getrandbits(32)))
        data[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, chance.choice(("little", "big")))


def swap_tags(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    one, other = _element(data, chance), _element(data, chance)
    data[one : one + 4], data[other : other + 4] = data[other : other + 4], data[one : one + 4]


def swap_kinds(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at = _element(data, chance) + 4
    data[at : at + 2] = chance.choice((b"SQ", b"UN", b"OB", b"US", b"DS", b"PN", b"zz", b"\0\0"))


def lie_about_a_number(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    found = list(_NUMBER.finditer(bytes(data)))
    if found:
        one, lie = chance.choice(found), chance.choice(_LIES)
        keep = chance.random() < 0.7
        data[one.start() : one.end()] = lie.ljust(one.end() - one.start())[: one.end() - one.start()] if keep else lie


def edge_value(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    """A short or a long with an extreme value, where a header is more likely than pixels."""
    at, size = _place(data, chance) // chance.choice((1, 1, 4)), chance.choice((2, 4, 8))
    packed = struct.pack(chance.choice("<>") + "Q", chance.choice(_EDGES))
    data[at : at + size] = packed[:size] if chance.random() < 0.5 else packed[-size:]


def _element(data: bytearray, chance: random.Random) -> int:
    """Where an element with a value representation begins, or anywhere."""
    found = [one.start() for one in _ELEMENT.finditer(bytes(data[:20_000]))]
    return chance.choice(found) if found else _place(data, chance)


CHANGES: tuple[Change, ...] = (
    flip,
    flip,
    overwrite,
    insert,
    delete,
    truncate,
    splice,
    repeat,
    nest,
    lie_about_length,
    lie_about_length,
    swap_tags,
    swap_kinds,
    lie_about_a_number,
    lie_about_a_number,
    edge_value,
)


def mutated(content: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """One to four changes of the content."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 4))):
        chance.choice(CHANGES)(data, chance, others)
    return bytes(data)
