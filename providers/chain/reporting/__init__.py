"""The log of a chain: which dependency was lost, since when and why, and what is served meanwhile."""
