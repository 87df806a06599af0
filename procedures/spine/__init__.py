"""The stages every procedure shares."""
