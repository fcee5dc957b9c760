"""The in-memory provider: memories in this process alone, gone when it ends."""
