"""Signed user contexts: a gateway that knows its users signs for whom a request is."""
