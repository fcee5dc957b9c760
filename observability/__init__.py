"""What the service says about itself: metrics, logs, and the wrapper that sees every request."""
