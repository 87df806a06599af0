"""Embolisation of benign liver lesions: haemangioma, focal nodular hyperplasia, adenoma (R20)."""
