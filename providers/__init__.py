"""Where memories live: the provider protocol, its backends and the errors they share."""
