"""Text analysis: how contents and queries become words, the same wherever this process searches memories."""
