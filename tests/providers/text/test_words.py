"""The word index."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.text.words import LONGEST_WORD, MOST_MARKS, WordIndex, word_scores, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Masala TEA, masala!", ["masala", "tea"]),
        ("the cat of the house", ["cat", "hous"]),
        ("the of and", []),
        ("3.14 x2 a_b c-d", ["3", "14", "x2", "b", "c", "d"]),
        ("don't Anna's", ["don", "anna"]),
        ("அம்மா நினைவுகள்", ["அம்மா", "நினைவுகள்"]),
        ("मुझे चाय", ["मुझे", "चाय"]),
        ("e\u0301te\u0301 \u00e9t\u00e9 \u00c9T\u00c9", ["\u00e9t\u00e9"]),
        ("ΛΌΓΟΣ λόγος", ["λόγοσ"]),
        ("straße STRASSE", ["stras"]),
        ("\uff34\uff25\uff21 tea", ["tea"]),
        ("\U0001f469\u200d\U0001f4bb \ufe0f \u200d \u0301", []),
        ("", []),
    ],
)
def test_a_text_is_its_words(text: str, words: list[str]) -> None:
    """Words are letters and digits with their marks, each once, in order, without those that say nothing."""
    assert words_of(text) == words


@pytest.mark.parametrize(
    "family",
    [
        "make makes making",
        "run runs running",
        "add adds added adding",
        "study studies studied studying",
        "box boxes boxed",
        "cat cats",
        "play plays played playing",
        "tell tells telling",
        "hope hopes hoped hoping",
        "class classes",
        "need needs needed",
        "bus",
    ],
)
def test_forms_of_an_english_word_are_one_word(family: str) -> None:
    """Plurals and the endings of verbs do not tell words apart."""
    assert len(words_of(family)) == 1


@pytest.mark.parametrize("pair", ["king k", "red r", "thing th", "gas ga", "virus viru", "speed spe", "this thi"])
def test_an_ending_that_is_most_of_a_word_stays(pair: str) -> None:
    """A word is not cut down to a stump that others share."""
    first, second = pair.split()

    assert set(words_of(first)).isdisjoint(words_of(second))


@pytest.mark.parametrize(
    ("most", "further"),
    [
        ("\u0301" * MOST_MARKS, "\u0301" * 10),
        ("\u0301\u0316" * (MOST_MARKS // 2), "\u0316"),
        ("\uff9e\u0316\uff9f" * (MOST_MARKS // 3), "\uff9e"),
    ],
    ids=["one", "two", "halfwidth"],
)
def test_marks_on_a_letter_are_counted_up_to_a_limit(most: str, further: str) -> None:
    """What stands on a letter beyond the most marks says nothing, wherever the letter stands."""
    for before in ("x" * length for length in range(MOST_MARKS)):
        assert words_of(f"{before}e{most}{further} milk") == words_of(f"{before}e{most} milk")
        assert words_of(f"{before}e{most} milk") != words_of(f"{before}e{most[:-1]} milk")


@pytest.mark.parametrize("char", ["7", "\u0b85"])
def test_a_word_beyond_the_limit_is_several(char: str) -> None:
    """A word of the longest length is one; what goes on after it is the next."""
    longest = char * LONGEST_WORD

    assert words_of(longest) == [longest]
    assert words_of(f"{longest}{char}") == [longest, char]


def test_a_text_is_found_by_its_words() -> None:
    """Every text that shares a word has a score, and no other."""
    index = WordIndex()
    index.put("a", "masala tea")
    index.put("b", "green tea")
    index.put("c", "black coffee")

    assert set(index.scores("tea?")) == {"a", "b"}
    assert set(index.scores("coffee or masala")) == {"a", "c"}
    assert index.scores("water") == {}
    assert index.scores("or the") == {}


def test_scores_follow_the_formula() -> None:
    """A score is the covered share of the question's idf, times what the length is worth."""
    index = WordIndex()
    index.put("a", "masala tea")
    index.put("b", "tea")

    scores = index.scores("masala tea")

    # idf(masala) = ln(1 + 1.5 / 1.5), idf(tea) = ln(1 + 0.5 / 2.5); lengths 2 and 1, on average 1.5
    assert scores["a"] == pytest.approx(1.72 / (1 + 1.2 * (0.6 + 0.4 * 2 / 1.5)))
    assert scores["b"] == pytest.approx(0.18232156 / (0.18232156 + 0.69314718) * 1.72 / (1 + 1.2 * (0.6 + 0.4 / 1.5)))


def test_a_text_put_again_replaces_the_former() -> None:
    """A key has one text."""
    index = WordIndex()
    index.put("a", "tea")
    index.put("a", "coffee")

    assert index.scores("tea") == {}
    assert set(index.scores("coffee")) == {"a"}


def test_a_removed_text_leaves_no_trace() -> None:
    """After removal, scores are as if the text had never been there; removing nothing is nothing."""
    index, fresh = WordIndex(), WordIndex()
    for one in (index, fresh):
        one.put("a", "masala tea")
        one.put("b", "green tea in the morning")
    index.put("c", "tea with milk")

    index.remove("c")
    index.remove("c")
    index.remove("unknown")

    assert index.scores("green tea with milk") == fresh.scores("green tea with milk")


@given(st.dictionaries(st.sampled_from("abcdef"), st.text(max_size=30)), st.text(max_size=30))
def test_scores_lie_above_zero_and_at_most_at_one(texts: dict[str, str], question: str) -> None:
    """Whatever the texts, a text has a score in (0, 1] if and only if it shares a word with the question."""
    index = WordIndex()
    for key, text in texts.items():
        index.put(key, text)

    scores = index.scores(question)
    asked = set(words_of(question))
    assert set(scores) == {key for key, text in texts.items() if asked & set(words_of(text))}
    assert all(0 < score <= 1 for score in scores.values())
    assert word_scores(question, texts) == scores
