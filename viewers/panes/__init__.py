"""MPR, 3D and other panes."""
