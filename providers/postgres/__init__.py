"""The connection pool, the time limits and the translation of errors that all users of PostgreSQL share."""
