"""``vessels`` of the command line: a tree from an image or a mask, as a document and as a VTK file of lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from planner.app.image_masks import open_mask, whole_mask
from planner.app.images import open_image
from planner.app.vessel_trees import FoundTree, find_tree, tree_of_mask
from planner.errors import InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.items import Point
from planner.model.vessel_items import TREE_KINDS
from planner.planning.vessel_tree import TreeSegment, VesselTree

CT_KINDS = ("artery", "portal-vein", "hepatic-vein")
_NUMBERS_PER_LINE = 12


@dataclass(frozen=True, slots=True)
class VesselRequest:
    """The words of the command line: `ct` with a seed, a `mask`, or both (the mask then measured on the image)."""

    ct: Path | None = None
    seed_lps_mm: Point | None = None
    mask: str | None = None
    root_lps_mm: Point | None = None
    kind: str = "artery"
    liver: str | None = None
    out: Path | None = None


def vessel_files(request: VesselRequest, context: Context | None = None) -> tuple[dict[str, Any], list[Finding]]:
    """The document of ``vessels``, and its findings.

    Raises
    ------
    UsageError
        Without an image or a mask, for an image alone without a seed, for a file or a kind that does not exist.
    InputRefused, FrameMismatch, OperatorError
        What the readers and the search refuse.
    """
    _require_sane(request)
    job = context or Context()
    volume = None if request.ct is None else open_image(request.ct, context=job.part(0.0, 0.2))
    found = _found(request, volume, job.part(0.2, 0.95))
    findings = [Finding("vessel-tree", Severity.INFO, text) for text in found.tree.findings]
    if request.out is not None:
        write_vtp(found.tree, request.out)
    job.step(1.0, "Vessel tree found")
    return _document(found, request, findings), findings


def _require_sane(request: VesselRequest) -> None:
    if request.ct is None and request.mask is None:
        raise UsageError("no-image", "Name an image with --ct and --seed, or a mask with --mask.")
    if request.mask is None and request.seed_lps_mm is None:
        raise UsageError("no-seed", "--ct needs --seed X,Y,Z: a point inside the vessel, in LPS mm.")
    if request.kind not in TREE_KINDS:
        raise UsageError("unknown-kind", f"--kind is one of {', '.join(TREE_KINDS)}.", subject=request.kind)
    if request.mask is None and request.kind not in CT_KINDS:
        raise UsageError("unknown-kind", f"In a CT alone --kind is one of {', '.join(CT_KINDS)}.", subject=request.kind)
    if request.out is not None and request.out.suffix.lower() != ".vtp":
        raise UsageError("bad-out", "--out needs a name that ends in .vtp.", subject=str(request.out))


def _found(request: VesselRequest, volume: Volume | None, job: Context) -> FoundTree:
    liver = None if request.liver is None else _mask(request.liver, volume, "the liver")
    if request.mask is not None:
        mask = _mask(request.mask, volume, "the vessels")
        root = request.root_lps_mm or request.seed_lps_mm
        return tree_of_mask(mask, request.kind, root_lps_mm=root, volume=volume, liver=liver, context=job)
    if volume is None or request.seed_lps_mm is None:
        raise UsageError("no-seed", "--ct needs --seed X,Y,Z: a point inside the vessel, in LPS mm.")
    if not bool(volume.grid.contains_kji(volume.grid.kji_from_lps.points(request.seed_lps_mm))):
        place = ", ".join(f"{value:.1f}" for value in request.seed_lps_mm)
        raise InputRefused("seed-outside", f"The seed at {place} mm lies outside the image.", subject="seed")
    found = find_tree(volume, request.seed_lps_mm, request.kind, liver=liver, context=job)
    if request.root_lps_mm is None:
        return found
    return _rooted(found, request.root_lps_mm)


def _rooted(found: FoundTree, root_lps_mm: Point) -> FoundTree:
    """The tree seen from the node nearest to a place."""
    from dataclasses import replace

    from planner.planning.tree_edits import rerooted

    place = np.asarray(root_lps_mm, dtype=np.float64)
    nodes = found.tree.nodes
    node = min(nodes, key=lambda key: float(np.linalg.norm(nodes[key] - place)))
    return replace(found, tree=rerooted(found.tree, node))


def _mask(spec: str, volume: Volume | None, what: str) -> Mask:
    """In its own grid; with an image in that image's frame, and on its grid where they differ."""
    labels = open_mask(spec) if volume is None else open_mask(spec, onto=volume)
    return whole_mask(labels, volume, spec, what)


