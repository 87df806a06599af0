"""The door to image files: reading, the geometry gate, decoding, writing."""
