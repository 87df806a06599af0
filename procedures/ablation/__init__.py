"""Thermal ablation (microwave, radiofrequency, cryoablation) and irreversible electroporation."""
