"""The digital patient with its CT and two runs in a library: a case whose links, rays and doses have a known truth."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from phantoms import tiny_patient

from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.images import scan
from planner.app.library import open_library
from planner.app.templates import installed
from planner.model.case import Case
from planner.phantom import RunPlan, SimulatedRun, film, write, write_runs
from planner.store.actors import Actor
from planner.workflow.lifecycle import new_session

OTHER = Actor("Dr Other", "planner", "room-2")
ARTERY = "common hepatic artery"
FRONT = RunPlan("front", "Front", 0.0, 0.0, ARTERY, seconds=2.0)
OBLIQUE = RunPlan("oblique", "Oblique", -40.0, 15.0, ARTERY, seconds=2.0)
PLACES = ("proper hepatic artery", "right hepatic artery", "left hepatic artery", "gastroduodenal artery")


@cache
def films() -> tuple[SimulatedRun, SimulatedRun]:
    """Two views without motion, 256 pixels a side."""
    return film(tiny_patient(), FRONT, number=1), film(tiny_patient(), OBLIQUE, number=2)


def true_places() -> list[np.ndarray]:
    """Middles of known vessels, LPS mm."""
    known = {each.name: np.asarray(each.lps_mm) for each in films()[0].truth.arrivals}
    found = [known[name] for name in PLACES if name in known]
    assert len(found) >= 3
    return found


def shadow(simulated: SimulatedRun, lps_mm: np.ndarray) -> tuple[float, float]:
    """Where a place of the CT is seen in a run, by the truth."""
    x, y = simulated.truth.c_arm.project(lps_mm)
    return float(x), float(y)


_BUILT: list[Path] = []


def run_case_folder(factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A library of its own with the case, and the folder of the images, which are written once per process."""
    if not _BUILT:
        made = factory.mktemp("run-case")
        (made / "library").mkdir()
        put_run_case(made / "library", made / "images")
        _BUILT.append(made)
    copied = factory.mktemp("copied") / "library"
    shutil.copytree(_BUILT[0] / "library", copied)
    return copied, _BUILT[0] / "images"


def put_run_case(library_folder: Path, images: Path) -> Case:
    """A case with CT, runs and a TACE session in a library; images and dose report lie in `images`."""
    written = write(tiny_patient(), images)
    write_runs(tiny_patient(), films(), images / "angiography", written.truth)
    found = scan([written.series[0], images / "angiography"]).series
    entries = [each for each in found if each.kind in ("volume", "angio")]
    case = replace(case_from_series(entries[0], title="Runs and CT"), simulated=True)
    for entry in entries:
        edit, _ = attach_series(case, entry, confirmed=True)
        case = edit(case)
    known = installed()
    case, _ = new_session(case, known.templates["tace"], known.profiles["bclc-cirse"])
    library = open_library(str(library_folder))
    library.create_case(case, OTHER)
    remember_places(library, case, OTHER)
    library.close()
    return case
