"""Scores by words alone of texts that are in no index."""

from collections import defaultdict
from collections.abc import Mapping

from msgspec import Struct

from providers.search.bm25 import idf, shortness
from providers.text.analyzer import analyze, question_words
from providers.text.languages import STOP_WORDS


class Matches(Struct, frozen=True):
    """What a score needs of one text: how many terms it has, which of them the query may mean, and its language."""

    length: int
    terms: frozenset[str]
    language: str


class QueryWords:
    """The words of one query, looked for in one text after another, so that whoever has many texts can take turns."""

    def __init__(self, query: str) -> None:
        self._words = question_words(query)
        self._wanted = frozenset(term for word in self._words for term in word.terms(STOP_WORDS))

    def __len__(self) -> int:
        return len(self._words)

    def matches(self, text: str) -> Matches:
        """Look at one text."""
        analysis = analyze(text)
        return Matches(len(analysis.terms), self._wanted.intersection(analysis.terms), analysis.language)

    def scores(self, texts: Mapping[str, Matches]) -> dict[str, float]:
        """Return the keys of all texts that share a word with the query, each as an index of them scores it."""
        languages = {matches.language for matches in texts.values()}
        average = sum(matches.length for matches in texts.values()) / max(1, len(texts))
        matched: defaultdict[str, float] = defaultdict(float)
        total = 0.0
        for word in self._words:
            terms = frozenset(word.terms(languages))
            holders = [key for key, matches in texts.items() if not terms.isdisjoint(matches.terms)]
            if word.may_be_empty and not holders:
                continue
            worth = idf(len(texts), len(holders))
            total += worth
            for key in holders:
                matched[key] += worth
        return {key: min(1.0, one / total * shortness(texts[key].length / average)) for key, one in matched.items()}


def word_scores(query: str, texts: Mapping[str, str]) -> dict[str, float]:
    """Score texts by key as an index of them would, for a single query."""
    words = QueryWords(query)
    return words.scores({key: words.matches(text) for key, text in texts.items()})
