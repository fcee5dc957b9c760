"""The examination engine: named checks with a time limit each, made one after another; none ends the others."""
