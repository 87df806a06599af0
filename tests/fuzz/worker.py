"""The process that reads the mutated files: it has a memory limit, and may be killed. One JSON line in, one out."""

from __future__ import annotations

import json
import re
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

MEMORY_BYTES = 3 << 30
"""Address space; a reader's libraries alone map about half a gibibyte."""
REFUSALS = frozenset(
    {"mixed-patients", "mixed-frames", "mixed-orientation", "mixed-spacing", "gantry-tilt", "missing-slices"}
    | {"uneven-spacing", "duplicate-slices", "implausible-spacing", "missing-spacing", "bad-orientation", "truncated"}
    | {"undecodable", "unsupported-syntax", "not-dicom", "too-large", "too-deep", "no-rescale", "unsafe-entry"}
    | {"missing-file", "not-a-mask", "not-a-volume", "two-orientations"}
)
"""Codes that a refusal or a skipped file may have: the contract's, and those of archives, masks and runs."""
_CODE = re.compile(r"[a-z]+(-[a-z]+)*")


def sentence_faults(code: str, text: str, allowed: frozenset[str] | None = REFUSALS) -> list[str]:
    """What is wrong with a refusal: an unknown code, no sentence, or text that steers a terminal or a log."""
    faults = []
    if allowed is not None and code not in allowed or _CODE.fullmatch(code) is None:
        faults.append(f"unknown code {code!r}")
    if len(text) < 20 or not text.rstrip(")").endswith(".") or len(text) > 2000:
        faults.append(f"no sentence: {text[:300]!r}")
    if not all(one.isprintable() for one in text):
        faults.append(f"control characters: {text[:300]!r}")
    return faults


def read(target: Path, bystander: str | None) -> dict[str, Any]:
    """Scan and load whatever lies there; the answer lists what broke the promises."""
    from planner.app.image_masks import open_masks
    from planner.app.images import load, scan
    from planner.cli.output import jsonable
    from planner.errors import OperatorError

    faults: list[str] = []
    refused = loaded = 0
    found = scan([target])
    json.dumps(jsonable(found.to_json()), allow_nan=False)
    for one in found.skipped:
        refused += 1
        faults += sentence_faults(one.code, one.text)
    for entry in found.series:
        for finding in entry.findings:
            faults += sentence_faults(finding.code, finding.text, None)
        try:
            voxels = load(entry, accept=entry.repairs).voxels
            loaded += 1
            if voxels.ndim != 3 or voxels.dtype.kind not in "if":
                faults.append(f"odd voxels {voxels.shape} {voxels.dtype}")
        except OperatorError as error:
            refused += 1
            faults += sentence_faults(error.code, error.message)
            if entry.loadable and error.code not in REFUSALS:
                faults.append(f"loadable, and refused with {error.code}")
    if bystander is not None and not any(one.uid == bystander and one.loadable for one in found.series):
        faults.append("the good series beside it does not load")
    for file in (target, *(target.iterdir() if target.is_dir() else ())):
        if file.is_file() and not file.name.startswith(("slice", "bystander")):
            try:
                open_masks(str(file))
            except OperatorError as error:
                faults += sentence_faults(error.code, error.message, REFUSALS | {"no-such-path"})
    return {"faults": faults, "refused": refused, "loaded": loaded}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return read(Path(request["target"]), request["bystander"])
    except Exception as error:
        where = "".join(traceback.format_exception(error)[-4:])
        return {"faults": [f"{type(error).__name__}: {error}"[:300] + "\n" + where], "refused": 0, "loaded": 0}


def main() -> None:
    import resource

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    for line in sys.stdin:
        reply = answer(json.loads(line))
        reply["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
