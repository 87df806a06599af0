"""Biopsy: question, path, sampling, specimens, result and concordance."""
