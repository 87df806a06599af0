"""Images as values, and what is computed from them."""

from planner.imaging.volumes import ImageSource, Label, LabelMap, Volume

__all__ = ["ImageSource", "Label", "LabelMap", "Volume"]
