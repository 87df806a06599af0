"""Bland embolisation of liver tumours: particles alone (R9, R20; practice notes 2.2)."""
