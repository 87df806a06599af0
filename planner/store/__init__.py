"""The library: cases, revisions, blobs, audit trail, recovery journal."""
