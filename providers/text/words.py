"""A word index: texts in memory, found by the words that they share with a query."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from math import log

from msgspec import Struct

# Saturation and length normalisation of BM25. Memories are short, so length says little about how much of one is
# about the query; hence a `b` below the usual 0.75.
K1 = 1.2
B = 0.4

# Words that say nothing about a text. A query of nothing else finds nothing, instead of everything.
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a an and are as at be been but by did do does for from had has have how i if in into is it its me my no not of
        on or our s so such t than that the their them then there these they this to was we were what when where which
        who why will with you your
        """,
    )
)

LONGEST_WORD = 64  # characters; a longer word is split, so that the stems cached below take little memory

# Marks on one letter: normalising sorts them by insertion, in a time that grows with the square of their number.
# Source: "Stream-Safe Text Format", Unicode Standard Annex #15.
MOST_MARKS = 30

_ASCII_WORDS = re.compile(rf"[a-z0-9]{{1,{LONGEST_WORD}}}").findall
_FIRST_MARK, _END_OF_MARKS = 0x300, 0x20000  # later ones are variation selectors, which no word needs
_VOWELS = "aeiouy"
_SHORTEST_STEM = 3
_STEMS = 32_768  # words whose stems are cached: a language, and some names


def words_of(text: str) -> list[str]:
    """Return the distinct words of a text in their order, each folded to one written form, without stop words."""
    return list(_words_in(text))


def word_scores(query: str, texts: Mapping[str, str]) -> dict[str, float]:
    """Score texts by key as a `WordIndex` of them would, for a single query."""
    words = QueryWords(query)
    return words.scores({key: words.matches(text) for key, text in texts.items()})


class Matches(Struct, frozen=True):
    """What a score needs of one text: how many distinct words it has, and which of them are the query's."""

    length: int
    words: frozenset[str]


class QueryWords:
    """The words of one query, looked for in one text after another, so that whoever has many texts can take turns."""

    def __init__(self, query: str) -> None:
        self._words = words_of(query)

    def matches(self, text: str) -> Matches:
        """Look at one text."""
        words = _words_in(text)
        return Matches(len(words), frozenset(word for word in self._words if word in words))

    def scores(self, texts: Mapping[str, Matches]) -> dict[str, float]:
        """Return the keys of all texts that share a word with the query, each as a `WordIndex` of them scores it."""
        holders = {word: [key for key, matches in texts.items() if word in matches.words] for word in self._words}
        lengths = {key: matches.length for key, matches in texts.items()}
        return _scores(holders, lengths, len(lengths), sum(lengths.values()))


class WordIndex:
    """Index texts by their words, and score them against a query.

    idf(t) = ln(1 + (N - df(t) + 0.5) / (df(t) + 0.5)), and the score of a text is the share of the query's idf that it
    covers, times (1 + k1 (1 - b)) / (1 + k1 (1 - b + b length / average length)): BM25 with tf = 1, scaled into [0, 1].
    Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009).
    """

    def __init__(self) -> None:
        self._words: dict[str, list[str]] = {}
        self._holders: defaultdict[str, set[str]] = defaultdict(set)
        self._total_length = 0

    def put(self, key: str, text: str) -> None:
        """Add a text, or replace the one under this key."""
        self.remove(key)
        words = words_of(text)
        self._words[key] = words
        self._total_length += len(words)
        for word in words:
            self._holders[word].add(key)

    def remove(self, key: str) -> None:
        """Remove the text under this key, if there is one."""
        words = self._words.pop(key, [])
        self._total_length -= len(words)
        for word in words:
            holders = self._holders[word]
            holders.discard(key)
            if not holders:
                del self._holders[word]

    def scores(self, query: str) -> dict[str, float]:
        """Return the keys of all texts that share a word with the query, each with a score in (0, 1]."""
        holders = {word: self._holders.get(word, ()) for word in words_of(query)}
        lengths = {key: len(self._words[key]) for keys in holders.values() for key in keys}
        return _scores(holders, lengths, len(self._words), self._total_length)


