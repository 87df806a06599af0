"""What all days of the course share: the anatomy painted once, with and without its first tumours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from planner.jobs import Context
from planner.phantom.canvas import Canvas
from planner.phantom.course_story import NEW_LESION_MM
from planner.phantom.fields import Array, Box
from planner.phantom.lesions import Tumour, liver_space, place_new_tumour
from planner.phantom.mr_signal import MR_PHASES
from planner.phantom.patient import (
    DigitalPatient,
    Scene,
    paint_lesions_and_vessels,
    scanned_patient,
    tissues_painted,
)

PAINTED = ("arterial", "portal-venous", "non-contrast", *MR_PHASES)
HEALED_MM = 1.5
"""The liver is put back this far beyond a tumour, so that no seam of it is left."""
CLEAR_OF_MM = 1.8
"""The new tumour keeps clear of veins of at least this radius."""


@dataclass(frozen=True, eq=False)
class CourseBase:
    """The patient of the baseline and the same liver without tumours.

    Attributes
    ----------
    tumours
        The two of the beginning and the one that is new at the end, at the size at which each is first seen.
    hosts
        Phase -> (k, j, i) float32, without any tumour and not yet scanned; on the grid of `patient`.
    """

    patient: DigitalPatient
    tumours: tuple[Tumour, ...]
    hosts: dict[str, Array]

    def canvas(self, phases: tuple[str, ...]) -> Canvas:
        """A fresh copy to paint the tumours of a day on, in some of the phases."""
        canvas = Canvas(self.patient.arterial.grid, phases)
        for image, phase in zip(canvas.hu, phases, strict=True):
            image[:] = self.hosts[phase]
        return canvas


def course_base(preset: str, seed: int, begun_on: date, context: Context) -> CourseBase:
    """Paint the anatomy in every phase of the course and scan the baseline.

    Raises
    ------
    UsageError
        For an unknown preset.
    """
    scene = tissues_painted(preset, seed, "course", PAINTED, context.part(0.0, 0.6))
    boxes = [(tumour, tumour.box_in(scene.canvas.frame)) for tumour in scene.tumours]
    kept = [(tumour, box, _copied(scene.canvas, box)) for tumour, box in boxes if box is not None]
    context.step(0.65, "Filling vessels")
    paint_lesions_and_vessels(scene.canvas, scene.anatomy, scene.tumours, scene.vessels)
    context.step(0.75, "Scanning the baseline")
    patient = scanned_patient(scene, preset, seed, "course", begun_on.isoformat(), context.part(0.75, 0.95))
    for tumour, box, liver in kept:
        _healed(scene, tumour, box, liver)
    context.step(0.95, "Choosing a place for the new tumour")
    hosts = dict(zip(PAINTED, scene.canvas.hu, strict=True))
    return CourseBase(patient, (*scene.tumours, _new_tumour(scene)), hosts)


def _copied(canvas: Canvas, box: Box) -> list[Array]:
    return [image[box.slices].copy() for image in canvas.hu]


def _healed(scene: Scene, tumour: Tumour, box: Box, liver: list[Array]) -> None:
    """Put the liver back where a tumour was painted, together with what ran through it."""
    share = scene.canvas.coverage(tumour.distance(box, scene.anatomy) - np.float32(HEALED_MM))
    for image, healthy in zip(scene.canvas.hu, liver, strict=True):
        part = image[box.slices]
        part += share * (healthy - part)


def _new_tumour(scene: Scene) -> Tumour:
    places = [
        place
        for tree in (scene.vessels.portal, scene.vessels.hepatic_vein)
        for place, radius in zip(tree.positions, tree.radii_mm(), strict=True)
        if radius >= CLEAR_OF_MM
    ]
    space = liver_space(scene.anatomy)
    return place_new_tumour(scene.anatomy, space, scene.tumours, np.array(places), NEW_LESION_MM)
