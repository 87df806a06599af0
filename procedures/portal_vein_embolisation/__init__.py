"""Portal vein embolisation before resection: remnant, access, branches, growth (R14; practice notes 1.2, 2.10)."""
