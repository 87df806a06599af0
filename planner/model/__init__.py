"""Patient, case, lesion, course, session, plan and its items: frozen values; edits are functions."""
