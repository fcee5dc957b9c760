"""mem0's API: that of its managed service, and the routes of its own server."""
