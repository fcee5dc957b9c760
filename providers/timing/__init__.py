"""Time limits that lag does not use up, the end of a try passed on to stores, and turns between slices of work."""
