"""Non-contrast and delayed phase of the digital patient: the same anatomy before and long after the injection."""

from __future__ import annotations

from planner.imaging import ImageSource, Volume
from planner.jobs import Context
from planner.phantom.enhancement import OTHER_PHASES
from planner.phantom.patient import painted, uid_of
from planner.phantom.presets import preset_named
from planner.phantom.scanner import scan


def generate_other_phases(
    preset: str = "demo", seed: int = 7, *, case: str = "tace", context: Context | None = None
) -> dict[str, Volume]:
    """The phases that `planner.phantom.generate` leaves out, on the same grid and in the same frame.

    Returns
    -------
    ``non-contrast`` and ``delayed`` -> volume in HU. Their sources name no phase words but the phase itself.

    Raises
    ------
    UsageError
        For an unknown preset or case, or one that is not modelled.
    """
    given = context or Context()
    canvas = painted(preset, seed, case, OTHER_PHASES, given.part(0.0, 0.8)).canvas
    volumes = {}
    for number, (phase, image) in enumerate(zip(OTHER_PHASES, canvas.hu, strict=True)):
        source = ImageSource(
            uid_of("series", preset, seed, case, phase), modality="CT", unit="HU", phase=phase, patient_position="HFS"
        )
        # The noise of the other two phases is seeded by 31 * seed and 31 * seed + 1.
        voxels = scan(image, canvas.frame, seed * 31 + 2 + number, preset_named(preset).noise_hu)
        volumes[phase] = Volume(voxels, canvas.grid, source)
    given.step(1.0, "Phases made")
    return volumes
