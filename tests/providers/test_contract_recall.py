"""What every provider promises of recall: what was stored is found by its words, best first.

A provider that compares meanings too may also give memories that share no word with the question; hence these tests
say who must be there and who comes first, and say "only" where it holds for every provider.
"""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.filters import Eq
from providers.limits import MAX_WITHOUT
from providers.owners import Owner
from providers.types import MemoryRecord, NewMemory, RecallQuery

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

TEXTS = [
    "Anna drinks masala tea every morning",
    "The train to Chennai leaves at noon",
    "Invoices are paid within thirty days",
    "Ravi repaired the bicycle yesterday",
    "Our garden grows tomatoes and jasmine",
]


async def store(provider: MemoryProvider, user: str, texts: list[str]) -> list[str]:
    """Store the texts, each a minute newer than the one before, and give their ids."""
    answers = await provider.remember_many(
        [
            NewMemory(owner=Owner(user), content=text, metadata={"number": number}, created_at=START + number * MINUTE)
            for number, text in enumerate(texts)
        ]
    )
    return [answer for answer in answers if isinstance(answer, str)]


def ids_of(memories: list[MemoryRecord]) -> list[str]:
    """The ids, in order."""
    return [memory.id for memory in memories]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("tea", 0),
        ("MASALA", 0),
        ("when does the train leave for chennai?", 1),
        ("invoices", 2),
        ("who repaired a bicycle", 3),
        ("jasmine, tomatoes!", 4),
        ("what about (thirty) days...", 2),
    ],
)
async def test_a_memory_is_found_by_its_words(provider: MemoryProvider, user: str, query: str, number: int) -> None:
    """The memory that shares words with the question comes first, right after it was stored."""
    ids = await store(provider, user, TEXTS)

    hits = await provider.recall(user, query)
    assert hits[0].id == ids[number]
    assert hits[0].content == TEXTS[number]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Москва зимой прекрасна", "ЗИМОЙ"),
        ("ПРИВЕТ из Казани", "привет"),
        ("Γαλάζια θάλασσα παντού", "ΘΆΛΑΣΣΑ"),
        ("Grüße aus München", "münchen"),
        ("Une soirée à l'opéra", "SOIRÉE"),
        ("நேற்று அம்மா தேநீர் தயாரித்தார்", "தேநீர்"),
        ("சென்னை நினைவுகள் அழகானவை", "சென்னை"),
        ("मुझे चाय पसंद है", "चाय"),
        ("أحب الشاي الأخضر", "الشاي"),
        ("אני אוהב תה ירוק", "ירוק"),
        ("order 48151623 was shipped", "48151623"),
    ],
)
async def test_a_word_of_any_script_finds_its_memory(
    provider: MemoryProvider, user: str, text: str, query: str
) -> None:
    """Words are letters of any script with their marks, in small letters or capitals."""
    ids = await store(provider, user, [*TEXTS, text])

    assert (await provider.recall(user, query))[0].id == ids[-1]


async def test_the_memory_that_shares_more_comes_first(provider: MemoryProvider, user: str) -> None:
    """More shared words weigh more than fewer."""
    ids = await store(provider, user, ["green apple pie", "green apple", "green"])

    assert ids_of(await provider.recall(user, "green apple pie")) == ids


async def test_a_rare_word_weighs_more(provider: MemoryProvider, user: str) -> None:
    """Of two memories that share one word each, the one with the rarer word comes first."""
    ids = await store(
        provider, user, ["quokka lunch", *(f"meeting {name}" for name in ("red", "blue", "grey", "pink"))]
    )

    hits = await provider.recall(user, "meeting quokka")
    assert hits[0].id == ids[0]


async def test_scores_lie_above_zero_and_at_most_at_one(provider: MemoryProvider, user: str) -> None:
    """Every hit has a score in (0, 1]; the order may heed more than the score, which is of one memory alone."""
    await store(provider, user, [*TEXTS, "tea", "tea and bicycle", "tea tea tea tea"])

    scores = [hit.similarity_score or 0.0 for hit in await provider.recall(user, "tea bicycle")]
    assert all(0 < score <= 1 for score in scores)
    assert len(scores) >= 5


async def test_equal_scores_go_from_newest_to_oldest(provider: MemoryProvider, user: str) -> None:
    """Equal texts with equal neighbours score alike; the newest comes first, and of one moment the greatest id."""
    moments = [START, START + 60 * MINUTE, START, START + 60 * MINUTE]
    ids = [await provider.remember(user, "masala tea", created_at=moment) for moment in moments]
    order = sorted(zip(moments, ids, strict=True), reverse=True)

    hits = await provider.recall(user, "tea")
    assert ids_of(hits) == [memory_id for _, memory_id in order]
    assert len({hit.similarity_score for hit in hits}) == 1


async def test_a_limit_keeps_the_best(provider: MemoryProvider, user: str) -> None:
    """At most `limit` memories come back, the first ones of the whole answer; without a limit ten."""
    await store(provider, user, ["masala tea"] * 12 + ["tea"])
    whole = ids_of(await provider.recall(user, "masala tea", 100))

    assert len(whole) == 13
    assert ids_of(await provider.recall(user, "masala tea", 3)) == whole[:3]
    assert ids_of(await provider.recall(user, "masala tea", 1)) == whole[:1]
    assert ids_of(await provider.recall(user, "masala tea")) == whole[:10]


