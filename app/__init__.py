"""The HTTP API of ninaivalaigal and its command line."""

__version__ = "0.1.0"
