"""Time limits: a timeout that the event loop's own lag does not use up, and the end of a try passed on to stores."""
