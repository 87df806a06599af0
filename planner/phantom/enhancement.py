"""What each tissue measures in each contrast phase, and how structures are numbered.

The HU are targets of the simulation (typical of a late arterial and a portal venous abdomen at 120 kV); nothing
clinical is derived from them.
"""

from __future__ import annotations

from planner.imaging import Label
from planner.phantom.mr_signal import MR_PHASES, SIGNAL

PHASES = ("arterial", "portal-venous")

HU: dict[str, tuple[float, float]] = {
    "air": (-1000.0, -1000.0),
    "skin": (30.0, 35.0),
    "fat": (-105.0, -105.0),
    "mesenteric_fat": (-100.0, -98.0),
    "muscle": (58.0, 66.0),
    "lung": (-850.0, -850.0),
    "lung_vessel": (60.0, 60.0),
    "heart_wall": (105.0, 110.0),
    "heart_blood": (290.0, 165.0),
    "liver": (70.0, 112.0),
    "spleen": (128.0, 128.0),
    "pancreas": (112.0, 92.0),
    "gallbladder": (8.0, 8.0),
    "gallbladder_wall": (55.0, 75.0),
    "bile": (6.0, 6.0),
    "kidney_cortex": (195.0, 185.0),
    "kidney_medulla": (85.0, 170.0),
    "urine": (14.0, 14.0),
    "kidney_sinus": (-70.0, -65.0),
    "adrenal": (80.0, 75.0),
    "gut_wall": (75.0, 98.0),
    "gut_fluid": (14.0, 14.0),
    "gut_gas": (-940.0, -940.0),
    "faeces": (25.0, 25.0),
    "cortical_bone": (720.0, 720.0),
    "trabecular_bone": (175.0, 180.0),
    "cartilage": (105.0, 105.0),
    "disc": (78.0, 80.0),
    "thecal_sac": (22.0, 24.0),
    "aorta": (320.0, 165.0),
    "artery": (320.0, 160.0),
    "portal_vein": (120.0, 182.0),
    "hepatic_vein": (72.0, 165.0),
    "vena_cava_infrarenal": (60.0, 105.0),
    "vena_cava_renal": (125.0, 145.0),
    "vena_cava_hepatic": (95.0, 155.0),
    "hcc": (134.0, 84.0),
    "hcc_necrosis": (40.0, 45.0),
    "hcc_capsule": (84.0, 152.0),
    "ablated": (58.0, 58.0),
    "ablated_core": (76.0, 76.0),
    "ablation_rim": (92.0, 124.0),
    "hcc_treated": (47.0, 49.0),
    "lipiodol": (420.0, 420.0),
}
"""Tissue -> HU per phase, in the order of `PHASES`."""

OTHER_PHASES = ("non-contrast", "delayed")
"""Phases of the same anatomy that the demonstration does not need; see `planner.phantom.other_phases`."""

OTHER_HU: dict[str, tuple[float, float]] = {
    "skin": (28.0, 34.0),
    "muscle": (54.0, 65.0),
    "lung_vessel": (40.0, 60.0),
    "heart_wall": (45.0, 90.0),
    "heart_blood": (42.0, 106.0),
    "liver": (56.0, 90.0),
    "spleen": (48.0, 98.0),
    "pancreas": (42.0, 76.0),
    "gallbladder_wall": (35.0, 65.0),
    "kidney_cortex": (32.0, 148.0),
    "kidney_medulla": (31.0, 146.0),
    "urine": (4.0, 420.0),
    "adrenal": (25.0, 60.0),
    "gut_wall": (40.0, 80.0),
    "trabecular_bone": (170.0, 176.0),
    "aorta": (42.0, 108.0),
    "artery": (42.0, 108.0),
    "portal_vein": (42.0, 108.0),
    "hepatic_vein": (42.0, 106.0),
    "vena_cava_infrarenal": (42.0, 104.0),
    "vena_cava_renal": (42.0, 106.0),
    "vena_cava_hepatic": (42.0, 106.0),
    "hcc": (46.0, 74.0),
    "hcc_necrosis": (32.0, 40.0),
    "hcc_capsule": (50.0, 108.0),
    "hcc_treated": (45.0, 48.0),
}
"""Tissue -> HU in the order of `OTHER_PHASES`; a tissue that is not here does not enhance."""


def level(tissue: str, phase: str) -> float:
    """HU of a tissue in a phase of `PHASES` or `OTHER_PHASES`, or its signal in one of `MR_PHASES`."""
    if phase in MR_PHASES:
        return SIGNAL[tissue][MR_PHASES.index(phase)]
    if phase in PHASES:
        return HU[tissue][PHASES.index(phase)]
    return OTHER_HU.get(tissue, HU[tissue])[OTHER_PHASES.index(phase)]


STRUCTURES: dict[str, str] = {
    "skin": "#e8c9a8",
    "lung_left": "#8fb8d8",
    "lung_right": "#7fa8cc",
    "heart": "#b03a3a",
    "liver": "#a8583c",
    "gallbladder": "#5f9f4a",
    "spleen": "#8a4a6a",
    "stomach": "#c8906c",
    "duodenum": "#c9a15a",
    "small_bowel": "#d0a878",
    "colon": "#b08a5a",
    "pancreas": "#d8b070",
    "kidney_left": "#a0503c",
    "kidney_right": "#a0503c",
    "adrenal_gland_left": "#c8a040",
    "adrenal_gland_right": "#c8a040",
    "aorta": "#d03030",
    "inferior_vena_cava": "#4060b0",
    "portal_vein": "#5080c8",
    "common_bile_duct": "#70a840",
    "spinal_cord": "#e0d890",
    "vertebrae_T9": "#e8e0c8",
    "vertebrae_T10": "#e8e0c8",
    "vertebrae_T11": "#e8e0c8",
    "vertebrae_T12": "#e8e0c8",
    "vertebrae_L1": "#e8e0c8",
    "vertebrae_L2": "#e8e0c8",
    "vertebrae_L3": "#e8e0c8",
    "vertebrae_L4": "#e8e0c8",
    "rib": "#e0d8c0",
}
"""Structure key -> colour; the voxel value is its place in this table, from 1."""

VESSELS = {
    1: ("artery", "#e03030"),
    2: ("portal_vein", "#4878d0"),
    3: ("hepatic_vein", "#30a0b0"),
    4: ("inferior_vena_cava", "#304890"),
}
"""Voxel value in the vessel map -> structure and colour."""

_VALUES = {key: index for index, key in enumerate(STRUCTURES, start=1)}


def structure_value(key: str) -> int:
    """Voxel value of a structure in the structure map."""
    return _VALUES[key]


def structure_labels() -> dict[int, Label]:
    return {
        value: Label(value, key.replace("_", " "), structure=key, colour=STRUCTURES[key])
        for key, value in _VALUES.items()
    }
