"""What each tissue measures on a fat-suppressed T1-weighted gradient echo, and how a scanner shows it.

The numbers are targets of the simulation, in the arbitrary units of a magnitude image; nothing clinical is derived
from them. Iodised oil is suppressed together with fat, so that it does not shine: what enhances is tissue.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.phantom.fields import Array, Frame
from planner.phantom.scanner import blur

MR_PHASES = ("mr-before", "mr-arterial")

SIGNAL: dict[str, tuple[float, float]] = {
    "air": (0.0, 0.0),
    "skin": (180.0, 200.0),
    "fat": (70.0, 72.0),
    "mesenteric_fat": (70.0, 75.0),
    "muscle": (290.0, 310.0),
    "lung": (20.0, 22.0),
    "lung_vessel": (120.0, 400.0),
    "heart_wall": (280.0, 520.0),
    "heart_blood": (190.0, 820.0),
    "liver": (390.0, 430.0),
    "spleen": (280.0, 620.0),
    "pancreas": (430.0, 640.0),
    "gallbladder": (200.0, 200.0),
    "gallbladder_wall": (260.0, 330.0),
    "bile": (190.0, 190.0),
    "kidney_cortex": (330.0, 800.0),
    "kidney_medulla": (280.0, 430.0),
    "urine": (120.0, 120.0),
    "kidney_sinus": (90.0, 100.0),
    "adrenal": (290.0, 400.0),
    "gut_wall": (300.0, 430.0),
    "gut_fluid": (150.0, 150.0),
    "gut_gas": (8.0, 8.0),
    "faeces": (230.0, 230.0),
    "cortical_bone": (25.0, 25.0),
    "trabecular_bone": (150.0, 180.0),
    "cartilage": (160.0, 165.0),
    "disc": (190.0, 195.0),
    "thecal_sac": (110.0, 112.0),
    "aorta": (170.0, 980.0),
    "artery": (180.0, 960.0),
    "portal_vein": (190.0, 480.0),
    "hepatic_vein": (190.0, 300.0),
    "vena_cava_infrarenal": (180.0, 260.0),
    "vena_cava_renal": (185.0, 480.0),
    "vena_cava_hepatic": (185.0, 400.0),
    "hcc": (310.0, 700.0),
    "hcc_necrosis": (260.0, 262.0),
    "hcc_capsule": (300.0, 330.0),
    "hcc_treated": (400.0, 402.0),
    "lipiodol": (330.0, 331.0),
}
"""Tissue -> signal in the order of `MR_PHASES`."""

NOISE = 14.0
"""Standard deviation of the noise in either channel of the receiver."""
SHADING = 0.10
"""Largest relative change of sensitivity over the body."""


def mr_scan(image: Array, frame: Frame, seed: int) -> NDArray[np.int16]:
    """int16 magnitude image: point spread, shading of the coils and noise, which is Rician (Gudbjartsson 1995)."""
    seen = blur(image, frame.grid.spacing_kji_mm)
    z, y, x = frame.axes_zyx
    shade = np.cos(x[None, :] / 130.0) * np.cos((y[:, None] + 25.0) / 105.0)
    seen = seen * (1.0 + SHADING * (shade[None] - 0.4) + 0.03 * np.sin(z / 45.0)[:, None, None]).astype(np.float32)
    random = np.random.default_rng(seed)
    real = seen + NOISE * random.standard_normal(seen.shape, dtype=np.float32)
    across = NOISE * random.standard_normal(seen.shape, dtype=np.float32)
    magnitude: NDArray[np.int16] = np.rint(np.hypot(real, across)).astype(np.int16)
    return magnitude
