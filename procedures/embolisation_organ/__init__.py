"""Arterial infusion and embolisation of other organs: one template with organ packs (practice notes 2.10)."""
