"""Keys: names for memories that their users choose, over any provider."""
