"""The console: pages on which an operator sees the state of the service, and sets its order and circuit breakers."""
