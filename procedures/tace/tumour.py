"""What staging may say about the tumour: only from a list of lesions that a person confirmed."""

from __future__ import annotations

from dataclasses import dataclass

from planner.model.disease import Lesion
from planner.workflow.context import StageContext
from procedures.spine.support import choices_of, yes_no

NOT_TUMOUR = frozenset({"benign", "cyst", "haemangioma"})
"""Kinds of lesion that no staging rule counts."""


@dataclass(frozen=True, slots=True)
class Tumour:
    """Number, size, vessels and spread, or why they may not be used.

    Attributes
    ----------
    largest_mm
        Longest diameter of the largest lesion as last measured.
    missing
        Reasons; empty when number and size are known.
    """

    nodules: int | None
    largest_mm: float | None
    vascular_invasion: bool | None
    extrahepatic: bool | None
    missing: str

    def printed(self) -> dict[str, str]:
        """For the inputs of a derived number."""
        words = {True: "yes", False: "no", None: "not known"}
        return {
            "nodules": "–" if self.nodules is None else str(self.nodules),
            "largest": "–" if self.largest_mm is None else f"{self.largest_mm:g} mm",
            "vascular invasion": words[self.vascular_invasion],
            "extrahepatic": words[self.extrahepatic],
        }


def liver_lesions(context: StageContext) -> tuple[Lesion, ...]:
    """The tumours of the liver in the list."""
    return tuple(
        each
        for each in context.case.lesions
        if each.organ == "liver" and (each.kind or "").casefold() not in NOT_TUMOUR
    )


def longest_mm(lesion: Lesion) -> float | None:
    """The longest diameter of the newest observation that has one."""
    measured = [seen for seen in lesion.observations if seen.longest_mm is not None]
    newest = max(measured, key=lambda seen: seen.study_date, default=None)
    return None if newest is None else newest.longest_mm


def vascular_invasion(context: StageContext) -> bool | None:
    """Tumour in portal or hepatic veins as answered; None while one of the two is not judged."""
    portal, kind = (context.value(name, "portal_shunt_bile") for name in ("portal_vein", "thrombus_kind"))
    veins = context.value("hepatic_vein", "portal_shunt_bile")
    if veins in ("hepatic-vein", "ivc") or (portal in ("branch", "main") and kind == "tumour"):
        return True
    portal_clear = portal == "patent" or (portal in ("branch", "main") and kind == "bland")
    return False if portal_clear and veins in ("none", "bland") else None


def tumour_of(context: StageContext) -> Tumour:
    """The confirmed list as numbers."""
    invasion = vascular_invasion(context)
    spread = yes_no(context.value("extrahepatic", "images_lesions"))
    context.value("lesion_list_confirmed_complete", "images_lesions")
    if not context.case.lesion_list_is_confirmed:
        return Tumour(None, None, invasion, spread, "the list of lesions is not confirmed complete")
    lesions = liver_lesions(context)
    sizes = [(each.name, longest_mm(each)) for each in lesions]
    unknown = [name for name, size in sizes if size is None]
    if unknown:
        return Tumour(len(lesions), None, invasion, spread, f"no size is known of {', '.join(unknown)}")
    known = [size for _, size in sizes if size is not None]
    if not known:
        return Tumour(0, None, invasion, spread, "no tumour of the liver is in the list")
    return Tumour(len(known), max(known), invasion, spread, "")


def target_lesions(context: StageContext) -> tuple[Lesion, ...]:
    """The lesions this session is about; every tumour of the liver when none was chosen."""
    chosen = choices_of(context.value("target_lesions", "images_lesions"))
    named = tuple(each for each in context.case.lesions if each.id in chosen)
    return named or liver_lesions(context)
