"""Plan items and images become pictures."""
