"""The fuzz target of the readers, briefly; by hand it runs as long as wanted (see `fuzz.reading`)."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path

import pytest
from fuzz.mutations import CHANGES, mutated
from fuzz.reading import Reader, inputs, lay_out, run
from fuzz.seeds import BYSTANDER_SERIES, Seed, generated, packed, unpacked
from fuzz.worker import sentence_faults

from planner.app.images import load, scan


@pytest.fixture(scope="module")
def seeds() -> list[Seed]:
    return generated()


def test_that_every_seed_is_read_as_it_is(seeds: list[Seed], tmp_path: Path) -> None:
    """A mutation starts from something that works: a seed that is refused would prove nothing."""
    for number, seed in enumerate(seeds):
        folder = tmp_path / str(number)
        folder.mkdir()
        target, _ = lay_out(folder, seed, seed.content)
        found = scan([target])
        assert found.skipped == (), seed.name
        for entry in found.series:
            assert not any(one.blocks for one in entry.findings), (seed.name, entry.findings)
            if entry.kind == "volume":
                load(entry)


def test_that_mutated_files_neither_crash_nor_hang_and_each_refusal_is_a_sentence(seeds: list[Seed]) -> None:
    tally = run(seeds, seed=1, count=300, costly_share=0.05)
    assert tally.failures == []
    assert tally.inputs == 300
    assert tally.refused > 100
    assert tally.loaded > 100


def test_that_the_inputs_of_a_seed_are_always_the_same(seeds: list[Seed]) -> None:
    def some(seed: int, first: int) -> list[tuple[int, str, bytes]]:
        return [(number, one.name, content) for number, one, content in islice(inputs(seeds, seed, first), 20)]

    assert some(7, 0)[5:] == some(7, 5)[:15]
    assert some(7, 0) != some(8, 0)


def test_that_every_change_changes_something(seeds: list[Seed]) -> None:
    content = seeds[0].content
    for change in CHANGES:
        chance, data = random.Random(3), bytearray(content)
        for _ in range(20):
            change(data, chance, [one.content for one in seeds])
        assert bytes(data) != content, change.__name__
    assert mutated(content, random.Random(1), [content]) == mutated(content, random.Random(1), [content])


def test_that_packed_seeds_are_mutated_inside(seeds: list[Seed]) -> None:
    for seed in (one for one in seeds if one.packing is not None):
        inner = unpacked(seed)
        assert unpacked(Seed(seed.name, packed(seed, inner + b"more"), packing=seed.packing)) == inner + b"more"


def test_that_the_target_sees_what_it_looks_for(tmp_path: Path) -> None:
    """A good series that is not there, an exception and a death: each must be reported as a failure."""
    reader = Reader()
    try:
        (tmp_path / "one.dcm").write_bytes(b"no image")
        assert (
            "the good series beside it does not load"
            in reader.ask({"target": str(tmp_path), "bystander": BYSTANDER_SERIES})["faults"]
        )
        assert "UsageError" in reader.ask({"target": str(tmp_path / "gone"), "bystander": None})["faults"][0]
        reader.ask({"target": str(tmp_path), "bystander": None})
        assert reader.process is not None
        reader.process.kill()
        assert "died" in reader.ask({"target": str(tmp_path), "bystander": None})["faults"][0]
        assert reader.ask({"target": str(tmp_path), "bystander": None})["faults"] == []
    finally:
        reader.close()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("no-such-code", "a.dcm: it is wrong; ask again."),
        ("truncated", "too short."),
        ("truncated", "a.dcm: it is\nwrong; ask."),
    ],
)
def test_that_a_poor_refusal_is_a_fault(code: str, text: str) -> None:
    assert sentence_faults(code, text)
