"""Memories in PostgreSQL with pgvector: tables, search, migrations, and the embedded server."""
