"""The three APIs of services that call themselves mem0."""
