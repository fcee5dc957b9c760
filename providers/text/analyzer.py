"""The analyzer: which terms a memory is found by, and which terms a question looks for.

A memory keeps the stems of the language that it is written in. A question of four words does not tell its language, so
each of its words is looked up under the stems of all languages of the memories, and unstemmed.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain, repeat

from msgspec import Struct

from providers.text.folding import casefolded, fold, without_accents
from providers.text.identifiers import is_plain, parts_of, slices
from providers.text.languages import MOST_WORDS, STOP_WORDS, language_of, most_voted, script_language
from providers.text.pieces import Form, PieceTerms, PieceVotes, Terms
from providers.text.stemming import stem
from providers.text.tokens import LONGEST_TEXT, bigrams_of, is_unspaced, tokens_of

# Of the terms that texts get. Stores keep those of a version, and analyze anew what has those of another one.
ANALYZER_VERSION = 1

MOST_QUESTION_WORDS = 256  # that are looked up, in the order they stand in the question

_CACHED = 32_768  # tokens whose terms are kept: a few languages, and some names
_CACHED_OF_QUESTIONS = 4_096  # tokens whose units are kept
_LONGEST_CACHED = 64  # characters
_LONGEST_TOKEN = 4_096  # characters of one token that are taken apart

# What remains of a word behind an apostrophe: "it's", "we'll", "they've".
_CLITICS = frozenset(("s", "t", "ll", "re", "ve", "d", "m"))
_NEGATION = "n't"


class Analysis(Struct, frozen=True):
    """What a memory is found by: its distinct terms in their order, and the language of its words in Latin script."""

    terms: tuple[str, ...]
    language: str


class QuestionWord(Struct, frozen=True):
    """One word of a question, and the unstemmed word that its stems are made of; a term is found as it is.

    One that `may_be_empty` says nothing in some language, but is no such word in that of the question.
    """

    text: str
    stemmed: bool
    may_be_empty: bool

    def terms(self, languages: Iterable[str]) -> tuple[str, ...]:
        """Return the terms that the word is looked up under, for memories in these languages."""
        return _alternatives(self.text, tuple(languages)) if self.stemmed else (self.text,)


class _Unit(Struct, frozen=True):
    """A piece of a token: a casefolded word that may be stemmed, or a folded term that is found as it is."""

    text: str
    stemmed: bool


def analyze(text: str) -> Analysis:
    """Return the terms of a memory."""
    known = pieces_of(text)
    if known is None:
        return analyze_whole(text)
    pieces, language = known
    found = map(_known_terms.within(language), pieces)
    return Analysis(tuple(dict.fromkeys(chain.from_iterable(found))), language)


def pieces_of(text: str) -> tuple[list[str], str] | None:
    """Return what stands between the blanks of a text, and its language; None if it is to be analyzed as a whole."""
    if not text.isascii() or len(text) > LONGEST_TEXT:
        return None
    pieces = text.split()
    votes = _votes.of(pieces)
    if votes is None:
        return None
    return pieces, most_voted(votes) if votes >= 0 else _language_of_many(pieces)


def terms_by_piece(form: Callable[[Terms], Form]) -> PieceTerms[Form]:
    """Return a new table of pieces, with their terms in some form."""
    return PieceTerms(_terms_of, form)


def analyze_whole(text: str) -> Analysis:
    """Return the same as `analyze`, which does not go through a text whose pieces are known."""
    tokens = tokens_of(text)
    language = _language_of(tokens, ascii_only=text.isascii())
    cached = not tokens or max(map(len, tokens)) <= _LONGEST_CACHED  # as in nearly all texts
    found = map(_terms_of if cached else _terms_of_any, tokens, repeat(language))
    return Analysis(tuple(dict.fromkeys(chain.from_iterable(found))), language)


def question_words(text: str) -> list[QuestionWord]:
    """Return the distinct words of a question in their order, without those that say nothing in its language."""
    tokens = tokens_of(text)
    language = _language_of(tokens, ascii_only=text.isascii())
    words: dict[str, QuestionWord] = {}
    for token in tokens:
        for unit in _known_units(token) if len(token) <= _LONGEST_CACHED else _units_of(token):
            folded = without_accents(unit.text)
            if folded in words or (unit.stemmed and folded in STOP_WORDS.get(_language(unit.text, language), ())):
                continue
            words[folded] = QuestionWord(unit.text, unit.stemmed, unit.stemmed and folded in _all_stop_words())
            if len(words) == MOST_QUESTION_WORDS:
                return list(words.values())
    return list(words.values())


def _language_of(tokens: Sequence[str], *, ascii_only: bool) -> str:
    if ascii_only:  # a third of the time
        if len(tokens) > MOST_WORDS:
            tokens = [token for token in tokens if token[0].isalpha()]
        return language_of(map(str.lower, tokens))
    return language_of(_folded(token) for token in tokens if _is_latin(token))


def _language_of_many(pieces: list[str]) -> str:
    """Return the language of many pieces, which the first words tell unless few of those begin with a letter."""
    first = [token for token in tokens_of(" ".join(pieces[: 2 * MOST_WORDS])) if token[0].isalpha()]
    if len(first) >= MOST_WORDS or len(pieces) <= 2 * MOST_WORDS:
        return language_of(map(str.lower, first))
    return _language_of(tokens_of(" ".join(pieces)), ascii_only=True)


def _language(word: str, language: str) -> str:
    of_script = script_language(word)
    return language if of_script is None else of_script


def _new_terms_of(token: str, language: str) -> tuple[str, ...]:
    """Return the terms of a token in a text of this language."""
    terms = (_term(unit, language) for unit in _units_of(token))
    return tuple(dict.fromkeys(filter(None, terms)))


_terms_of = lru_cache(maxsize=_CACHED)(_new_terms_of)
_votes = PieceVotes()
_known_terms = terms_by_piece(tuple)


def _terms_of_any(token: str, language: str) -> tuple[str, ...]:
    """Return the terms of a token that may be too long to keep them."""
    return _terms_of(token, language) if len(token) <= _LONGEST_CACHED else _new_terms_of(token, language)


def _term(unit: _Unit, language: str) -> str:
    """Return the term of a unit, empty for one that says nothing."""
    if not unit.stemmed:
        return unit.text
    bare = without_accents(unit.text)
    of_script = script_language(unit.text)
    if of_script is not None:  # whose stemmers want no accents
        return "" if bare in STOP_WORDS.get(of_script, ()) else stem(bare, of_script)
    return "" if bare in STOP_WORDS.get(language, ()) else stem(unit.text, language)


def _units_of(token: str) -> tuple[_Unit, ...]:
    token = token[:_LONGEST_TOKEN]
    if is_unspaced(token):
        return tuple(_Unit(fold(pair), stemmed=False) for pair in bigrams_of(token))
    if "'" in token or "\u2019" in token:
        return _apart(token.replace("\u2019", "'"))
    if is_plain(token):
        return _words((token,))
    parts = parts_of(token)
    units = tuple(_Unit(term, stemmed=False) for term in map(fold, parts.terms) if term)
    return (*units, *_words(parts.words))


_known_units = lru_cache(maxsize=_CACHED_OF_QUESTIONS)(_units_of)


def _apart(token: str) -> tuple[_Unit, ...]:
    """Return the units on both sides of each apostrophe, without what only English grammar puts there."""
    if token.lower().endswith(_NEGATION):
        return ()
    first, *others = token.split("'")
    kept = (first, *(other for other in others if other.lower() not in _CLITICS))
    return tuple(unit for piece in kept if piece for unit in _units_of(piece))


def _words(words: Iterable[str]) -> tuple[_Unit, ...]:
    pieces = (piece for word in words for piece in slices(casefolded(word)))
    return tuple(_Unit(piece, stemmed=True) for piece in pieces if without_accents(piece))


@lru_cache(maxsize=_CACHED)
def _alternatives(word: str, languages: tuple[str, ...]) -> tuple[str, ...]:
    """Return a word unstemmed and under its stems, with its accents and without them."""
    bare = without_accents(word)
    of_script = script_language(word)
    stemmers = sorted(languages) if of_script is None else (of_script,)
    forms = (word,) if word == bare else (word, bare)
    stems = (stem(form, language) for language in stemmers for form in forms)
    return tuple(dict.fromkeys((bare, *stems)))


def _folded(token: str) -> str:
    return token.lower() if token.isascii() else _folded_anew(token[:_LONGEST_CACHED])


@lru_cache(maxsize=_CACHED)
def _folded_anew(token: str) -> str:
    return without_accents(casefolded(token))


def _is_latin(token: str) -> bool:
    return token[0].isalpha() and (token.isascii() or script_language(token) is None)


@lru_cache(maxsize=1)
def _all_stop_words() -> frozenset[str]:
    return frozenset().union(*STOP_WORDS.values())
