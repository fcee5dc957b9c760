"""Pieces of ASCII texts, between their blanks: most are known from other texts, with their votes and their terms.

No token reaches across a blank but for some numbers, so that what the pieces of a text have is what the text has. To
look a piece up takes a tenth of the time of finding its tokens and looking those up.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from providers.text.languages import MOST_WORDS, VOTE_BITS, votes_of
from providers.text.tokens import has_numbers, tokens_of

KEPT = 32_768  # pieces whose votes are kept, and those whose terms are
_LONGEST_KEPT = 64  # characters

# Above the votes of a piece stands how many tokens it has beyond one, and above that, that it is not to be taken alone.
# The votes of a long text run over into that number, and so make it larger, but never as large as this.
_NOT_ALONE = 1 << VOTE_BITS + 32
_VOTES = (1 << VOTE_BITS) - 1

Terms = tuple[str, ...]
TermsOf = Callable[[str, str], Terms]
Form = TypeVar("Form")


class PieceVotes(dict[str, int]):
    """The votes of known pieces for languages, of up to `most` of them."""

    def __init__(self, most: int = KEPT) -> None:
        super().__init__()
        self._most = most

    def __missing__(self, piece: str) -> int:
        """Return the votes of a piece that is not known yet."""
        if len(piece) > _LONGEST_KEPT:
            return _NOT_ALONE
        if len(self) >= self._most:  # to begin anew takes less time than to know which ones were asked for lately
            self.clear()
        votes = self[piece] = _votes_of(piece)
        return votes

    def of(self, pieces: Sequence[str]) -> int | None:
        """Return the votes of a text, -1 where it has too many words to count them all.

        None for a text that has to be looked at as a whole.
        """
        told = sum(filter(None, map(self.__getitem__, pieces)))
        if told >= _NOT_ALONE:
            return None
        return told & _VOTES if len(pieces) + (told >> VOTE_BITS) <= MOST_WORDS else -1


class PieceTerms(Generic[Form]):
    """The terms of known pieces in texts of each language, of up to `most` of them.

    `terms_of` returns the terms of a token in a text of a language, and `form` in what form those of a piece are kept.
    """

    def __init__(self, terms_of: TermsOf, form: Callable[[Terms], Form], most: int = KEPT) -> None:
        self._terms_of, self._form, self._most = terms_of, form, most
        self._known: dict[str, _TermsInLanguage[Form]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._known.values()))

    def within(self, language: str) -> Callable[[str], Form]:
        """Return what returns the terms of a piece in a text of this language."""
        known = self._known.get(language)
        if known is None:
            known = self._known[language] = _TermsInLanguage(partial(self._found, language))
        return known.__getitem__

    def _found(self, language: str, piece: str) -> Form:
        if len(self) >= self._most:
            for known in list(self._known.values()):  # as another thread may add a language meanwhile
                known.clear()
        found = [self._terms_of(token, language) for token in tokens_of(piece)]
        return self._form(found[0] if len(found) == 1 else tuple(term for one in found for term in one))


class _TermsInLanguage(dict[str, Form]):
    def __init__(self, find: Callable[[str], Form]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, piece: str) -> Form:
        form = self[piece] = self._find(piece)
        return form


def _votes_of(piece: str) -> int:
    if has_numbers(piece):
        return _NOT_ALONE
    tokens = tokens_of(piece)
    return votes_of(map(str.lower, tokens)) + (max(0, len(tokens) - 1) << VOTE_BITS)
