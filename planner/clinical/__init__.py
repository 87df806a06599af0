"""Scores, doses, limits and response criteria: pure functions, each with its rule, version, source and tag."""
