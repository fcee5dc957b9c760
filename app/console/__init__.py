"""The console: a page on which an operator sees how the service is, and sets its order and circuit breakers."""
