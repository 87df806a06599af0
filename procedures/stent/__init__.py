"""Stents in a lumen: one template, a pack per site (practice notes 2.5 and 7.4, rules R19)."""
