"""A string that no log, traceback or configuration dump shows."""

MASK = "********"


class Secret:
    """Hold a secret so that printing it by accident shows only a mask.

    Only `reveal()` returns the value; `str`, `repr` and formatting return `********`, and it does not pickle.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself, for the one place that sends or compares it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str:
        raise TypeError("a Secret does not pickle")
