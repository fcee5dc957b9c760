"""Where memories live: the provider protocol, the providers, and the errors that they share."""
