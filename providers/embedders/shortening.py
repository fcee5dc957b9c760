"""The shortening of a text that is too long for a model, at the boundary of a character."""

# 32,000 characters, the longest memory, are 15 after this many halvings, which every model takes.
MOST_CUTS = 11

# A shorter text is too long for no model; if it is refused, the reason is another.
LEAST_CHARS = 30


def beginning(text: str, fits: float | None) -> str | None:
    """Return the beginning of the text to try next, None if it is too short to be cut.

    `fits` is the share that the server would take, if it has said so; without it half of the text is tried.
    """
    if len(text) < LEAST_CHARS:
        return None
    return text[: max(1, int(len(text) * (fits or 0.5)))]
