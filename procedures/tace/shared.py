"""Gates that TACE shares with every treatment through the arteries: they read the same fields and the same items."""

from __future__ import annotations

from procedures.embolisation import access, after, branches, model_checks, record_checks
from procedures.tace.registry import REGISTRY

SHARED_CHECKS = {
    "coagulation_for_access": access.coagulation_for_access,
    "sheath_class": access.sheath_class,
    "radial_possible": access.radial_possible,
    "positions_measured": model_checks.positions_measured,
    "positions_cover": model_checks.positions_cover,
    "feeders_reached": model_checks.feeders_reached,
    "feeders_may_be_missed": model_checks.feeders_may_be_missed,
    "model_branches_have_plan": branches.model_branches_have_plan,
    "view_for_posture": model_checks.view_for_posture,
    "contrast_premedication": after.contrast_reaction_premedicated,
    "positions_accounted": record_checks.positions_recorded,
    "pulse_present": after.distal_pulse,
}
"""Name in the template -> function."""

for _name, _function in SHARED_CHECKS.items():
    REGISTRY.check(_name)(_function)
