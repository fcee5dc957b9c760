"""The items of a list in a JSON object, cut out of the text without reading them, with turns of the event loop."""

import numpy as np
from msgspec import Struct

from app.http.json.nesting import ALLOWED_DEPTH
from app.http.json.structure import Window, windows_of
from providers.timing.turns import Turns

_OF_ITEMS = 2  # lists and objects that are open around an item: the list itself, and the object that holds it


class Cut(Struct, frozen=True):
    """One item of the list: its place in the text, blanks included, and how many values it holds.

    `deep` is true if it may be too deep to be read.
    """

    begin: int
    end: int
    values: int
    deep: bool


class FoundList(Struct, frozen=True):
    """The first list in an object, from where to where; `end` is None if `most` items were cut before it."""

    begin: int
    end: int | None
    cuts: list[Cut]


async def first_list(text: bytes, most: int, turns: Turns) -> FoundList | None:
    """Return the first list (or object) in a JSON object, cut into at most `most` items and one more; None: no list.

    An empty list has one item, of blanks alone. Of what is not JSON something is cut, which is no JSON either.
    """
    cutter = _Cutter(most)
    for window in windows_of(text):
        cutter.read(window)
        if cutter.complete:
            break
        await turns.take()
    return None if cutter.begin is None else FoundList(cutter.begin, cutter.end, cutter.cuts)


class _Cutter:
    """Cut one window after another; `begin` and `end` as of `FoundList`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.begin: int | None = None
        self.end: int | None = None
        self.cuts: list[Cut] = []
        self._item_begin = 0
        self._values_before = 0  # this item, in the whole text
        self._values = 0  # in all windows so far
        self._deep = False

    @property
    def complete(self) -> bool:
        """Whether nothing more is to be read."""
        return self.end is not None or len(self.cuts) > self._most

    def read(self, window: Window) -> None:
        """Cut out what ends in this window."""
        if not len(window.places):
            return
        before = self._values
        values = before + np.cumsum(window.commas | window.opening, dtype=np.int32)
        self._values = int(values[-1])
        deep = bool(window.depth.max() > _OF_ITEMS + ALLOWED_DEPTH)
        first = 0
        if self.begin is None:
            openings = np.flatnonzero(window.opening & (window.depth == _OF_ITEMS))
            if not len(openings):
                return
            first = int(openings[0])
            self.begin = int(window.places[first])
            self._next(self.begin, int(values[first]))
            first += 1
        self._deep |= deep
        ends = (window.commas & (window.depth == _OF_ITEMS)) | (window.closing & (window.depth == _OF_ITEMS - 1))
        found = first + np.flatnonzero(ends[first:])[: self._most + 1]
        # As lists, because reading one element of an array after another takes ten times as long.
        marks = zip(window.places[found].tolist(), values[found].tolist(), window.commas[found].tolist(), strict=True)
        for place, counted, is_comma in marks:
            self.cuts.append(Cut(self._item_begin, place, counted - is_comma - self._values_before, self._deep))
            if not is_comma:
                self.end = place
                return
            self._next(place, counted)
            self._deep = deep

    def _next(self, place: int, values: int) -> None:
        """Begin another item behind a mark."""
        self._item_begin, self._values_before = place + 1, values
