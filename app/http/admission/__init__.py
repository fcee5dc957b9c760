"""Admission before the work: how much is under way at once, whose turn is next, and the refusal of what is too much."""
