"""Pointer tools: events in LPS become edits. They know no Qt and no VTK."""
