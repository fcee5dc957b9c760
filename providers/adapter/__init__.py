"""Providers of others that have just the methods of SPEC-020."""
