"""Drugs given through the arteries: any drug, its prepared maximum, a second person, what was given."""
