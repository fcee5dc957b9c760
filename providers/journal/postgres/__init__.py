"""The journal in PostgreSQL, for several hosts; it helps only in another failure domain than the home provider."""
