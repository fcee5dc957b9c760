"""Connections of clients: limits on how many there may be, and how slow their clients may be."""
