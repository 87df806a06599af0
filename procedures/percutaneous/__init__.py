"""What every procedure through the skin shares: structures, needle paths, position, bleeding class."""
