"""Search in this process: which memories a query admits."""
