"""The HTTP layer: everything between the bytes of a request and its handler, and between the answer and its bytes."""
