"""The core of Seldinger: images, plans, templates and rules, without any toolkit or display."""

DISCLAIMER = (
    "Planning, teaching and review software. Not a medical device; not cleared or certified anywhere. "
    "It does not guide or perform a procedure. Check every measurement on your clinical workstation before use."
)

APPLICATION = "seldinger"
"""Name of the program's own folders in an account."""
