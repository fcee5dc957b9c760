"""What every provider promises of batches: an answer for each item, in order, and no item harms another."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from providers.answers import Changed, Erased
from providers.base import MemoryProvider
from providers.errors import Conflict, InvalidInput, MemoryDeleted, MemoryNotFound, ProviderError
from providers.filters import And, Eq
from providers.limits import MAX_BATCH
from providers.owners import Owner
from providers.types import Deletion, Edit, MemoryRecord, NewMemory, RecallQuery


def kind_of(answer: object) -> object:
    """The class of an error, or the answer itself."""
    return type(answer) if isinstance(answer, ProviderError) else answer


def ids_of(answer: list[MemoryRecord] | ProviderError) -> list[str]:
    """The ids of one question's hits, in order."""
    assert isinstance(answer, list)
    return [hit.id for hit in answer]


async def test_a_thousand_memories_are_stored_at_once(provider: MemoryProvider, user: str) -> None:
    """The greatest batch is stored whole, and the ids come in the order of the items."""
    memories = [NewMemory(owner=Owner(user), content=f"tea {number}") for number in range(MAX_BATCH)]

    ids = await provider.remember_many(memories)

    assert len(set(map(str, ids))) == MAX_BATCH
    assert (await provider.get(user, str(ids[0]))).content == "tea 0"
    assert (await provider.get(user, str(ids[999]))).content == "tea 999"
    assert (await provider.recall(user, "777"))[0].id == ids[777]
    assert len(await provider.list_memories(user, 100, 900)) == 100
    assert await provider.list_memories(user, 100, 1000) == []


async def test_a_batch_may_be_for_several_users(provider: MemoryProvider, user: str, stranger: str) -> None:
    """Each item belongs to the user it names, also under the same id."""
    memory_id = str(uuid4())

    answers = await provider.remember_many(
        [NewMemory(owner=Owner(name), content=f"tea of {name}", memory_id=memory_id) for name in (user, stranger)]
    )

    assert answers == [memory_id, memory_id]
    assert [memory.content for memory in await provider.list_memories(user)] == [f"tea of {user}"]
    assert [memory.content for memory in await provider.list_memories(stranger)] == [f"tea of {stranger}"]


async def test_a_batch_keeps_every_field(provider: MemoryProvider, user: str) -> None:
    """Metadata, id, version and moment of an item are stored as by a single write."""
    memory_id, created_at = str(uuid4()), datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

    await provider.remember_many(
        [
            NewMemory(
                owner=Owner(user),
                content="tea",
                metadata={"a": [1, 2.0, None]},
                memory_id=memory_id,
                version=2000 << 16,
                created_at=created_at,
            )
        ]
    )

    memory = await provider.get(user, memory_id)
    assert (memory.content, memory.metadata, memory.created_at) == ("tea", {"a": [1, 2.0, None]}, created_at)
    assert (await provider.update(user, memory_id, content="late", version=2000 << 16)).content == "tea"


async def test_a_bad_item_is_refused_alone(provider: MemoryProvider, user: str) -> None:
    """Every bad item gets its own error, and the good ones around them are stored."""
    taken = await provider.remember(user, "taken")
    gone = await provider.remember(user, "gone")
    await provider.delete(user, gone)
    good = str(uuid4())

    answers = await provider.remember_many(
        [
            NewMemory(owner=Owner(user), content=""),
            NewMemory(owner=Owner(user), content="tea", memory_id=good),
            NewMemory(owner=Owner("*"), content="tea"),
            NewMemory(owner=Owner(user), content="tea\ud800"),
            NewMemory(owner=Owner(user), content="tea", metadata={"k": "\0"}),
            NewMemory(owner=Owner(user), content="tea", memory_id="tea"),
            NewMemory(owner=Owner(user), content="tea", version=-1),
            NewMemory(owner=Owner(user), content="tea", created_at=datetime(2024, 1, 1)),  # noqa: DTZ001 - refused for it
            NewMemory(owner=Owner(user), content="other", memory_id=taken),
            NewMemory(owner=Owner(user), content="taken", memory_id=taken.upper()),
            NewMemory(owner=Owner(user), content="gone", memory_id=gone),
        ]
    )

    assert list(map(kind_of, answers)) == [
        InvalidInput,
        good,
        *[InvalidInput] * 6,
        Conflict,
        taken,
        MemoryDeleted,
    ]
    assert [answer.field for answer in answers if isinstance(answer, InvalidInput)] == [
        "content",
        "user_id",
        "content",
        "metadata",
        "memory_id",
        "version",
        "created_at",
    ]
    assert {memory.id for memory in await provider.list_memories(user)} == {taken, good}


async def test_an_id_twice_in_a_batch_is_one_memory(provider: MemoryProvider, user: str) -> None:
    """The same item again is the same memory; another under its id is refused, whatever stands between them."""
    first, second = str(uuid4()), str(uuid4())

    answers = await provider.remember_many(
        [
            NewMemory(owner=Owner(user), content="tea", metadata={"a": 1}, memory_id=first),
            NewMemory(owner=Owner(user), content="", memory_id=second),
            NewMemory(owner=Owner(user), content="tea", metadata={"a": 1}, memory_id=first.upper()),
            NewMemory(owner=Owner(user), content="coffee", metadata={"a": 1}, memory_id=first),
            NewMemory(owner=Owner(user), content="water", memory_id=second),
            NewMemory(owner=Owner(user), content="tea", metadata={"a": True}, memory_id=first),
        ]
    )

    assert list(map(kind_of, answers)) == [first, InvalidInput, first, Conflict, second, Conflict]
    assert sorted(memory.content for memory in await provider.list_memories(user)) == ["tea", "water"]


