"""Hedged reads: ask the next provider as well where the first one takes longer than it does in its good times."""
