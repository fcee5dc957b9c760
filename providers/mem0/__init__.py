"""Memories in a mem0 service."""
