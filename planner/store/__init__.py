"""The library: immutable revisions, blobs, audit trail and recovery journal, in SQLite or PostgreSQL."""
