"""The ranking: scores of pairs by the formula, and an order that heeds neighbours, speakers and age as well."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import log
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.search.entries import Entry
from providers.search.questions import EmbeddedQuestion, Ordering, Question, Vector
from providers.search.ranking import RESCORED, Ranked, rank
from providers.search.recency import DAY, Recency
from providers.search.shortlist import MOST_RESCORED
from providers.search.user_index import UserIndex
from tests.support.packed import packed

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MODEL = "model"


def id_of(number: int) -> str:
    """The id of the memory of this number."""
    return str(UUID(int=number + 1))


def indexed(
    *contents: str,
    gap: timedelta = HOUR,
    sessions: Sequence[str | None] = (),
    speakers: Sequence[str | None] = (),
    vectors: Sequence[Vector] = (),
) -> UserIndex:
    """An index of memories that were stored one after the other."""
    index = UserIndex()
    for number, content in enumerate(contents):
        index.put(
            Entry(
                id=id_of(number),
                version=number + 1,
                created_at=START + number * gap,
                content=content,
                session=sessions[number] if sessions else None,
                speaker=speakers[number] if speakers else None,
                vectors={MODEL: vectors[number]} if vectors else {},
            )
        )
    return index


def unit(*numbers: float) -> Vector:
    """A vector of unit length."""
    vector = np.array(numbers, np.float32)
    length = np.sqrt(vector @ vector)
    return np.asarray(vector / length, np.float32)


def numbers_of(ranked: Ranked) -> list[int]:
    """The numbers of the hits."""
    return [UUID(hit.id).int - 1 for hit in ranked.hits]


def test_words_score_by_the_formula() -> None:
    """A score is the covered share of the question's idf, times what the length is worth."""
    ranked = rank(indexed("masala tea", "tea"), Question.of("masala tea kettle"), Ordering())
    scores = {hit.id: hit.score for hit in ranked.hits}

    # Of 2 memories masala has 1, tea 2, kettle 0; lengths 2 and 1, on average 1.5
    total = log(1 + 1.5 / 1.5) + log(1 + 0.5 / 2.5) + log(1 + 2.5 / 0.5)
    both = log(1 + 1.5 / 1.5) + log(1 + 0.5 / 2.5)
    assert scores[id_of(0)] == pytest.approx(both / total * 1.3 / (1 + 1.2 * (0.25 + 0.75 * 2 / 1.5)))
    assert scores[id_of(1)] == pytest.approx(log(1.2) / total * 1.3 / (1 + 1.2 * (0.25 + 0.75 / 1.5)))


def test_cosines_and_words_make_the_score() -> None:
    """With vectors of words the score is .2 of one cosine, .3 of the other and .5 of the words."""
    index = indexed("masala tea", "cold things", vectors=[unit(3, 4), unit(-1, 0)])
    words = np.array([[0, 2], [5, 0]], np.float32)
    [first] = rank(
        index, Question.of("tea kettle", {MODEL: EmbeddedQuestion(unit(1, 0), words)}), Ordering(limit=1)
    ).hits

    rare, unknown = log(1 + 1.5 / 1.5), log(1 + 2.5 / 0.5)
    summed = unit(5 * unknown, 2 * rare)
    by_words = rare / (rare + unknown) * 1.3 / (1 + 1.2 * (0.25 + 0.75))
    assert first.id == id_of(0)
    assert first.score == pytest.approx(0.2 * 0.6 + 0.3 * (summed @ unit(3, 4)) + 0.5 * by_words, abs=1e-3)


def test_without_vectors_of_words_the_plain_cosine_has_their_weight() -> None:
    """Half of the score is the cosine."""
    index = indexed("masala tea", vectors=[unit(3, 4)])
    [hit] = rank(index, Question.of("kettle", {MODEL: EmbeddedQuestion(unit(1, 0))}), Ordering()).hits

    assert hit.score == pytest.approx(0.5 * 0.6, abs=1e-3)


def test_without_words_the_cosine_is_the_score() -> None:
    """A question of words that say nothing is its vector alone."""
    index = indexed("masala tea", "milk", vectors=[unit(3, 4), unit(-1, 0)])
    question = Question.of("what is it", {MODEL: EmbeddedQuestion(unit(1, 0), np.empty((0, 2), np.float32))})
    [hit] = rank(index, question, Ordering()).hits

    assert hit.score == pytest.approx(0.6, abs=1e-3)


