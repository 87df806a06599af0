"""``paths`` of the command line: a path search on files, with what the images themselves show to be avoided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from planner.app.image_masks import open_beside, whole_mask
from planner.app.images import open_image
from planner.app.templates import installed
from planner.errors import InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.geometry.patient_positions import POSTURES, PatientPosition, position_from_dicom
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.imaging.structures import structure_named
from planner.jobs import Context
from planner.model.needle_rules import NeedleRules, StructureLimit
from planner.planning.obstacles import Obstacle
from planner.planning.path_search import Aim, FoundPath, PathSearch, search
from planner.planning.path_target import Target, target_in, target_point
from planner.units import shown

DEFAULT_TEMPLATE = "ablation"


@dataclass(frozen=True, slots=True)
class AvoidWord:
    """One ``NAME=F[:MM]``."""

    name: str
    file: str
    hard_mm: float | None


@dataclass(frozen=True, slots=True)
class PathRequest:
    """The words of the command line. `template` None takes distances from `DEFAULT_TEMPLATE` and nothing else."""

    ct: Path
    target: str
    avoid: tuple[AvoidWord, ...] = ()
    skin: str | None = None
    organ: str | None = None
    maximum_length_mm: float | None = None
    top: int = 10
    diameter_mm: float | None = None
    position: str | None = None
    template: str | None = None
    part: int | None = None
    automatic: bool = True


def avoid_word(text: str) -> AvoidWord:
    """``colon=seg.nii.gz#4:10`` in its parts.

    Raises
    ------
    UsageError
        ``bad-avoid`` when the name or the file is missing, or the distance is below 0 or above 200 mm.
    """
    name, equals, rest = text.partition("=")
    if not equals or not name.strip() or not rest.strip():
        raise UsageError("bad-avoid", f"--avoid {text!r} is not NAME=FILE or NAME=FILE:MM.", subject=text)
    file, colon, last = rest.rpartition(":")
    if not colon or not file or Path(rest).exists():
        return AvoidWord(name.strip(), rest, None)
    try:
        distance = float(last)
    except ValueError:
        return AvoidWord(name.strip(), rest, None)
    if not 0.0 <= distance <= 200.0:
        raise UsageError("bad-avoid", f"--avoid {text!r}: the distance to keep is 0 to 200 mm.", subject=text)
    return AvoidWord(name.strip(), file, distance)


def search_files(request: PathRequest, context: Context | None = None) -> tuple[dict[str, Any], list[Finding]]:
    """The document of ``paths``, and its findings.

    Raises
    ------
    UsageError
        For a file, label, template or posture that does not exist, and for a name given twice.
    InputRefused
        ``empty-mask``, ``mask-outside``, ``several-targets`` and what the readers refuse.
    FrameMismatch
        When a mask lies in another frame of reference than the image.
    """
    job = context or Context()
    _require_sane(request)
    volume = open_image(request.ct, context=job.part(0.0, 0.2))
    rules = _rules(request)
    target = _target(request, volume)
    findings: list[Finding] = []
    position = _position(request, volume, findings)
    obstacles = [_given(word, volume, rules, request) for word in request.avoid]
    found = _automatic(request, volume, rules, target, obstacles, findings, job.part(0.2, 0.5))
    body = _mask(request.skin, volume, "skin") if request.skin else _body(volume, found, job.part(0.5, 0.55))
    organ = _mask(request.organ, volume, "organ") if request.organ else None
    obstacles += [each for key, each in found.items() if key != "skin"]
    aim = Aim(
        target, body, _judged_by(request, rules), request.diameter_mm or 0.0, request.maximum_length_mm, position,
        organ, _gantry_centre(rules if request.template else None, volume, findings),
    )  # fmt: skip
    answer = search(aim, obstacles, job.part(0.55, 1.0))
    findings = [*findings, *_said(request, answer)]
    return _document(answer, request, findings), findings


def _require_sane(request: PathRequest) -> None:
    names = [word.name.casefold() for word in request.avoid]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError("name-twice", f"--avoid {twice[0]} is given twice; give the two masks different names.")
    for value, what in ((request.maximum_length_mm, "--max-length"), (request.diameter_mm, "--diameter")):
        if value is not None and not (np.isfinite(value) and value > 0.0):
            raise UsageError("bad-length", f"{what} needs a length above 0 mm.")
    if request.top < 1:
        raise UsageError("bad-top", "--top needs a number of paths, at least 1.")
    if request.position is not None and request.position not in POSTURES:
        raise UsageError("bad-position", f"--position is one of {', '.join(POSTURES)}.", subject=request.position)


def _rules(request: PathRequest) -> NeedleRules:
    """The needle part of the named template, or of the default one where it is installed."""
    templates = installed()
    if request.template is not None:
        needle = templates.template(request.template).needle
        if needle is None:
            text = f"The template {request.template} says nothing about needles."
            raise UsageError("no-needle-rules", text, subject=request.template)
        return needle
    default = templates.templates.get(DEFAULT_TEMPLATE)
    return NeedleRules("access") if default is None or default.needle is None else default.needle


def _judged_by(request: PathRequest, rules: NeedleRules) -> NeedleRules:
    """Without a named template only distances and the order of preference come from the default one."""
    narrowed = rules.for_organ(_organ_name(request.organ) or "")
    return narrowed if request.template is not None else replace(narrowed, limits={})


def _organ_name(spec: str | None) -> str | None:
    """``liver`` of ``liver.nii.gz`` or ``seg.nii.gz#liver``; ``kidney`` of a left or right one; None when unknown."""
    if spec is None:
        return None
    _, mark, label = spec.rpartition("#")
    known = structure_named(label if mark else Path(spec).name.partition(".")[0])
    return None if known is None else known.key.partition("_")[0]


