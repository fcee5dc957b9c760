"""Erasing a user: what is remembered of it, so that nothing is ever put again, and what the receipt says."""
