"""Pieces of ASCII texts, between their blanks: most are known from other texts, with their votes and their terms.

No token reaches across a blank but for some numbers, so that what the pieces of a text have is what the text has. To
look a piece up takes a tenth of the time of finding its tokens and looking those up.
"""

from collections.abc import Callable, Sequence

from providers.text.languages import MOST_WORDS, VOTE_BITS, votes_of
from providers.text.tokens import has_numbers, tokens_of

KEPT = 32_768  # pieces whose votes are kept, and those whose terms are
_LONGEST_KEPT = 64  # characters

# Above the votes of a piece stands how many tokens it has beyond one, and above that, that it is not to be taken alone.
# The votes of a long text run over into that number, and so make it larger, but never as large as this.
_NOT_ALONE = 1 << VOTE_BITS + 32
_VOTES = (1 << VOTE_BITS) - 1

Terms = tuple[str, ...]


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


class PieceTerms:
    """The terms of known pieces in texts of each language, of up to `most` of them and those of one text more.

    `terms_of` returns the terms of a token in a text of a language.
    """

    def __init__(self, terms_of: Callable[[str, str], Terms], most: int = KEPT) -> None:
        self._terms_of, self._most = terms_of, most
        self._known: dict[str, _TermsInLanguage] = {}

    def __len__(self) -> int:
        return sum(map(len, self._known.values()))

    def within(self, language: str) -> Callable[[str], Terms]:
        """Return what returns the terms of a piece, for one text of this language."""
        if len(self) >= self._most:
            self._known.clear()
        known = self._known.get(language)
        if known is None:
            known = self._known[language] = _TermsInLanguage(self._terms_of, language)
        return known.__getitem__


class _TermsInLanguage(dict[str, Terms]):
    def __init__(self, terms_of: Callable[[str, str], Terms], language: str) -> None:
        super().__init__()
        self._terms_of, self._language = terms_of, language

    def __missing__(self, piece: str) -> Terms:
        found = [self._terms_of(token, self._language) for token in tokens_of(piece)]
        terms = self[piece] = found[0] if len(found) == 1 else tuple(term for one in found for term in one)
        return terms


def _votes_of(piece: str) -> int:
    if has_numbers(piece):
        return _NOT_ALONE
    tokens = tokens_of(piece)
    return votes_of(map(str.lower, tokens)) + (max(0, len(tokens) - 1) << VOTE_BITS)
