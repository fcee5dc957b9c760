"""Speakers: whose words a question asks for."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from providers.search.distinct import numbered
from providers.text.folding import fold
from providers.text.tokens import is_unspaced, tokens_of

NOBODY = 0

_SHORTEST_NAME = 2  # characters; "I: yes" is nobody's name


class Speakers:
    """Number the speakers of one user's memories, and find the only one whom a question names.

    A question names a speaker by the whole name or by its first word; in scripts without blanks anywhere in the text.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._memories: Counter[int] = Counter()
        self._by_word: defaultdict[str, set[str]] = defaultdict(set)
        self._unspaced: set[str] = set()

    def number(self, name: str | None) -> int:
        """Count one more memory of a speaker, by the folded name, and return the speaker's number."""
        if name is None or len(name) < _SHORTEST_NAME:
            return NOBODY
        number = self._numbers.setdefault(name, len(self._numbers) + 1)
        self._memories[number] += 1
        if self._memories[number] == 1:
            self._by_word[name.split()[0]].add(name)
            if is_unspaced(name):
                self._unspaced.add(name)
        return number

    def numbers(self, names: Sequence[str | None]) -> NDArray[np.int32]:
        """Count one more memory for each name, and return the numbers of the speakers."""
        distinct, places = numbered(names, len(names))
        found = np.array([self.number(name) for name in distinct], np.int32)
        for number, memories in zip(found.tolist(), np.bincount(places).tolist(), strict=True):
            if number != NOBODY:
                self._memories[number] += memories - 1
        return found[places]

    def release(self, number: int) -> None:
        """Count one memory less."""
        if number != NOBODY:
            self._memories[number] -= 1

    def named_in(self, question: str) -> int:
        """Return the number of the only speaker whom a question names, `NOBODY` if it names none or several."""
        if not self._numbers:
            return NOBODY
        folded = fold(question)
        words = {word for token in tokens_of(folded) for word in (token, token.split("'")[0].split("\u2019")[0])}
        names = {name for word in words for name in self._by_word.get(word, ())}
        names |= {name for name in self._unspaced if name in folded}
        numbers = {self._numbers[name] for name in names if self._memories[self._numbers[name]] > 0}
        if len(numbers) > 1:  # "Anna Lind" among several Annas
            numbers = {self._numbers[name] for name in names if " " in name and name in folded}
        return numbers.pop() if len(numbers) == 1 else NOBODY
