"""Observability: metrics, logs and traces, and the wrapper that sees every request."""
