"""How a confirmed identity is written: observations, parts and parents of lesions.

See `planner.app.lesion_identity.confirm_identity`, which says what is written when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

import numpy as np

from planner.app.lesion_history import names_in
from planner.app.marking import put_item, region_of
from planner.errors import UsageError
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import Lesion, Observation
from planner.model.edits import with_lesion, without_lesion
from planner.model.items import REGION, BlobRef, PlanItem
from planner.store.actors import Actor


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Who confirms what of a new study, on the case as it stands.

    Attributes
    ----------
    seen_on, on
        Day of the new study, and day of the confirmation.
    """

    case: Case
    seen_on: date
    by: Actor
    on: date
    segment: str | None = None

    def lesion(self, lesion_id: str) -> Lesion:
        """Raises UsageError ``unknown-lesion``."""
        found = self.case.lesion(lesion_id)
        if found is None:
            raise UsageError("unknown-lesion", f"There is no lesion {lesion_id} in this case.", subject=lesion_id)
        return found

    def region(self, item_id: str) -> tuple[str, PlanItem]:
        """The session and the item. Raises UsageError ``unknown-region``."""
        for session in self.case.sessions:
            item = session.item(item_id)
            if item is not None and item.type == REGION:
                return session.id, item
        raise UsageError("unknown-region", f"There is no region {item_id} in this case; mark it again.")

    def seen_again(self, lesion_id: str, item_id: str) -> Case:
        state, seen = self._taken(item_id, lesion_id)
        return state.observed(lesion_id, seen)

    def observed(self, lesion_id: str, seen: Observation) -> Case:
        """The case with an observation of a lesion; one of the same region, or of the same day without, is replaced.

        Where it is a part of a split lesion and all parts have been seen that day, so has the whole.
        """
        case = self._observed(lesion_id, seen)
        parents = self.lesion(lesion_id).parents
        return replace(self, case=case).whole(parents[0]) if len(parents) == 1 else case

    def _observed(self, lesion_id: str, seen: Observation) -> Case:
        lesion = self.lesion(lesion_id)
        kept = tuple(each for each in lesion.observations if not _same(each, seen))
        every = tuple(sorted((*kept, seen), key=lambda each: each.study_date))
        first = lesion.first_seen_on or min(each.study_date for each in every)
        named = replace(
            lesion,
            observations=every,
            identity_by=self.by.user,
            identity_on=self.on,
            first_seen_on=first,
            segment=lesion.segment or self.segment,
        )
        return with_lesion(self.case, named)

    def made(self, item_id: str, lesion_id: str, parents: tuple[str, ...], role: str | None = None) -> tuple[Case, str]:
        """A lesion of its own around a region, and its id: that of the lesion it was drawn as, else the given one.

        One that nobody had seen before has the role ``new`` where others had been seen.
        """
        _, item = self.region(item_id)
        drawn = region_of(item)
        own = None if drawn.lesion_id in parents else self._placeholder(drawn.lesion_id)
        lesion_id = lesion_id if own is None else own.id
        state, seen = self._taken(item_id, lesion_id)
        known = any(each.study_date < self.seen_on for lesion in self.case.lesions for each in lesion.observations)
        if role is None and not parents and known:
            role = "new"
        plain = own or Lesion(lesion_id, item.name, organ=self._organ(parents), centre_lps_mm=_middle(drawn.blob))
        lesion = replace(
            plain,
            observations=(),
            segment=self.segment or plain.segment,
            frame_uid=item.frame_uid,
            node=plain.node or any(self.lesion(each).node for each in parents),
            role=role,
            parents=parents,
        )
        state = replace(state, case=with_lesion(state.case, lesion))
        return state.observed(lesion_id, seen), lesion_id

    def split(self, lesion_id: str, item_ids: Sequence[str], made: Sequence[str]) -> Case:
        """Parts become lesions; the whole is observed by the sum of their longest diameters and volumes (`whole`)."""
        state = self
        for item_id, fresh in zip(item_ids, made, strict=True):
            state = replace(state, case=state.made(item_id, fresh, (lesion_id,))[0])
        return state.case

    def whole(self, lesion_id: str) -> Case:
        """A split lesion observed by the sum of its parts, once all of them have been seen on the day."""
        parts = [each for each in self.case.lesions if each.parents == (lesion_id,)]
        found = [(each, self._of_day(each)) for each in parts]
        seen = [each for _, each in found if each is not None]
        if len(parts) < 2 or len(seen) < len(parts) or self.case.lesion(lesion_id) is None:
            return self.case
        present = [each for each in seen if each.state != "absent"]
        doubtful = any(each.state == "not-evaluable" for each in seen)
        note = "in parts: " + ", ".join(each.name for each, own in found if own in present)
        sums = Observation(
            self.seen_on,
            longest_mm=_sum([each.longest_mm for each in present]),
            viable_mm=_sum([each.viable_mm for each in present]),
            volume_ml=_sum([each.volume_ml for each in present]),
            note=note if present else None,
            state="not-evaluable" if doubtful else "present" if present else "absent",
            read_by=self.by.user,
        )
        return self._observed(lesion_id, sums)

    def _of_day(self, lesion: Lesion) -> Observation | None:
        return next((each for each in lesion.observations if each.study_date == self.seen_on), None)

    def merged(self, lesion_ids: Sequence[str], item_id: str, fresh: str) -> Case:
        """One lesion comes from several; it is a target where all of them were."""
        roles = {self.lesion(each).role for each in lesion_ids}
        role = roles.pop() if len(roles) == 1 else None
        case, _ = self.made(item_id, fresh, tuple(lesion_ids), role)
        name = self.region(item_id)[1].name
        for each in lesion_ids:
            gone = Observation(self.seen_on, state="not-evaluable", note=f"merged into {name}", read_by=self.by.user)
            case = replace(self, case=case).observed(each, gone)
        return case

    def _taken(self, item_id: str, lesion_id: str) -> tuple[Confirmation, Observation]:
        """The region pointed at its lesion, and what was seen; a lesion made only to draw it goes."""
        session_id, item = self.region(item_id)
        body = region_of(item)
        before = body.lesion_id
        seen = Observation(
            self.seen_on,
            next((each.partition("#")[0] for each in item.source_uids), None),
            body.longest_mm,
            volume_ml=body.volume_ml,
            region_item_id=item.id,
            modality=self._modality(item),
            state="present",
            read_by=self.by.user,
        )
        case = self.case
        holder = case.lesion(before) if before is not None else None
        if holder is not None:
            known = [each for each in holder.observations if each.region_item_id == item.id]
            seen = replace(known[0], state=known[0].state or "present") if known else seen
            if holder.id != lesion_id:
                case = self._freed(case, holder, item.id)
        pointed = MappingProxyType(codec.to_json(replace(body, lesion_id=lesion_id, structure=None)))
        case = put_item(session_id, replace(item, body=pointed))(case)
        return replace(self, case=case), seen

    def _freed(self, case: Case, holder: Lesion, item_id: str) -> Case:
        """The case in which another lesion no longer has the region; without anything left it goes."""
        left = tuple(each for each in holder.observations if each.region_item_id != item_id)
        if left or holder.identity_by is not None:
            return with_lesion(case, replace(holder, observations=left))
        used = next((each for each in case.sessions if names_in(each.answers, holder.id)), None)
        if used is not None:
            text = f"{holder.name} is named in the plan of {used.title}; name the right lesion there first."
            raise UsageError("lesion-in-use", text, subject=holder.id)
        return without_lesion(case, holder.id)

    def _placeholder(self, lesion_id: str | None) -> Lesion | None:
        """A lesion that was made by drawing this region and nothing else."""
        found = None if lesion_id is None else self.case.lesion(lesion_id)
        return found if found is not None and len(found.observations) <= 1 else None

    def _organ(self, parents: tuple[str, ...]) -> str:
        return self.lesion(parents[0]).organ if parents else "liver"

    def _modality(self, item: PlanItem) -> str | None:
        uids = {each.partition("#")[0] for each in item.source_uids}
        return next((each.modality for each in self.case.studies if each.series_uid in uids), None)


def _same(one: Observation, other: Observation) -> bool:
    if one.region_item_id is not None or other.region_item_id is not None:
        return one.region_item_id == other.region_item_id
    return (one.study_date, one.read_as) == (other.study_date, other.read_as)


def _sum(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return sum(known) if known and len(known) == len(values) else None


def _middle(blob: BlobRef) -> tuple[float, float, float]:
    """The middle of the box around a region, LPS mm."""
    middle = 0.5 * (np.asarray(blob.low_kji) + np.asarray(blob.high_kji) - 1.0)
    x, y, z, _ = np.asarray(blob.lps_from_kji, dtype=np.float64).reshape(4, 4) @ (*middle, 1.0)
    return float(x), float(y), float(z)
