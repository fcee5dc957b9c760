"""The Redis provider: memories in Redis, Valkey or a cluster of either."""
