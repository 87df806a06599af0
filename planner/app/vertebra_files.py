"""The command line's view of a vertebra: files in, one document out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from planner.app.image_masks import open_masks, sharing_frame
from planner.app.images import open_image
from planner.errors import FrameMismatch, InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.geometry.patient_positions import POSTURES, PRONE, PatientPosition
from planner.imaging.masks import Mask
from planner.imaging.structures import structure_named
from planner.imaging.volumes import LabelMap, Volume
from planner.jobs import Context
from planner.planning.pedicles import SIDES
from planner.planning.vertebra_analysis import VertebraAnalysis, analyse_vertebra
from planner.planning.vertebra_levels import LEVELS, level_of_verse_number, short_level
from planner.planning.vertebra_trajectories import Trajectory
from planner.planning.vertebra_views import view_words

BOTH = "both"


@dataclass(frozen=True, slots=True)
class VertebraRequest:
    """What the verb ``vertebra`` was asked; `level` and `posture` are additions to the contract."""

    ct: Path
    vertebra: str
    side: str = BOTH
    canal: str | None = None
    level: str | None = None
    posture: str = PRONE


def vertebra(request: VertebraRequest, context: Context | None = None) -> tuple[dict[str, Any], list[Finding]]:
    """Analyse a vertebra of files.

    Raises
    ------
    UsageError
        ``bad-side``, ``bad-posture``, ``unknown-level``, or a file or label that does not exist.
    InputRefused
        ``empty-mask``, ``mask-outside``, ``several-vertebrae``, and as `analyse_vertebra`.
    """
    if request.side not in (*SIDES, BOTH):
        raise UsageError("bad-side", f"{request.side!r} is no side; write left, right or both.")
    if request.posture not in POSTURES:
        raise UsageError("bad-posture", f"{request.posture!r} is no posture; write one of {', '.join(POSTURES)}.")
    job = context or Context()
    volume = open_image(request.ct, context=job.part(0.0, 0.2))
    labels, findings = _labels(request, volume)
    mask = _mask_of(labels, volume, request.vertebra, "vertebra")
    level, told = _level(request, labels)
    canal = None
    if request.canal is not None:
        found = open_masks(request.canal)
        canal = _mask_of([sharing_frame(one, volume) for one in found], volume, request.canal, "canal")
    analysis = analyse_vertebra(
        volume,
        mask,
        level=level,
        canal=canal,
        sides=SIDES if request.side == BOTH else (request.side,),
        position=PatientPosition(request.posture),
        context=job.part(0.2, 1.0),
    )
    findings = [*findings, *told, *analysis.findings]
    return _document(analysis, findings), findings


def _labels(request: VertebraRequest, volume: Volume) -> tuple[list[LabelMap], list[Finding]]:
    """The label maps of the vertebra; a file of many labels without ``#`` is refused, naming them."""
    maps = [sharing_frame(one, volume) for one in open_masks(request.vertebra)]
    names = [label.name for one in maps for label in one.labels.values()]
    if len(names) > 1:
        shown = ", ".join(names[:12])
        text = f"{request.vertebra} holds {len(names)} labels ({shown}); name one vertebra with FILE#LABEL."
        raise InputRefused("several-vertebrae", text, subject=request.vertebra)
    return maps, []


def _mask_of(maps: Sequence[LabelMap], volume: Volume, spec: str, what: str) -> Mask:
    """One mask in its own grid, in the frame of the image."""
    if any(one.grid.frame_uid != volume.grid.frame_uid for one in maps):
        text = f"The {what} {spec} and the image lie in different frames of reference; link the two studies first."
        raise FrameMismatch("mixed-frames", text, subject=spec)
    if len(maps) != 1:
        text = f"{spec} holds {len(maps)} masks; name one of them with FILE#LABEL."
        raise InputRefused("several-vertebrae" if what == "vertebra" else "mixed-spacing", text, subject=spec)
    mask = Mask.of(maps[0].grid, maps[0].voxels != 0)
    if mask.is_empty:
        text = f"The mask of the {what} ({spec}) is empty; choose another label or segment it."
        raise InputRefused("empty-mask", text, subject=spec)
    centres = mask.grid.lps_from_kji.points(np.argwhere(mask.voxels) + np.asarray(mask.box[0]))
    inside = volume.grid.contains_kji(volume.grid.kji_from_lps.points(centres))
    if float(inside.mean()) < 0.5:
        text = f"The mask of the {what} ({spec}) lies outside the image; check that they belong together."
        raise InputRefused("mask-outside", text, subject=spec)
    return mask


