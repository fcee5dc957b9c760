"""Text from elsewhere in one line, which neither breaks a table nor controls a terminal."""


def in_one_line(text: str) -> str:
    """Return a text without line breaks, its control characters escaped."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in " ".join(text.split("\n")))
