"""Snowball stems of words, by language."""

import threading

import Stemmer

from providers.text.folding import without_accents

_SHORTEST_WORD = 3

_kept = threading.local()  # a stemmer keeps its state between calls, so that threads cannot share one


def stem(word: str, language: str) -> str:
    """Return the folded stem of a casefolded word; without a stemmer for the language, the folded word."""
    if not language or len(word) < _SHORTEST_WORD or (word.isascii() and not word.isalpha()):
        return without_accents(word)
    return without_accents(accented_stem(word, language)) or without_accents(word)


def accented_stem(word: str, language: str) -> str:
    """Return the stem of a casefolded word as it is, also of a very short one."""
    stemmers: dict[str, Stemmer.Stemmer] | None = getattr(_kept, "stemmers", None)
    if stemmers is None:
        stemmers = _kept.stemmers = {}
    stemmer = stemmers.get(language)
    if stemmer is None:
        stemmer = stemmers[language] = Stemmer.Stemmer(language, 0)  # we cache what is wanted
    found: str = stemmer.stemWord(word)
    return found