async def test_a_batch_may_be_repeated(provider: MemoryProvider, user: str) -> None:
    """The same batch again, ids and all, stores nothing more."""
    batch = [NewMemory(owner=Owner(user), content=f"tea {number}", memory_id=str(uuid4())) for number in range(50)]

    assert await provider.remember_many(batch) == await provider.remember_many(batch[:]) == [m.memory_id for m in batch]
    assert len(await provider.list_memories(user)) == 50


async def test_questions_are_answered_in_their_order(provider: MemoryProvider, user: str, stranger: str) -> None:
    """Each question gets what it would get alone, a bad one its error."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    ids = [
        await provider.remember(user, text, {"n": number}, created_at=start + timedelta(days=number))
        for number, text in enumerate(["masala tea", "green tea", "black coffee"])
    ]
    own = await provider.remember(stranger, "tea")

    answers = await provider.recall_many(
        [
            RecallQuery(owner=Owner(user), query="coffee", limit=1),
            RecallQuery(owner=Owner(user), query=" "),
            RecallQuery(owner=Owner(stranger), query="tea"),
            RecallQuery(owner=Owner(user), query="tea", where=Eq("n", 0)),
            RecallQuery(owner=Owner(user), query="tea", where=And([])),
            RecallQuery(owner=Owner(""), query="tea"),
            RecallQuery(owner=Owner(user), query="tea", limit=0),
            RecallQuery(owner=Owner(user), query="tea", created_from=start + timedelta(days=1), limit=1),
            RecallQuery(owner=Owner(user), query="tea", created_before=start),
            RecallQuery(owner=Owner(user), query="green tea", min_score=2.0),
        ]
    )

    assert [answer.field if isinstance(answer, InvalidInput) else ids_of(answer) for answer in answers] == [
        [ids[2]],
        "query",
        [own],
        [ids[0]],
        "where",
        "user_id",
        "limit",
        [ids[1]],
        [],
        "min_score",
    ]


@pytest.mark.parametrize("query", ["masala tea", "the of", "green & coffee"])
async def test_a_batch_of_questions_scores_like_single_ones(provider: MemoryProvider, user: str, query: str) -> None:
    """A question in a batch gets the very answer it gets alone."""
    for text in ("masala tea", "green tea", "black coffee"):
        await provider.remember(user, text)

    single = await provider.recall(user, query)
    assert await provider.recall_many([RecallQuery(owner=Owner(user), query=query)] * 3) == [single] * 3


async def test_a_thousand_questions_are_answered_at_once(provider: MemoryProvider, user: str) -> None:
    """The greatest batch of questions gets a thousand answers."""
    memory_id = await provider.remember(user, "masala tea")

    answers = await provider.recall_many([RecallQuery(owner=Owner(user), query="tea", limit=1)] * MAX_BATCH)

    assert [ids_of(answer) for answer in answers] == [[memory_id]] * MAX_BATCH


async def test_each_change_of_a_batch_is_made_alone(provider: MemoryProvider, user: str) -> None:
    """What can be changed is, in its place; what is not there, and what breaks a rule, fails alone."""
    owner = Owner(user)
    one, two = [await provider.remember(user, content) for content in ("one", "two")]
    edits = [
        Edit(owner=owner, memory_id=one, content="uno"),
        Edit(owner=owner, memory_id=str(uuid4()), content="nobody"),
        Edit(owner=owner, memory_id=two, content=""),
        Edit(owner=owner, memory_id=two, session="trip"),
    ]

    answers = await provider.change_many(edits)

    kinds = [type(answer) for answer in answers]
    assert kinds == [Changed, MemoryNotFound, InvalidInput, Changed]
    assert (await provider.get(user, one)).content == "uno"
    assert (await provider.get(user, two)).session == "trip"


async def test_each_deletion_of_a_batch_is_made_alone(provider: MemoryProvider, user: str) -> None:
    """What is there is deleted; what is not counts nothing, and what has no id fails alone."""
    owner = Owner(user)
    one, two = [await provider.remember(user, content) for content in ("one", "two")]

    answers = await provider.erase_many(
        [Deletion(owner=owner, memory_id=memory_id) for memory_id in (one, str(uuid4()), "two")]
    )

    assert [answer.count for answer in answers if isinstance(answer, Erased)] == [1, 0]
    assert isinstance(answers[2], InvalidInput)
    assert [memory.id for memory in await provider.list_memories(user)] == [two]


@pytest.mark.parametrize("size", [0, 1_001])
async def test_batches_of_changes_have_limits(provider: MemoryProvider, user: str, size: int) -> None:
    """A batch has one to a thousand items."""
    owner = Owner(user)
    with pytest.raises(InvalidInput, match="edits"):
        await provider.change_many([Edit(owner=owner, memory_id=str(uuid4()))] * size)
    with pytest.raises(InvalidInput, match="deletions"):
        await provider.erase_many([Deletion(owner=owner, memory_id=str(uuid4()))] * size)
