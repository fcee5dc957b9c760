"""The printed table: a measure, its value, the aim, and below it the places that make up the value."""

from collections.abc import Iterable, Iterator

from msgspec import Struct


class Row(Struct, frozen=True, kw_only=True):
    """One line of the table; `places` are printed below it, one a line."""

    measure: str
    value: float | str
    aim: str = ""
    places: tuple[str, ...] = ()

    @property
    def meets_aim(self) -> bool:
        """Whether the value is the aim, or within it; one that could not be measured is not."""
        if not self.aim:
            return True
        bound, exact = float(self.aim.removeprefix("<= ")), not self.aim.startswith("<= ")
        return isinstance(self.value, int | float) and (self.value == bound if exact else self.value <= bound)


def rendered(title: str, rows: Iterable[Row]) -> str:
    """Return a section of the table as text that ends with a line break."""
    return "\n".join((f"\n== {title}", *(line for row in rows for line in _lines(row)))) + "\n"


def _lines(row: Row) -> Iterator[str]:
    yield f"{row.measure:<60}{row.value!s:>8}  {row.aim}".rstrip()
    yield from (f"    {place}" for place in row.places)