def test_a_vector_of_another_model_or_size_is_not_compared() -> None:
    """Then the words are the score."""
    index = indexed("masala tea", vectors=[unit(3, 4)])
    alone = rank(index, Question.of("tea"), Ordering()).hits

    for vectors in ({"other": EmbeddedQuestion(unit(1, 0))}, {MODEL: EmbeddedQuestion(unit(1, 0, 0))}):
        assert rank(index, Question.of("tea", vectors), Ordering()).hits == alone


@pytest.mark.parametrize("question", ["Is the TEA ready?", "  is the tea   ready? ", "is thé tea ready?"])
def test_the_same_text_scores_one(question: str) -> None:
    """Whatever its case, accents and blanks, and whatever the vectors say."""
    index = indexed("Is the tea ready?", "Is the tea ready, or is it not?", vectors=[unit(1, 9), unit(1, 0)])
    hit = rank(index, Question.of(question, {MODEL: EmbeddedQuestion(unit(1, 0))}), Ordering()).hits[0]

    assert (hit.id, hit.score, hit.exact) == (id_of(0), 1.0, True)


def test_neighbours_in_time_come_forward() -> None:
    """A memory next to one that answers comes before an equal one that is not, with the same score."""
    index = indexed("green tea", "the best tea shop", "rain", "sun", "wind", "green things", gap=timedelta(minutes=1))
    ranked = rank(index, Question.of("shop green"), Ordering())

    assert numbers_of(ranked) == [1, 0, 5]
    assert ranked.hits[1].score == pytest.approx(ranked.hits[2].score)


@pytest.mark.parametrize(
    ("gap", "sessions", "lent"),
    [
        (timedelta(minutes=30), (None, None), True),
        (timedelta(minutes=30, microseconds=1), (None, None), False),
        (timedelta(days=300), ("a", "a"), True),
        (timedelta(minutes=1), ("a", "b"), False),
        (timedelta(minutes=1), ("a", None), False),
    ],
)
def test_neighbours_are_of_one_conversation(gap: timedelta, sessions: Sequence[str | None], *, lent: bool) -> None:
    """They are in one session; without sessions, at most half an hour lies between them."""
    index = indexed("shop", "green", "rain", gap=gap, sessions=(*sessions, "other"))
    hits = rank(index, Question.of("shop green"), Ordering(explain=True)).hits

    assert [hit.explanation is not None and hit.explanation.neighbours > 0 for hit in hits] == [lent, lent]


def test_neighbours_lend_a_fifth_and_a_tenth() -> None:
    """Of what they are worth above the mean; one step away twice as much as two, and three nothing."""
    index = indexed("tea", "rain", "sun", "wind", gap=timedelta(minutes=1), vectors=[unit(1, 0)] * 4)
    question = Question.of("tea", {MODEL: EmbeddedQuestion(unit(0, 1))})
    index.put(Entry(id=id_of(9), version=9, created_at=START + HOUR, content="tea"))
    hits = {
        hit.id: hit.explanation.neighbours
        for hit in rank(index, Question.of("tea rain sun wind"), Ordering(explain=True)).hits
        if hit.explanation
    }
    [tea] = [hit.score for hit in rank(index, question, Ordering()).hits if hit.id == id_of(0)]

    scores = {hit.id: hit.score for hit in rank(index, Question.of("tea rain sun wind"), Ordering()).hits}
    mean = sum(scores.values()) / 5
    assert tea > 0
    assert hits[id_of(0)] == pytest.approx(0.2 * scores[id_of(1)] + 0.1 * scores[id_of(2)] - 0.3 * mean, abs=1e-6)
    assert hits[id_of(1)] == pytest.approx(
        0.2 * (scores[id_of(0)] + scores[id_of(2)]) + 0.1 * scores[id_of(3)] - 0.5 * mean, abs=1e-6
    )
    assert hits[id_of(9)] == 0


