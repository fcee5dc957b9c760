"""Embedders, which turn text into vectors: one file per kind, and the settings that choose between them."""
