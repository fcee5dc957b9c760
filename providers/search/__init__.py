"""Search in this process: which memories a question admits."""
