"""The methods that are compared: the service's ranking, its steps, and what others do."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from providers.embedders.base import Embedder
from providers.search.bm25 import idf
from providers.search.entries import Entry
from providers.search.matching import match
from providers.search.questions import EmbeddedQuestion, Ordering, Question
from providers.search.ranking import rank
from providers.search.user_index import UserIndex
from providers.search.weights import K1
from tests.quality.questions_and_answers import Conversation

Scores = NDArray[np.float32]
Method = Callable[["Scene", Question], Sequence[str]]

MOST = 10  # answers that are looked at
_FUSION = 60  # Source: Cormack et al., "Reciprocal Rank Fusion Outperforms Condorcet" (2009)
_TODAY_B = 0.4


class Scene:
    """One conversation, indexed with and without sessions and speakers, and its memories' vectors."""

    def __init__(self, conversation: Conversation, model: str, vectors: Sequence[Scores]) -> None:
        self.model = model
        self.ids = [line.id for line in conversation.lines]
        self.vectors = np.stack(vectors)
        self.index = UserIndex()
        for number, (line, vector) in enumerate(zip(conversation.lines, vectors, strict=True)):
            self.index.put(
                Entry(
                    id=line.id,
                    version=number,
                    created_at=line.created_at,
                    content=line.text,
                    vectors={model: vector},
                    session=line.session,
                    speaker=line.speaker,
                )
            )

    def cosines(self, question: Question) -> Scores:
        """Return the cosine of each memory."""
        return np.asarray(np.maximum(self.vectors @ question.vectors[self.model].text, 0), np.float32)

    def words(self, question: Question, b: float) -> Scores:
        """Return BM25 with tf = 1 of each memory, scaled into [0, 1]."""
        matched = match(self.index, question)
        scores = np.zeros(len(self.ids), np.float32)
        for rows in matched.holders:
            scores[rows] += idf(len(self.ids), len(rows))
        lengths = self.index.columns.length / self.index.average_length
        scores *= (1 + K1 * (1 - b)) / (1 + K1 * (1 - b + b * lengths)) / max(sum(matched.idfs), 1e-9)
        return scores

    def best(self, scores: Scores) -> list[str]:
        """Return the ids of the best by score, the newest first among equals."""
        order = np.lexsort((-np.arange(len(scores)), -scores))[:MOST]
        return [self.ids[place] for place in order if scores[place] > 0]


def _words(scene: Scene, question: Question) -> Sequence[str]:
    return scene.best(scene.words(question, 0.75))


def _vectors(scene: Scene, question: Question) -> Sequence[str]:
    return scene.best(scene.cosines(question))


def _fusion(scene: Scene, question: Question) -> Sequence[str]:
    fused = np.zeros(len(scene.ids), np.float32)
    for scores in (scene.words(question, 0.75), scene.cosines(question)):
        ranks = (-scores).argsort(kind="stable").argsort()
        fused += np.where(scores > 0, 1 / (_FUSION + 1 + ranks), 0).astype(np.float32)
    return scene.best(fused)


def _today(scene: Scene, question: Question) -> Sequence[str]:
    return scene.best(0.5 * scene.cosines(question) + 0.5 * scene.words(question, _TODAY_B))


def _ranking(scene: Scene, question: Question) -> Sequence[str]:
    return [hit.id for hit in rank(scene.index, question, Ordering(limit=MOST)).hits]


def _pairs(scene: Scene, question: Question) -> Sequence[str]:
    hits = rank(scene.index, question, Ordering(limit=len(scene.ids))).hits
    return [hit.id for hit in sorted(hits, key=lambda hit: -hit.score)[:MOST]]


def _without_speaker(scene: Scene, question: Question) -> Sequence[str]:
    hits = rank(scene.index, question, Ordering(limit=len(scene.ids), explain=True)).hits
    gains = {hit.id: hit.order - (hit.explanation.speaker if hit.explanation else 0) for hit in hits}
    return sorted(gains, key=lambda one: -gains[one])[:MOST]


METHODS: Mapping[str, Method] = {
    "BM25": _words,
    "cosine": _vectors,
    "reciprocal-rank fusion": _fusion,
    ".5 cosine + .5 words": _today,
    "score of the pair": _pairs,
    "score + neighbours": _without_speaker,
    "ranking": _ranking,
}


async def asked(embedder: Embedder, text: str) -> Question:
    """Return a question with its vectors."""
    plain = Question.of(text)
    [vector] = await embedder.embed([text])
    words = await embedder.embed_words([word.text for word in plain.words])
    return Question.of(text, {embedder.model: EmbeddedQuestion(vector, words)})