def _level(request: VertebraRequest, maps: Sequence[LabelMap]) -> tuple[str | None, list[Finding]]:
    """The level as asked for, as the label says, or as the file's name says; always a proposal."""
    if request.level is not None:
        wanted = f"vertebrae_{short_level(request.level).upper()}"
        if wanted not in LEVELS:
            raise UsageError("unknown-level", f"{request.level!r} is no level; write C1 to L5.", subject=request.level)
        return wanted, []
    for label in (label for one in maps for label in one.labels.values()):
        if label.structure in LEVELS:
            return label.structure, []
    path, mark, word = request.vertebra.rpartition("#")
    stem = re.sub(r"\.(nii|nii\.gz|nrrd|mha|dcm)$", "", Path(path if mark else request.vertebra).name.casefold())
    known = structure_named(stem)
    if known is not None and known.key in LEVELS:
        return known.key, []
    found = level_of_verse_number(int(word)) if mark and word.isdecimal() else None
    if found is None:
        return None, []
    text = (
        f"Label {word} was read as {short_level(found)}, as VerSe numbers vertebrae; name --level when it is another."
    )
    return found, [Finding("level-from-number", Severity.INFO, text, subject=found)]


def _document(analysis: VertebraAnalysis, findings: Sequence[Finding]) -> dict[str, Any]:
    measured, cement = analysis.vertebra, analysis.cement
    return {
        "trajectories": [_trajectory(each, analysis) for each in analysis.trajectories],
        "body_ml": measured.body_ml,
        "cement_ml": {
            "low": None if cement is None else cement.low_ml,
            "high": None if cement is None else cement.high_ml,
            "usual_upper": None if cement is None else cement.usual_upper_ml,
        },
        "level": analysis.level,
        "unipedicular": None if analysis.unipedicular is None else _trajectory(analysis.unipedicular, analysis),
        "frame": {
            "centre_lps_mm": measured.centre_lps_mm,
            "left_lps": measured.axes_lps[0],
            "anterior_lps": measured.axes_lps[1],
            "superior_lps": measured.axes_lps[2],
        },
        "pedicles": [
            {
                "side": each.side,
                "centre_lps_mm": each.centre_lps_mm,
                "axis_lps": each.axis_lps,
                "width_mm": each.width_mm,
                "height_mm": each.height_mm,
            }
            for each in analysis.pedicles.values()
        ],
        "heights_mm": dict(measured.heights_mm),
        "endplate_angle_deg": measured.endplate_angle_deg,
        "lytic_ml": None if analysis.lytic is None else analysis.lytic.volume_ml,
        "defects": None
        if analysis.leaks is None
        else [
            {"wall": each.wall, "area_mm2": each.area_mm2, "centre_lps_mm": each.centre_lps_mm}
            for each in analysis.leaks.defects
        ],
        "views": [
            {
                "name": view.name,
                "primary_deg": view.primary_deg,
                "secondary_deg": view.secondary_deg,
                "machine_primary_deg": view.machine_primary_deg,
                "machine_secondary_deg": view.machine_secondary_deg,
                "position": PatientPosition(view.posture, view.head_first).words,
                "text": view_words(view),
            }
            for view in analysis.views
        ],
        "findings": [finding.to_json() for finding in findings],
    }


def _trajectory(each: Trajectory, analysis: VertebraAnalysis) -> dict[str, Any]:
    return {
        "side": each.side,
        "approach": each.approach,
        "skin_lps_mm": each.skin_lps_mm,
        "entry_lps_mm": each.entry_lps_mm,
        "tip_lps_mm": each.tip_lps_mm,
        "length_mm": each.length_mm,
        "convergence_deg": each.convergence_deg,
        "craniocaudal_deg": each.craniocaudal_deg,
        "pedicle_width_mm": each.pedicle_width_mm,
        "wall_clearance_mm": each.wall_clearance_mm,
        "breach": each.breach,
        "gauge": each.gauge,
        "diameter_mm": each.diameter_mm,
        "wall": each.wall,
        "canal_mm": each.canal_mm,
        "posterior_wall_mm": each.posterior_wall_mm,
        "anterior_share": each.anterior_share,
        "midline_mm": each.midline_mm,
        "reaches_midline": each.reaches_midline(analysis.limits),
        "examined": each.examined,
    }
