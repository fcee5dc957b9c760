"""Text: how contents and questions become words, the same wherever memories are searched in this process."""
