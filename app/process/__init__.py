"""The serving process: its start, its background work, and its stop."""
