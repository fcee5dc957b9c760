"""The journal in PostgreSQL, for several hosts: in another failure domain than home, or it helps little."""