def _scores(
    holders: Mapping[str, Collection[str]], lengths: Mapping[str, int], count: int, total_length: int
) -> dict[str, float]:
    """Score the texts that hold words of a query, of `count` texts; `lengths` has these at least."""
    matched: defaultdict[str, float] = defaultdict(float)
    total = 0.0
    for keys in holders.values():
        idf = log(1 + (count - len(keys) + 0.5) / (len(keys) + 0.5))
        total += idf
        for key in keys:
            matched[key] += idf
    average = total_length / max(1, count)
    return {key: min(1.0, idf / total * _shortness(lengths[key] / average)) for key, idf in matched.items()}


def _shortness(length: float) -> float:
    """Return the BM25 factor of a length, given as a multiple of the average."""
    return (1 + K1 * (1 - B)) / (1 + K1 * (1 - B + B * length))


def _words_in(text: str) -> dict[str, None]:
    """Return the words of a text as the keys of a dictionary, which keeps their order and finds them."""
    if text.isascii():
        found = _ASCII_WORDS(text.lower())
    else:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _stream_safe(text)).casefold())
        found = _word_pattern().findall(folded)
    words = dict.fromkeys(map(_kept, found))
    words.pop("", None)
    return words


def _stream_safe(text: str) -> str:
    """Drop the marks on a letter beyond the number that any script needs."""
    marks = _non_starters()
    # A longer run of marks contains one of these pairs of neighbours, so few texts need the full check.
    pairs = zip(text[::MOST_MARKS], text[1::MOST_MARKS], strict=False)
    if not any(one in marks and other in marks for one, other in pairs):
        return text
    kept, run = [], 0
    for char in text:
        run = run + 1 if char in marks else 0
        if run <= MOST_MARKS:
            kept.append(char)
    return "".join(kept)


@cache
def _non_starters() -> frozenset[str]:
    """Return the characters that normalising may move: marks, and those that decompose into one, as U+FF9E does."""
    chars = map(chr, range(_FIRST_MARK, _END_OF_MARKS))
    return frozenset(char for char in chars if unicodedata.combining(unicodedata.normalize("NFKD", char)[0]))


@cache
def _word_pattern() -> re.Pattern[str]:
    r"""Return the pattern of a word: letters and digits with their marks.

    `\w` leaves marks out, although Tamil cannot be written without them. The joiners U+200C and U+200D shape a word
    from within and do not end it.
    """
    marks = (chr(code) for code in range(_FIRST_MARK, _END_OF_MARKS) if unicodedata.category(chr(code))[0] == "M")
    return re.compile(rf"[^\W_](?:[^\W_]|[{''.join(marks)}\u200c\u200d]){{0,{LONGEST_WORD - 1}}}")


@lru_cache(maxsize=_STEMS)
def _kept(word: str) -> str:
    """Return the stem of a word, or an empty text for a stop word."""
    return "" if word in STOP_WORDS else _stem(word)


def _stem(word: str) -> str:
    """Remove the commonest English endings, alike for a text and a query; other languages stay unchanged."""
    if len(word) < _SHORTEST_STEM or not word.isascii() or not word.isalpha():
        return word
    if len(word) > _SHORTEST_STEM:
        word = _without_verb_ending(_without_plural(word))
    if len(word) > _SHORTEST_STEM:
        word = word.removesuffix("e")
    if word[-1] == word[-2]:
        word = word[:-1]
    if word.endswith("y") and word[-2:-1] not in _VOWELS:
        word = f"{word[:-1]}i"
    return word


def _without_plural(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _without_verb_ending(word: str) -> str:
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        long_enough = len(stem) >= _SHORTEST_STEM and any(letter in _VOWELS for letter in stem)
        if stem != word and long_enough and not word.endswith("eed"):
            return stem
    return word
