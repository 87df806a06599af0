"""The use cases. Desktop, command line and scripts call this."""
