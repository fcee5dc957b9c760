"""What all that keeps its rows in PostgreSQL shares: the pool, time limits, and what its errors mean."""
