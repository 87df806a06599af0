"""Fuzz target of the readers: mutated files must neither crash, hang nor fill the memory, and each gets a sentence.

By hand: ``PYTHONPATH=.:tests .venv/bin/python -m fuzz.reading --minutes 10 --seed 1 --save DIR``. The inputs of a seed
are always the same; one that fails is saved with what went wrong, and ``--first NUMBER --count 1`` makes it again.
Files below ``../shared/data/hard-*`` are mutated too where they lie beside the checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz.mutations import mutated
from fuzz.seeds import BYSTANDER_SERIES, Seed, bystander, generated, packed, unpacked

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
SECONDS_PER_INPUT = 60.0
"""A reader that takes longer hangs: each of these inputs is smaller than a megabyte."""
MOST_PEAK_KIB = 2 << 20
LARGEST_SEED = 1 << 20


@dataclass
class Tally:
    """What a run of the fuzz target saw."""

    inputs: int = 0
    refused: int = 0
    loaded: int = 0
    peak_kib: int = 0
    failures: list[str] = field(default_factory=list)
    by_seed: Counter[str] = field(default_factory=Counter)


class Reader:
    """A worker process, started again when it died or was killed."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def _start(self) -> subprocess.Popen[str]:
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        process = subprocess.Popen(
            [sys.executable, "-m", "fuzz.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **single, "PYTHONPATH": os.pathsep.join((str(ROOT), str(TESTS)))},
        )
        self._lines = queue.Queue()
        threading.Thread(target=_pump, args=(process, self._lines), daemon=True).start()
        return process

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.process is None:
            self.process = self._start()
        process = self.process
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = self._lines.get(timeout=SECONDS_PER_INPUT)
        except queue.Empty:
            self.close()
            return {"faults": [f"no answer in {SECONDS_PER_INPUT:.0f} s"]}
        except BrokenPipeError:
            line = ""
        if not line:
            code = process.wait()
            self.close()
            return {"faults": [f"the reading process died ({code})"]}
        return dict(json.loads(line))

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    stream.close()
            self.process = None


def _pump(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.put(line)
    except ValueError:
        return
    finally:
        lines.put("")


def real_seeds() -> list[Seed]:
    """The small files of the hard real sets, where they are."""
    found = sorted(
        file
        for folder in (ROOT.parent / "shared" / "data").glob("hard-*")
        for file in folder.rglob("*")
        if file.is_file() and file.stat().st_size <= LARGEST_SEED
    )
    return [Seed(file.name, file.read_bytes(), costly=True) for file in found]


def inputs(
    seeds: Sequence[Seed], seed: int, first: int = 0, costly_share: float = 1.0
) -> Iterator[tuple[int, Seed, bytes]]:
    """(number, seed, mutated bytes) without end; every number is made by itself."""
    others = [one.content for one in seeds]
    cheap = [one for one in seeds if not one.costly]
    number = first
    while True:
        chance = random.Random(f"{seed}:{number}")
        pool = seeds if chance.random() < costly_share else cheap
        chosen = chance.choice(pool)
        if chosen.packing is not None and chance.random() < 0.6:
            content = packed(chosen, mutated(unpacked(chosen), chance, others))
        else:
            content = mutated(chosen.content, chance, others)
        yield number, chosen, content
        number += 1


def lay_out(folder: Path, seed: Seed, content: bytes) -> tuple[Path, str | None]:
    """Write the input with what lies beside it; the path to open, and the series that must load from it."""
    target = folder / seed.name
    target.write_bytes(content)
    for name, good in seed.beside.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(good)
    if seed.alone:
        return target, None
    (folder / "bystander.dcm").write_bytes(bystander())
    return folder, BYSTANDER_SERIES


def run(
    seeds: Sequence[Seed],
    seed: int,
    *,
    first: int = 0,
    count: int | None = None,
    seconds: float | None = None,
    costly_share: float = 1.0,
    save: Path | None = None,
) -> Tally:
    """Read mutated inputs until the count or the time is reached."""
    tally, reader = Tally(), Reader()
    stop = None if seconds is None else time.monotonic() + seconds
    try:
        for number, chosen, content in inputs(seeds, seed, first, costly_share):
            if count is not None and number >= first + count or stop is not None and time.monotonic() > stop:
                break
            with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
                target, good = lay_out(Path(folder), chosen, content)
                reply = reader.ask({"target": str(target), "bystander": good})
                _counted(tally, reply, f"seed {seed} input {number} ({chosen.name})")
                if reply["faults"] and save is not None:
                    kept = save / f"{seed}-{number}"
                    shutil.copytree(folder, kept, dirs_exist_ok=True)
                    (kept / "faults.txt").write_text("\n".join(reply["faults"]), encoding="utf-8")
            tally.by_seed[chosen.name] += 1
    finally:
        reader.close()
    return tally


def _counted(tally: Tally, reply: dict[str, Any], what: str) -> None:
    tally.inputs += 1
    tally.refused += reply.get("refused", 0)
    tally.loaded += reply.get("loaded", 0)
    tally.peak_kib = max(tally.peak_kib, reply.get("peak_kib", 0))
    if reply.get("peak_kib", 0) > MOST_PEAK_KIB:
        reply["faults"].append(f"it took {reply['peak_kib']} KiB")
    tally.failures += [f"{what}: {fault}" for fault in reply["faults"]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int)
    parser.add_argument(
        "--costly", type=float, default=0.3, help="share of inputs from the compressed and real seeds too"
    )
    parser.add_argument("--save", type=Path, help="folder for failing inputs")
    asked = parser.parse_args()
    tally = run(
        [*generated(), *real_seeds()],
        asked.seed,
        first=asked.first,
        count=asked.count,
        seconds=None if asked.count is not None else 60 * asked.minutes,
        costly_share=asked.costly,
        save=asked.save,
    )
    lines = [
        *tally.failures,
        f"{tally.inputs} inputs of {len(tally.by_seed)} seeds: {tally.refused} refusals, {tally.loaded} loads, "
        f"peak {tally.peak_kib // 1024} MiB, {len(tally.failures)} failures",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
