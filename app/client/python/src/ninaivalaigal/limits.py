"""The limits of the service that adapters keep by themselves."""

MAX_CONTENT_CHARS = 32_000
MAX_QUERY_CHARS = 32_000
MAX_LABEL_CHARS = 256
MAX_KEY_CHARS = 255
MAX_BATCH = 1_000


def as_content(text: str, otherwise: str) -> str:
    """Return what the service takes of a text as content: its beginning, or something else if it is blank."""
    shortened = text[:MAX_CONTENT_CHARS]
    return shortened if shortened.strip() else otherwise
