"""Erasing users over HTTP: the service behind it, and the receipt as callers see it."""
