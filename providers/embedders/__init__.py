"""Text to vector: one file per way to embed, and the settings that choose between them."""
