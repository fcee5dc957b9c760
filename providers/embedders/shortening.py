"""Texts that are too long for a model: cut to a beginning that it may take, at the boundary of a character."""

# 32,000 characters, the longest memory, are 15 after so many halvings, which every model takes.
MOST_CUTS = 11

# What is shorter is too long for no model; if it is refused, then for something else.
LEAST_CHARS = 30


def beginning(text: str, fits: float | None) -> str | None:
    """Give the part of a text that is to be tried next, None if it is too short to be cut.

    `fits` is the part that the server would take, if it has said so; without that it is half of the text.
    """
    if len(text) < LEAST_CHARS:
        return None
    return text[: max(1, int(len(text) * (fits or 0.5)))]
