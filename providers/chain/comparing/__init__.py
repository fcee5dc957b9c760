"""Comparing the stores of a chain, and bringing them to one state: memories are put once by version, deletions win."""
