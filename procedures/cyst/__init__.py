"""Cyst sclerotherapy: indication, cystogram as a gate, ethanol within its caps, polidocanol, and a patient outcome."""
