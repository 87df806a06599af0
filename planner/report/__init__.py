"""The printed plan and tables."""
