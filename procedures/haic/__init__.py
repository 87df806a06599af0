"""Hepatic arterial infusion chemotherapy: regimen, catheter or port, perfusion, pump, cycles (practice notes 2.2)."""
