"""Waiting for home: how long the caller of a write waits for its word, and what goes on after that."""