def gauge_diameter_mm(gauge: int) -> float:
    """Outer diameter of a gauge, from the catalogue of needles.

    Raises
    ------
    UsageError
        ``unknown-gauge``.
    """
    from planner.planning import devices

    found = devices.gauge_diameter_mm(f"{gauge} G")
    if found is None:
        text = f"The catalogue of needles has no gauge {gauge}; give --diameter in mm."
        raise UsageError("unknown-gauge", text, subject=str(gauge))
    return found


def _target(request: PathRequest, volume: Volume) -> Target:
    point = _as_point(request.target)
    target = (
        target_point(point) if point is not None else target_in(_mask(request.target, volume, "target"), request.part)
    )
    if not bool(volume.grid.contains_kji(volume.grid.kji_from_lps.points(target.point_lps_mm))):
        place = ", ".join(f"{value:.1f}" for value in target.point_lps_mm)
        raise InputRefused("mask-outside", f"The target at {place} mm lies outside the image.", subject="target")
    return target


def _as_point(word: str) -> list[float] | None:
    """``x,y,z`` in LPS mm; None for a file."""
    parts = word.split(",")
    if len(parts) != 3 or Path(word).exists():
        return None
    try:
        return [float(part) for part in parts]
    except ValueError:
        return None


def _mask(spec: str, volume: Volume, what: str) -> Mask:
    """A mask in its own grid, in the image's frame; refused where it is empty or lies outside the image."""
    return whole_mask(open_beside(spec, volume), volume, spec, what)


def _given(word: AvoidWord, volume: Volume, rules: NeedleRules, request: PathRequest) -> Obstacle:
    known = structure_named(word.name)
    limit = rules.structure(known.key if known is not None else word.name)
    return _obstacle(word.name, _mask(word.file, volume, word.name), limit, rules, word.hard_mm)


def _obstacle(
    name: str, mask: Mask, limit: StructureLimit | None, rules: NeedleRules, hard_mm: float | None
) -> Obstacle:
    """Distances: the given one, else the template's, else it must not be touched.

    A structure that the template does not name is wanted as far away as the one that it wants farthest.
    """
    hard = hard_mm if hard_mm is not None else limit.hard_mm if limit is not None else 0.0
    wanted = max((each.desired_mm for each in rules.structures), default=hard)
    desired = max(hard, wanted if limit is None else limit.desired_mm)
    source, tag = (None, None) if limit is None else (limit.source, limit.tag)
    return Obstacle(name, mask, hard, desired, source=source, tag=tag)


def _automatic(
    request: PathRequest,
    volume: Volume,
    rules: NeedleRules,
    target: Target,
    given: Sequence[Obstacle],
    findings: list[Finding],
    job: Context,
) -> dict[str, Obstacle]:
    """What the CT shows by itself and nobody gave; a structure that holds the target is none to avoid."""
    if not request.automatic:
        findings.append(_note("automatic-off", "NOT CHECKED: bone, lung, gas and vessels were not looked for."))
        return {}
    from planner.imaging.automatic_structures import automatic_structures

    try:
        found = automatic_structures(volume, job)
    except InputRefused as refused:
        text = f"NOT CHECKED: bone, lung, gas and vessels were not found automatically ({refused.message})"
        findings.append(Finding("automatic-failed", Severity.WARN, text))
        return {}
    known = {each.key.casefold() for each in given} | {_key(each.key) for each in given}
    usable: dict[str, Obstacle] = {}
    for key, mask in found.masks.items():
        if mask.is_empty or key in known:
            continue
        if key != "skin" and mask.contains(target.point_lps_mm):
            text = f"The target lies inside what was found as {key}; {key} is not avoided here."
            findings.append(Finding("target-in-structure", Severity.WARN, text, subject=key))
            continue
        usable[key] = _obstacle(key, mask, rules.structure(key), rules, None)
    named = [f"{key} ({shown(each.hard_mm, 'mm')})" for key, each in usable.items() if key != "skin"]
    if named:
        text = f"Found on the CT automatically and avoided: {', '.join(named)}; look at the masks before relying on it."
        findings.append(_note("automatic-structures", text))
    findings += [_note("not-looked-for", f"NOT CHECKED: {text}") for text in found.not_looked_for]
    return usable


def _key(name: str) -> str:
    known = structure_named(name)
    return name if known is None else known.key