def test_the_best_pair_stays_first_among_better_neighbours() -> None:
    """Neighbours decide from the second place on, and the places tell the order of all."""
    index = indexed("red kite", "kite", "red kite", "red", "kite", "red kite sky", gap=timedelta(minutes=1))
    index.put(Entry(id=id_of(9), version=9, created_at=START - HOUR, content="red kite hill"))
    hits = rank(index, Question.of("red kite hill top"), Ordering(limit=7)).hits

    assert hits[0].id == id_of(9)
    assert hits[0].score == max(hit.score for hit in hits)
    assert [hit.order for hit in hits] == sorted((hit.order for hit in hits), reverse=True)


def test_words_that_the_model_does_not_know_leave_their_weight_to_the_words() -> None:
    """As far as they tell: of two words of equal idf one is known, so that the cosine of words has half its weight."""
    index = indexed("masala tea", "cold things", vectors=[unit(3, 4), unit(-1, 0)])
    for vectors, known in (([[0, 2], [5, 0]], 1.0), ([[0, 0], [5, 0]], 0.5), ([[0, 0], [0, 0]], 0.0)):
        question = Question.of("masala cold", {MODEL: EmbeddedQuestion(unit(1, 0), np.array(vectors, np.float32))})
        [first] = rank(index, question, Ordering(limit=1)).hits

        summed = unit(5, 2 if known == 1 else 0)
        by_words = 0.5 * 1.3 / (1 + 1.2 * (0.25 + 0.75))
        cosines = 0.2 * 0.6 + 0.3 * known * float(summed @ unit(3, 4))
        assert first.id == id_of(0)
        assert first.score == pytest.approx(cosines + (1 - 0.2 - 0.3 * known) * by_words, abs=1e-3)


def test_the_speaker_named_comes_first() -> None:
    """Of two equal memories, the one that the named speaker said; by field or by the name in front."""
    by_field = indexed("I like tea", "I like tea", speakers=("Anna Lind", "Ben"))
    by_content = indexed("Ben: I like tea", "Anna: I like tea")

    assert numbers_of(rank(by_field, Question.of("What does Anna like to drink, tea?"), Ordering())) == [0, 1]
    assert numbers_of(rank(by_content, Question.of("Does Ben like tea?"), Ordering())) == [0, 1]


def test_a_question_that_names_two_speakers_prefers_none() -> None:
    """It asks for the words of either."""
    index = indexed("I like tea", "I like tea", speakers=("Anna", "Ben"))
    hits = rank(index, Question.of("Do Anna and Ben like tea?"), Ordering(explain=True)).hits

    assert [hit.explanation.speaker for hit in hits if hit.explanation] == [0, 0]


def test_recent_memories_come_first_where_they_are_preferred() -> None:
    """What is half as old gains more; the score stays."""
    index = indexed("tea with milk", "rain", "sun", "tea with sugar and milk", gap=timedelta(days=40))
    plain = rank(index, Question.of("milk tea"), Ordering())
    recency = Recency(now=START + timedelta(days=120), half_life=40 * DAY)
    recent = rank(index, Question.of("milk tea"), Ordering(recency=recency, explain=True))

    assert numbers_of(plain) == [0, 3]
    assert numbers_of(recent) == [3, 0]
    assert {hit.id: hit.score for hit in plain.hits} == {hit.id: hit.score for hit in recent.hits}
    assert [hit.explanation.recency for hit in recent.hits if hit.explanation] == pytest.approx([0.2, 0.2 / 8])


@pytest.mark.parametrize("vectors", [(), (unit(1, 0), unit(1, 0), unit(0.7, 0.7))], ids=["terms", "vectors"])
def test_diverse_answers_do_not_repeat_themselves(vectors: Sequence[Vector]) -> None:
    """The second is not a copy of the first, although the copy has the better score."""
    index = indexed("green tea shop", "green tea shop", "green umbrella and more of it", vectors=vectors)
    question = Question.of("green tea shops", {MODEL: EmbeddedQuestion(unit(1, 0))})

    assert numbers_of(rank(index, question, Ordering())) == [1, 0, 2]
    assert numbers_of(rank(index, question, Ordering(diversity=0.7, limit=2))) == [1, 2]


def test_a_question_in_another_language_finds_the_stem() -> None:
    """The language of the question is guessed wrongly; that of the memory is one that this user has."""
    index = indexed("Wir haben die alten Häuser gesehen", "I saw the tea house")

    assert numbers_of(rank(index, Question.of("Haus"), Ordering())) == [0]


