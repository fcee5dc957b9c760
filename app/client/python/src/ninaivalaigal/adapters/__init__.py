"""Adapters for frameworks of agents, each of which imports its own framework alone."""