def _document(found: FoundTree, request: VesselRequest, findings: list[Finding]) -> dict[str, Any]:
    tree = found.tree
    return {
        "nodes": [
            {
                "id": key,
                "lps_mm": position,
                "radius_mm": _node_radius(tree, key),
                "kind": tree.node_kind(key),
            }
            for key, position in tree.nodes.items()
        ],
        "segments": [_segment(tree, each) for each in tree.segments],
        "total_length_mm": tree.total_length_mm,
        "kind": tree.kind,
        "root": tree.root,
        "pattern": found.pattern,
        "smallest_visible_mm": tree.smallest_visible_mm,
        "out": None if request.out is None else str(request.out),
        "findings": [each.to_json() for each in findings],
    }


def _segment(tree: VesselTree, segment: TreeSegment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "from": segment.start,
        "to": segment.end,
        "length_mm": segment.length_mm,
        "radius_mm": {"mean": segment.mean_radius_mm, "minimum": segment.minimum_radius_mm},
        "generation": tree.generation[segment.id],
        "strahler": tree.strahler[segment.id],
        "name": segment.name,
        "proposed": segment.proposed,
        "origin": segment.origin,
        "doubtful_share": segment.doubtful_share,
        "points_lps_mm": segment.points_lps_mm,
        "radii_mm": [float(each) if np.isfinite(each) else None for each in segment.radius_mm],
    }


def _node_radius(tree: VesselTree, node: str) -> float | None:
    """Of the vessel that leads there; at the root of the widest that leaves."""
    before = tree.ending_at.get(node)
    if before is not None:
        values = [float(before.radius_mm[-1])]
    else:
        values = [float(each.radius_mm[0]) for each in tree.starting_at[node]]
    known = [each for each in values if np.isfinite(each)]
    return max(known, default=None)


def write_vtp(tree: VesselTree, path: Path) -> None:
    """Lines as VTK XML PolyData (ASCII), in LPS mm: one line per segment.

    Point data: ``radius_mm`` (NaN unknown), ``doubtful``. Cell data: ``generation``, ``strahler`` and the strings
    ``id`` and ``name``.

    Raises
    ------
    UsageError
        ``cannot-write``.
    """
    points = np.concatenate([each.points_lps_mm for each in tree.segments])
    radius = np.concatenate([each.radius_mm for each in tree.segments])
    doubtful = np.concatenate([each.doubtful for each in tree.segments])
    ends = np.cumsum([len(each.points_lps_mm) for each in tree.segments])
    lines = [
        '<?xml version="1.0"?>',
        '<VTKFile type="PolyData" version="0.1" byte_order="LittleEndian">',
        "<PolyData>",
        f'<Piece NumberOfPoints="{len(points)}" NumberOfVerts="0" NumberOfLines="{len(ends)}" NumberOfStrips="0" '
        'NumberOfPolys="0">',
        '<PointData Scalars="radius_mm">',
        _array("radius_mm", "Float64", _numbers(radius)),
        _array("doubtful", "UInt8", _numbers(doubtful.astype(int))),
        "</PointData>",
        "<CellData>",
        _array("generation", "Int32", _numbers([tree.generation[each.id] for each in tree.segments])),
        _array("strahler", "Int32", _numbers([tree.strahler[each.id] for each in tree.segments])),
        _array("id", "String", _characters([each.id for each in tree.segments])),
        _array("name", "String", _characters([each.name or "" for each in tree.segments])),
        "</CellData>",
        "<Points>",
        _array("points_lps_mm", "Float64", _numbers(points.reshape(-1)), 3),
        "</Points>",
        "<Lines>",
        _array("connectivity", "Int64", _numbers(np.arange(len(points)))),
        _array("offsets", "Int64", _numbers(ends)),
        "</Lines>",
        "</Piece>",
        "</PolyData>",
        "</VTKFile>",
        "",
    ]
    try:
        path.write_text("\n".join(lines), encoding="ascii")
    except OSError as error:
        text = f"{path} could not be written ({error.strerror}); choose another place."
        raise UsageError("cannot-write", text, subject=str(path)) from error


def _array(name: str, kind: str, text: str, components: int = 1) -> str:
    return (
        f'<DataArray type="{kind}" Name="{escape(name)}" NumberOfComponents="{components}" format="ascii">\n'
        f"{text}\n</DataArray>"
    )


def _numbers(values: Any) -> str:
    words = [format(each, ".9g") for each in np.asarray(values).tolist()]
    rows = [" ".join(words[at : at + _NUMBERS_PER_LINE]) for at in range(0, len(words), _NUMBERS_PER_LINE)]
    return "\n".join(rows)


def _characters(words: list[str]) -> str:
    """Strings as VTK writes them in ASCII: the numbers of their UTF-8 bytes, each string ended by a zero."""
    return _numbers([byte for word in words for byte in (*word.encode("utf-8"), 0)])
