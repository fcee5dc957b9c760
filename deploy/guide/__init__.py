"""The documentation as a site: its pages from `deploy/docs`, with references that are made from the code."""
