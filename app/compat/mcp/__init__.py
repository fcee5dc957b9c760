"""The Model Context Protocol: the memories of a user as tools, resources and a prompt for a language model."""
