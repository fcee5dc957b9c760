"""Erasing what has expired: never by the clock of a reader."""
