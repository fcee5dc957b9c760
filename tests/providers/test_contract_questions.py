"""What every provider promises of odd questions: an answer that is not everything, or a refusal."""

import pytest

from providers.base import MemoryProvider
from providers.errors import InvalidInput
from providers.limits import MAX_QUERY_CHARS

# A memory near enough to a question without words of its own would score this much.
SURE = 0.75

TEXTS = ["green tea arrived yesterday", "train tickets, Chennai, 50% off", "Anna's birthday: balloons_and_cake"]

MEANINGLESS = [
    "!!! ??? ...",
    "the of",
    "is it the",
    "'",
    '"',
    '"""',
    "%",
    "%%%",
    "_",
    "______",
    "\\",
    "\\\\%",
    "*",
    "?",
    ".*",
    "&",
    "|",
    "!",
    "<->",
    "(",
    ")",
    ":*",
    "& | ! <-> ( ) :*",
    "!!(the & (of | ':A'))",
    "' OR 1=1 --",
    "'; DROP TABLE ninai_memories; --",
    "$1 :query %s {} {0}",
    "🎉",
    "👨‍👩‍👧",
    "\ufe0f",
    "\u200b",
    "\u0301",
    "\ufeff",
    "\x01\x02",
    "zqxj",
    "நன்றி",
]

ODD = [
    pytest.param("x" * MAX_QUERY_CHARS, id="one long word"),
    pytest.param("&|!()" * (MAX_QUERY_CHARS // 5), id="operators"),
    pytest.param("'" * MAX_QUERY_CHARS, id="quotes"),
    pytest.param("😀" * MAX_QUERY_CHARS, id="emoji"),
    pytest.param(" ".join(f"w{number}" for number in range(5000)), id="thousands of words"),
    pytest.param(" ".join(chr(0x0B95 + number % 20) * (number % 50 + 1) for number in range(900)), id="tamil"),
]


@pytest.mark.parametrize("query", MEANINGLESS)
async def test_a_question_without_words_does_not_match_everything(
    provider: MemoryProvider, user: str, query: str
) -> None:
    """Marks, operators, wildcards and words that say nothing are sure of no memory."""
    for text in TEXTS:
        await provider.remember(user, text)

    assert await provider.recall(user, query, min_score=SURE) == []


@pytest.mark.thorough
@pytest.mark.parametrize("query", ODD)
async def test_a_huge_question_gets_an_answer(provider: MemoryProvider, user: str, query: str) -> None:
    """A question as long as may be is answered, and not with everything."""
    for text in TEXTS:
        await provider.remember(user, text)

    assert await provider.recall(user, query, min_score=SURE) == []


@pytest.mark.parametrize("query", ["", " ", "\t\r\n", "\u00a0\u2003"])
async def test_a_blank_question_is_refused(provider: MemoryProvider, user: str, query: str) -> None:
    """There is no answer to nothing."""
    with pytest.raises(InvalidInput) as refusal:
        await provider.recall(user, query)
    assert refusal.value.field == "query"


@pytest.mark.parametrize("mark", ["'", '"', "%", "\\", "&", "|", "!", "<->", ":*", "(", ")", "🎉", "\x01", "the", "*"])
async def test_marks_around_a_word_do_not_hide_it(provider: MemoryProvider, user: str, mark: str) -> None:
    """A word is found whatever stands around it in the question."""
    ids = [await provider.remember(user, text) for text in TEXTS]

    assert (await provider.recall(user, f"{mark} tea {mark}"))[0].id == ids[0]
    assert (await provider.recall(user, f"{mark} {mark} yesterday"))[0].id == ids[0]


async def test_a_word_repeated_ten_thousand_times_is_one_word(provider: MemoryProvider, user: str) -> None:
    """Saying a word more often finds the same memory first."""
    ids = [await provider.remember(user, text) for text in TEXTS]

    assert (await provider.recall(user, "tea " * (MAX_QUERY_CHARS // 4)))[0].id == ids[0]
