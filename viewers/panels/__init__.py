"""Library, course, stages, form, findings, jobs."""
