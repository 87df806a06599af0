"""Drainage: collections, bile ducts and kidney, from sepsis to the removal of the drain."""
