"""The configuration of a running service: read again when it changes, with the order that the API may put over it."""
