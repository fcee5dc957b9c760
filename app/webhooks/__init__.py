"""Webhooks: URLs that are told of every change in memories, signed, at least once."""
