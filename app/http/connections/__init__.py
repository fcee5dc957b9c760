"""Connections of clients: how many there may be, and how slow their clients may be."""
