"""One folder per procedure: what clinicians read (TOML) and what computes (Python)."""
