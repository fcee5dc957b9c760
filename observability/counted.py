"""Numbers of things in words, for reports and reasons."""


def counted(number: int, one: str, many: str) -> str:
    """Return `1 memory`, or `1204 memories`."""
    return f"{number} {one if number == 1 else many}"
