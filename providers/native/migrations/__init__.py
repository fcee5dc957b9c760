"""The schema's history: one revision per file, each of which the code before it can live with."""
