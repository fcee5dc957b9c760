"""Memories on their way out and in: the format of an export, what writes it, what reads it, and converters into it."""
