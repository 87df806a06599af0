"""Cursor, window/level, layout, selection, tools: no Qt, no VTK."""
