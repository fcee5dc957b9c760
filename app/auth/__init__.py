"""Authentication: one file per way to prove an identity."""
