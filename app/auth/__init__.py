"""Authentication: one file for each method."""