def test_an_explanation_names_the_parts() -> None:
    """The cosines, and the words with what they tell."""
    index = indexed("masala tea", vectors=[unit(3, 4)])
    question = Question.of("tea", {MODEL: EmbeddedQuestion(unit(1, 0), np.array([[0, 1]], np.float32))})
    [hit] = rank(index, question, Ordering(explain=True)).hits

    assert hit.explanation is not None
    assert hit.explanation.cosine == pytest.approx(0.6, abs=1e-3)
    assert hit.explanation.word_cosine == pytest.approx(0.8, abs=1e-3)
    assert [part.word for part in hit.explanation.matched] == ["tea"]
    assert hit.score == pytest.approx(0.2 * 0.6 + 0.3 * 0.8 + 0.5 * (hit.explanation.words or 0), abs=1e-3)
    assert rank(index, question, Ordering()).hits[0].explanation is None


def test_what_is_not_admitted_is_no_answer_but_a_neighbour() -> None:
    """It still lends."""
    index = indexed("shop", "green", "rain", gap=timedelta(minutes=1), sessions=("a", "a", "b"))
    ranked = rank(index, Question.of("shop green"), Ordering(explain=True), np.array([False, True, True]))
    [hit] = ranked.hits

    assert numbers_of(ranked) == [1]
    assert hit.explanation is not None
    assert hit.explanation.neighbours > 0


@pytest.mark.parametrize("count", [RESCORED - 1, RESCORED + 1])
def test_the_best_are_scored_by_the_whole_vector(count: int) -> None:
    """However many there are, the scores shown are within 0.0001 of those of float32."""
    random = np.random.default_rng(5)
    vectors = [unit(*random.standard_normal(64)) for _ in range(count)]
    index = indexed(*("tea" for _ in range(count)), vectors=vectors)
    question = unit(*random.standard_normal(64))
    hits = rank(index, Question.of("kettle", {MODEL: EmbeddedQuestion(question)}), Ordering()).hits

    exact = sorted((0.5 * float(question @ vector) for vector in vectors), reverse=True)[:10]
    assert [hit.score for hit in hits] == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("count", [MOST_RESCORED, MOST_RESCORED + 1])
def test_more_near_ones_than_are_scored_exactly_are_told_of(count: int) -> None:
    """Up to the bound the best one is found among many that look alike by one plane."""
    vectors = [unit(1, 0.5)] * count
    vectors[count // 2] = unit(1, 0.5015)  # by one plane it is farther than the others
    question = Question.of("", {MODEL: EmbeddedQuestion(unit(0, 1))})
    ranked = rank(packed_alike(count, vectors), question, Ordering(limit=1, neighbours=False))

    assert ranked.approximate is (count > MOST_RESCORED)
    if not ranked.approximate:
        assert numbers_of(ranked) == [count // 2]


def test_of_many_equal_ones_the_newest_are_first() -> None:
    """They are equal in truth, so that nothing is approximate."""
    ranked = rank(packed_alike(MOST_RESCORED + 5), Question.of("tea"), Ordering(limit=3, neighbours=False))

    assert numbers_of(ranked) == [MOST_RESCORED + 4, MOST_RESCORED + 3, MOST_RESCORED + 2]
    assert not ranked.approximate


def packed_alike(count: int, vectors: Sequence[Vector] = ()) -> UserIndex:
    """An index of as many memories of one text."""
    return UserIndex.of(
        packed(
            [
                Entry(
                    id=id_of(number),
                    version=number + 1,
                    created_at=START + number * HOUR,
                    content="tea",
                    vectors={MODEL: vectors[number]} if vectors else {},
                )
                for number in range(count)
            ]
        )
    )


@given(st.lists(st.text(max_size=30), max_size=8), st.text(max_size=30))
def test_scores_lie_above_zero_and_at_most_at_one(contents: list[str], question: str) -> None:
    """Whatever the texts."""
    hits = rank(indexed(*contents), Question.of(question), Ordering(limit=100)).hits

    assert all(0 < hit.score <= 1 for hit in hits)
    assert [hit.order for hit in hits] == sorted((hit.order for hit in hits), reverse=True)