async def test_a_least_score_cuts_the_rest_off(provider: MemoryProvider, user: str) -> None:
    """Only hits of at least `min_score` come back, and the bound itself is in."""
    await store(provider, user, [*TEXTS, "tea", "tea with a bicycle"])
    whole = await provider.recall(user, "tea bicycle")
    best, second = (hit.similarity_score or 0.0 for hit in whole[:2])

    between = await provider.recall(user, "tea bicycle", min_score=(best + second) / 2)
    low = await provider.recall(user, "tea bicycle", min_score=1e-12)

    assert ids_of(between) == [whole[0].id]
    assert ids_of(low) == ids_of(whole)


@pytest.mark.parametrize(
    ("first", "end", "expected"),
    [
        (None, None, {0, 1, 2, 3}),
        (START + MINUTE, None, {1, 2, 3}),
        (None, START + 2 * MINUTE, {0, 1}),
        (START + MINUTE, START + 3 * MINUTE, {1, 2}),
        (START + MINUTE, START + MINUTE, set()),
        (START + MINUTE + timedelta(microseconds=1), None, {2, 3}),
        (START + 3 * MINUTE, START, set()),
    ],
)
async def test_a_range_takes_its_start_and_leaves_its_end(
    provider: MemoryProvider, user: str, first: datetime | None, end: datetime | None, expected: set[int]
) -> None:
    """`created_from` is inclusive, `created_before` exclusive, and nothing outside is ever found."""
    ids = await store(provider, user, ["tea"] * 4)

    hits = await provider.recall(user, "tea", created_from=first, created_before=end)
    assert set(ids_of(hits)) == {ids[number] for number in expected}


async def test_the_limit_counts_what_passes_the_conditions(provider: MemoryProvider, user: str) -> None:
    """Conditions come before the limit: the one memory that passes is found behind many better ones."""
    ids = await store(provider, user, ["a long story of a cup of tea", *["tea"] * 30])

    assert ids_of(await provider.recall(user, "tea", 1, where=Eq("number", 0))) == ids[:1]
    assert ids_of(await provider.recall(user, "tea", 1, created_before=START + MINUTE)) == ids[:1]


async def test_an_edited_memory_is_found_by_its_new_words(provider: MemoryProvider, user: str) -> None:
    """After an update the new words lead to the memory, and the old ones no longer do."""
    ids = await store(provider, user, [*TEXTS, "quokka"])
    await provider.update(user, ids[-1], content="harmonium")

    assert (await provider.recall(user, "harmonium"))[0].id == ids[-1]
    assert ids[-1] not in ids_of(await provider.recall(user, "quokka", min_score=0.75))


async def test_an_edit_of_metadata_keeps_the_words(provider: MemoryProvider, user: str) -> None:
    """After an update of metadata alone the memory is found as before, with its new metadata."""
    memory_id = await provider.remember(user, "quokka", {"a": 1})
    await provider.update(user, memory_id, metadata={"a": 2})

    assert [hit.metadata for hit in await provider.recall(user, "quokka")] == [{"a": 2}]
    assert await provider.recall(user, "quokka", where=Eq("a", 1)) == []


async def test_a_deleted_memory_is_never_found(provider: MemoryProvider, user: str) -> None:
    """No question finds a deleted memory, and the others are found as before."""
    ids = await store(provider, user, [*TEXTS, "quokka", "quokka"])

    await provider.delete(user, ids[-1])

    assert (await provider.recall(user, "quokka"))[0].id == ids[-2]
    assert ids[-1] not in ids_of(await provider.recall(user, "quokka", 100))


async def test_a_long_memory_is_found(provider: MemoryProvider, user: str) -> None:
    """A memory of the greatest length is found by one of its words."""
    words = " ".join(uuid4().hex[:9] for _ in range(3190))
    memory_id = await provider.remember(user, f"{words} quokka")
    await provider.remember(user, "tea")

    assert (await provider.recall(user, "quokka"))[0].id == memory_id


async def test_what_is_to_be_left_out_takes_no_places(provider: MemoryProvider, user: str) -> None:
    """The next best are found in its stead; ids that are not there leave nothing out, however many they are."""
    ids = await store(provider, user, ["green tea", "green tea", "green tea too", "tea with milk and some sugar"])
    query = RecallQuery(owner=Owner(user), query="green tea", limit=2)
    nowhere = frozenset(str(uuid4()) for _ in range(MAX_WITHOUT - 2))

    without = await provider.find(replace(query, without=nowhere | {ids[0], ids[1]}))
    alone = await provider.find(replace(query, limit=1, without=frozenset(ids[:3])))
    nothing = await provider.find(replace(query, without=frozenset(ids)))

    assert ids_of(without.memories) == [ids[2], ids[3]]
    assert ids_of(alone.memories) == [ids[3]]
    assert ids_of(nothing.memories) == []
