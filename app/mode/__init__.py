"""The mode of the service: whether it takes writes."""
