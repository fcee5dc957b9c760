"""Memories in this process alone, gone when it ends."""
