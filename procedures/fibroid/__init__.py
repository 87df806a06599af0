"""Embolisation of uterine fibroids (practice notes 2.7, R20)."""
