"""Memories on Citus: the form of a table that is distributed by owner, the statements over it, and the way there."""
