"""Intra-arterial infusion of tumours of head and neck (R21; practice notes 2.8)."""