def _body(volume: Volume, found: Mapping[str, Obstacle], job: Context) -> Mask:
    if "skin" in found:
        return found["skin"].mask
    from planner.imaging.automatic_structures import body_mask

    return body_mask(volume, job)


def _position(request: PathRequest, volume: Volume, findings: list[Finding]) -> PatientPosition:
    """As asked for, else as the images were taken, else supine, which is said."""
    taken = position_from_dicom(volume.source.patient_position)
    if request.position is not None:
        wanted = PatientPosition(request.position, taken.head_first if taken is not None else True)
        if taken is not None and taken.posture != wanted.posture:
            text = f"Planned for the {wanted.words}; the images were taken with the {taken.words}: organs move."
            findings.append(Finding("other-position", Severity.WARN, text))
        return wanted
    if taken is None:
        findings.append(_note("position-unknown", "The images do not say how the patient lay; supine is assumed."))
    return taken or PatientPosition()


def _gantry_centre(rules: NeedleRules | None, volume: Volume, findings: list[Finding]) -> np.ndarray[Any, Any] | None:
    if rules is None or rules.limit("gantry_radius_mm") is None:
        return None
    findings.append(_note("gantry-centre", "The gantry's axis is taken to run through the middle of the image."))
    return volume.grid.centre_lps_mm


def _said(request: PathRequest, answer: PathSearch) -> list[Finding]:
    findings = list(answer.findings)
    if request.template is None:
        # Nobody asked for the template's list: what is missing of it is said, and refuses nothing.
        findings = [replace(each, severity=Severity.WARN) if each.code == "not-checked" else each for each in findings]
        text = "Table, gantry and angles limit nothing here; name a --template to have its limits."
        findings.append(_note("limits-not-asked", text))
    elif _organ_name(request.organ) is None:
        text = "The organ of the target is not known (--organ): only what every organ requires was asked for."
        findings.append(_note("organ-unknown", text))
    if request.diameter_mm is None:
        findings.append(
            _note("no-diameter", "No gauge or diameter was given: distances are those of the needle's axis.")
        )
    if request.maximum_length_mm is None:
        findings.append(_note("no-length", "No usable length was given (--max-length)."))
    return findings


def _note(code: str, text: str) -> Finding:
    return Finding(code, Severity.INFO, text)


def _document(answer: PathSearch, request: PathRequest, findings: Sequence[Finding]) -> dict[str, Any]:
    names, counts = answer.reason_names, np.bincount(answer.skin_map().reason, minlength=len(answer.reason_names))
    rejected = {name: int(count) for name, count in zip(names, counts, strict=True) if name and count}
    costliest = answer.costliest
    return {
        "paths": [_path(answer, each) for each in answer.paths(request.top)],
        "candidates": answer.candidates,
        "feasible": answer.feasible,
        "admissible": answer.admissible,
        "seconds": answer.seconds,
        "checked": list(answer.setting.obstacles.keys),
        "not_checked": list(answer.not_checked),
        "ranking": list(answer.ranking),
        "limits": [
            {"name": each.key, "hard_mm": each.hard_mm, "desired_mm": each.desired_mm, "source": each.source,
             "tag": each.tag}
            for each in answer.setting.obstacles.items
        ],
        "rejected": rejected,
        "costliest_limit": None
        if costliest is None
        else {"name": costliest.name, "frees": costliest.frees, "text": costliest.text},
        "position": answer.setting.position.words,
        "findings": [each.to_json() for each in findings],
    }  # fmt: skip


def _path(answer: PathSearch, path: FoundPath) -> dict[str, Any]:
    return {
        "entry_lps_mm": path.needle.entry_lps_mm,
        "target_lps_mm": path.needle.tip_lps_mm,
        "length_mm": path.needle.length_mm,
        "in_plane_deg": path.in_plane_deg,
        "out_of_plane_deg": path.out_of_plane_deg,
        "clearances_mm": {key: found.mm for key, found in path.clearances.items()},
        "nearest_depth_mm": {key: found.depth_mm for key, found in path.clearances.items()},
        "organ_mm": path.organ_mm,
        "capsule_deg": path.capsule_deg,
        "score": path.score,
        "admissible": not answer.not_checked,
        "findings": [each.to_json() for each in _near(answer, path)],
    }


def _near(answer: PathSearch, path: FoundPath) -> list[Finding]:
    """Structures nearer than wanted."""
    found = []
    for each in answer.setting.obstacles.items:
        clearance = path.clearances[each.key]
        if clearance.mm < each.desired_mm:
            depth = shown(clearance.depth_mm, "mm", digits=0)
            text = f"{shown(clearance.mm, 'mm', digits=1)} from the {each.spoken} at {depth} depth, "
            text += f"{shown(each.desired_mm, 'mm')} wanted."
            found.append(
                Finding(
                    "nearer-than-desired",
                    Severity.WARN,
                    text,
                    subject=each.key,
                    measured=clearance.mm,
                    limit=each.desired_mm,
                    unit="mm",
                    source=each.source,
                    tag=each.tag,
                )
            )
    return found
