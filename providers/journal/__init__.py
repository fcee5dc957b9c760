"""The durable list of operations that some provider has not confirmed yet, in a file or in PostgreSQL."""
