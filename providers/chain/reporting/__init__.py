"""What goes on in a chain, told in the log: what was lost and since when, why, and what serves meanwhile."""
