"""Links, identity and viability on the course of the digital patient, where all of it is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from phantoms import tiny_timepoint
from stored_cases import DOCTOR, make_case, make_session

from planner.app.lesion_identity import IdentityProposals, StudyDay, confirm_identity, propose_identities
from planner.app.marking import new_item, store_mask
from planner.app.run_items import add_link, review_link
from planner.app.study_links import carried_organ_masks, link_studies
from planner.imaging.masks import Mask
from planner.imaging.measure import longest_axial_diameter
from planner.imaging.resampling import resampled_mask
from planner.imaging.rigid_registration import landmark_rigid
from planner.model.case import Case
from planner.model.disease import Lesion, Observation, SeriesRef
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.links import FrameLink
from planner.phantom.course_truth import DayTruth, LesionOnDay
from planner.planning.enhancement import enhancing_part, viable_diameter
from planner.planning.lesion_matching import IdentityKind
from planner.store.library import Library

FIRST = "baseline"


class Images(NamedTuple):
    """Images of one day in one frame: timepoint and role."""

    key: str
    role: str

    @property
    def truth(self) -> DayTruth:
        return tiny_timepoint(self.key).truth_of(self.role)

    @property
    def day(self) -> StudyDay:
        return StudyDay(self.truth.frame_uid, tiny_timepoint(self.key).on)


BASE = Images(FIRST, "arterial")
MR = Images("follow-up-6w", "mr-arterial")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path_factory.mktemp('course-identity') / 'library.sqlite'}")
    yield opened
    opened.close()


def drawn(library: Library, images: Images, lesion: LesionOnDay, lesion_id: str | None) -> PlanItem:
    found = longest_axial_diameter(lesion.mask)
    assert found is not None
    body = RegionBody(
        store_mask(library, lesion.mask),
        lesion_id,
        None if lesion_id else "lesion",
        volume_ml=lesion.mask.volume_ml,
        longest_mm=found.length_mm,
    )
    uids = (f"9.{images.truth.frame_uid}#1",)
    uid = images.truth.frame_uid
    made = new_item(REGION, body, name=lesion.identifier, frame_uid=uid, by=DOCTOR, tool="brush", source_uids=uids)
    return replace(made, id=region_of(images, lesion.identifier))


def region_of(images: Images, identifier: str) -> str:
    return f"{images.key}-{images.role}-{identifier}"


def rigid_link(images: Images, *, breath: bool = True) -> FrameLink:
    """What a rigid registration of the liver finds at best; without breath, how the patient lay and no more."""
    truth = images.truth
    straight = truth.day_map.day_from_baseline.inverse()
    if breath:
        here = np.array([each.lps_mm for each in truth.landmarks])
        there = truth.day_map.inverse_points(here)
        uids = {"fixed_frame_uid": truth.frame_uid, "moving_frame_uid": BASE.truth.frame_uid}
        straight = landmark_rigid(here, there, **uids).moving_lps_from_fixed
    return FrameLink(f"link-{images.key}", truth.frame_uid, BASE.truth.frame_uid, tuple(straight.flat()), "images")


def course_case(library: Library, days: tuple[Images, ...], links: tuple[FrameLink, ...]) -> Case:
    """Lesions known at the baseline; on later days as drawn, and not yet said to be anything."""
    items = [drawn(library, BASE, each, each.identifier) for each in BASE.truth.lesions]
    lesions = tuple(
        Lesion(each.name, each.name, observations=(Observation(day_on(BASE), region_item_id=each.id),))
        for each in items
    )
    items += [drawn(library, day, each, None) for day in days for each in day.truth.lesions]
    studies = tuple(
        SeriesRef(
            f"9.{day.truth.frame_uid}",
            1,
            day.truth.modality,
            None,
            f"8.{day.truth.frame_uid}",
            day_on(day),
            day.truth.frame_uid,
        )
        for day in (BASE, *days)
    )
    case = replace(make_case(), lesions=lesions, studies=studies, sessions=(make_session("session-1", *items),))
    case = replace(case, patient=replace(case.patient, patient_id=None))
    for link in links:
        case = review_link(link.id, by=DOCTOR)(add_link(link)(case))
    return case


def day_on(images: Images) -> date:
    on = images.day.on
    assert on is not None
    return on


def proposed(library: Library, case: Case, earlier: Images, new: Images) -> IdentityProposals:
    return propose_identities(library, case, earlier.day, new.day, grid=new.truth.grid)


def told(found: IdentityProposals) -> set[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return {(str(each.identity.kind), each.identity.earlier, each.region_names) for each in found.rows}


def same(*identifiers: str) -> set[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return {("same", (each,), (each,)) for each in identifiers}


@cache
def carried_link(library: Library) -> FrameLink:
    """MR registered to the baseline CT on the liver that the rigid link carries over; not reviewed yet."""
    case = course_case(library, (), (rigid_link(MR),))
    ct, mr = tiny_timepoint(FIRST).volumes["portal-venous"], tiny_timepoint(MR.key).volumes[MR.role]
    solved = link_studies(library, case, mr, ct, model="rigid", check_inverse=False)
    assert any("reviewed link" in note for note in solved.notes)
    return solved.link


def liver_points(images: Images) -> np.ndarray:
    found = np.argwhere(true_liver(images).full())[::17]
    return images.truth.grid.lps_from_kji.points(found)


def true_liver(images: Images) -> Mask:
    structures = images.truth.structures
    value = next(value for value, label in structures.labels.items() if label.structure == "liver")
    return Mask.of(structures.grid, structures.mask(value))


def dice(one: Mask, other: Mask) -> float:
    return float(2 * (one.full() & other.full()).sum() / (one.count + other.count))


def test_that_a_mr_is_matched_on_the_liver_that_its_ct_shows(library: Library) -> None:
    case = course_case(library, (), (rigid_link(MR),))
    ct, mr = tiny_timepoint(FIRST).volumes["portal-venous"], tiny_timepoint(MR.key).volumes[MR.role]
    masks = carried_organ_masks(library, case, mr, ct)
    assert masks is not None
    assert masks.organ == "liver"
    assert dice(masks.fixed, true_liver(MR)) > 0.85
    turned = carried_organ_masks(library, case, ct, mr)
    assert turned is not None
    assert dice(turned.moving, true_liver(MR)) > 0.85
    assert carried_organ_masks(library, case, ct, ct) is None
    link = carried_link(library)
    assert (link.organ, link.is_reviewed) == ("liver", False)
    assert link.quality is not None
    # The mask came out of the other one: its overlap says nothing about the match.
    assert link.quality.organ_dice is None
    points = liver_points(MR)
    wanted = MR.truth.day_map.inverse_points(points)
    linked = np.asarray(link.to_lps_from_lps).reshape(4, 4)
    found = points @ linked[:3, :3].T + linked[:3, 3]
    # A rigid match of the bodies leaves 3.4 mm.
    assert np.linalg.norm(found - wanted, axis=1).mean() < 2.7
    assert np.linalg.norm(points - wanted, axis=1).mean() > 8.0


def test_that_the_tumours_of_the_mr_are_those_of_the_first_ct(library: Library) -> None:
    case = course_case(library, (MR,), (carried_link(library),))
    assert told(proposed(library, case, BASE, MR)) == same("lesion-1", "lesion-2")


@pytest.mark.parametrize("key", ["follow-up-6w", "follow-up-3m"])
def test_that_tumours_are_found_again_though_breath_and_treatment_changed_them(library: Library, key: str) -> None:
    day = Images(key, "arterial")
    case = course_case(library, (day,), (rigid_link(day),))
    assert told(proposed(library, case, BASE, day)) == same("lesion-1", "lesion-2")


def test_that_the_tumour_of_the_last_day_is_new_and_the_others_are_not(library: Library) -> None:
    day = Images("follow-up-6m", "arterial")
    case = course_case(library, (day,), (rigid_link(day),))
    found = proposed(library, case, BASE, day)
    assert told(found) == {*same("lesion-1", "lesion-2"), ("new", (), ("lesion-3",))}
    assert not any(each.settled for each in found.rows)


def test_that_a_link_without_breath_leaves_doubts_to_a_person_and_no_wrong_name(library: Library) -> None:
    day = Images("follow-up-6w", "arterial")
    case = course_case(library, (day,), (rigid_link(day, breath=False),))
    found = told(proposed(library, case, BASE, day))
    assert any(kind == "ambiguous" for kind, _, _ in found)
    assert all(ones == others for kind, ones, others in found if kind == "same")


def test_that_tumours_keep_their_names_over_two_links_and_a_new_one_is_told(library: Library) -> None:
    last = Images("follow-up-6m", "arterial")
    case = course_case(library, (MR, last), (rigid_link(last), carried_link(library)))
    for name in ("lesion-1", "lesion-2"):
        regions = (region_of(MR, name),)
        edit = confirm_identity(
            case,
            IdentityKind.SAME,
            lesion_ids=(name,),
            region_ids=regions,
            seen_on=day_on(MR),
            by=DOCTOR,
            on=day_on(last),
        )
        case = edit(case)
    found = told(proposed(library, case, MR, last))
    assert all(ones == others for kind, ones, others in found if kind == "same")
    assert not any(kind in ("vanished", "split", "merged") for kind, _, _ in found)
    assert not any(kind == "new" and others != ("lesion-3",) for kind, _, others in found)


def test_that_the_viable_crescent_of_the_mr_is_as_large_as_it_is() -> None:
    day = tiny_timepoint(MR.key)
    for name, largest in (("lesion-1", 0.12), ("lesion-2", 0.12)):
        true = MR.truth.lesion(name)
        found = enhancing_part(true.mask, day.volumes["mr-before"], day.volumes[MR.role])
        part = resampled_mask(found.part, MR.truth.grid)
        assert found.volume_ml == pytest.approx(true.viable.volume_ml, rel=largest)
        assert dice(part, true.viable) > 0.9
        wanted = viable_diameter(true.viable)
        assert wanted is not None
        assert found.viable_mm == pytest.approx(wanted.length_mm, abs=2.0)
