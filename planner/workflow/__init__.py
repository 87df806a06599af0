"""Templates, gates, stage status, the life cycle of a session, the order of a course."""
