"""The three ways in which services that call themselves mem0 are spoken to."""
