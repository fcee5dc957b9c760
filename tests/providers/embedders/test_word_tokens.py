"""Tokens that are put together from those of words are the very tokens of the text, and few words are asked for."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import wordllama

from providers.embedders import word_tokens
from providers.embedders.word_tokens import BLANK, MOST_CHARS, WordTokens, starts_of

LETTERS = "abcdefghijklmnopqrstuvwxyzABC0123456789.,;:-_/äöüßéñ日本語தமிழ்😀\n\t'\"()[]{}=+*#@&%$!?~`^|\\>"
SEPARATORS = (" ", "  ", BLANK, "<s>", "</s>", "<unk>", "<", "\u00a0", "\u200b", " \n")


class Asked:
    """A tokenizer of which is known what it was asked for."""

    def __init__(self, tokenize: Callable[[str], list[int]]) -> None:
        self._tokenize = tokenize
        self.texts: list[str] = []

    def __call__(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        self.texts.append(text)
        return self._tokenize(text)


@pytest.fixture(scope="module")
def vocabulary_and_tokenize() -> tuple[dict[str, int], Callable[[str], list[int]]]:
    """The vocabulary of the local model, and its own tokenizer."""
    model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    tokenizer = model.tokenizer
    tokenizer.no_padding()
    return tokenizer.get_vocab(), lambda text: tokenizer.encode(text, add_special_tokens=False).ids


@pytest.fixture
def asked(vocabulary_and_tokenize: tuple[dict[str, int], Callable[[str], list[int]]]) -> Asked:
    """The tokenizer of the local model."""
    return Asked(vocabulary_and_tokenize[1])


@pytest.fixture
def tokens_of(vocabulary_and_tokenize: tuple[dict[str, int], Callable[[str], list[int]]], asked: Asked) -> WordTokens:
    """What remembers the words of that tokenizer."""
    starts = starts_of(vocabulary_and_tokenize[0])
    assert starts is not None
    return WordTokens(asked, starts)


def text_of(random: Random) -> str:
    """A text of words of any letters, with what separates them; some words come again and again."""
    words = ["".join(random.choices(LETTERS, k=random.randrange(1, 9))) for _ in range(random.randrange(1, 9))]
    words += random.choices(("tea", "Tee", "the", "ü", "日本"), k=3)
    random.shuffle(words)
    return "".join(word + random.choice(SEPARATORS if random.random() < 0.1 else " ") for word in words).rstrip(" ")


@pytest.mark.parametrize("seed", range(4))
def test_the_tokens_are_those_of_the_text(seed: int, asked: Asked, tokens_of: WordTokens) -> None:
    """Whatever its words are, and whatever stands between them."""
    random = Random(seed)  # noqa: S311 - texts

    for _ in range(500):
        text = text_of(random)
        assert tokens_of(text).tolist() == asked(text), text


@pytest.mark.parametrize("text", ["", " ", "a  b", " a", "a ", f"a {BLANK}", f"a{BLANK} b", "a <s> b", "<", "\n", "\0"])
def test_what_is_more_than_words_is_taken_whole(text: str, asked: Asked, tokens_of: WordTokens) -> None:
    """Also where all of its words are known."""
    tokens_of("a b")

    assert tokens_of(text).tolist() == asked(text)


def test_a_word_is_asked_for_once(asked: Asked, tokens_of: WordTokens) -> None:
    """All that are missing in a text at once."""
    texts = ["green tea", "tea tea green", "black tea or green tea or none"]

    found = [tokens_of(text).tolist() for text in texts]

    assert asked.texts == ["green tea", "black or none"]
    assert found == [asked(text) for text in texts]


@pytest.mark.parametrize(("chars", "times"), [(MOST_CHARS, 1), (MOST_CHARS + 1, 2)])
def test_long_words_are_not_remembered(chars: int, times: int, asked: Asked, tokens_of: WordTokens) -> None:
    """They take room, and seldom come again."""
    tokens_of("x" * chars)
    tokens_of("x" * chars)

    assert len(asked.texts) == times


@pytest.mark.parametrize(("room", "asked_again"), [(4, False), (3, True)])
def test_all_are_forgotten_when_there_is_no_room(
    room: int, *, asked_again: bool, asked: Asked, tokens_of: WordTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is forgotten is asked for again, and its tokens are the same."""
    monkeypatch.setattr(word_tokens, "MOST_WORDS", room)
    tokens_of("a b")
    tokens_of("c d")

    assert tokens_of("a d").tolist() == asked("a d")

    assert ("a" in asked.texts) is asked_again


def test_a_vocabulary_that_spans_words_is_known() -> None:
    """Then no text has the tokens of its words; several blanks are no words."""
    assert starts_of({f"{BLANK}a": 0, "b": 2, BLANK * 3: 1}) == [True, True, False]
    assert starts_of({f"{BLANK}a{BLANK}b": 0, "b": 1}) is None
    assert starts_of({f"a{BLANK}": 0, "b": 1}) is None
