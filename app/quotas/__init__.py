"""Quotas: how many memories and bytes each user and tenant may hold."""
