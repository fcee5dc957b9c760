"""The process that serves: how it starts, what it runs beside requests, and how it stops."""
