"""Provenance: who has written what, noted with every write."""
