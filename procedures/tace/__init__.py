"""Transarterial chemoembolisation, conventional and with drug-eluting beads."""
