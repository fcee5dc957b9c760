"""The journal of one host: a SQLite file that all worker processes share."""
