"""A stranger's provider in the adapter: the printed mock of the specification, and one with all of its five methods."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from providers.adapter.conversion import id_of, record_of
from providers.adapter.provider import MAX_HITS, ProviderAdapter
from providers.answers import Stored
from providers.base import MemoryProvider
from providers.errors import InvalidInput, MemoryNotFound, ProviderError, Throttled, Unavailable, Unsupported
from providers.filters import Eq
from providers.labels import NAMES
from providers.owners import Owner
from providers.replica import Replica
from providers.types import Conditions, Deletion, Edit, MemoryRecord, NewMemory, PageQuery, RecallQuery
from tests.support.five_methods import FiveMethodProvider
from tests.support.spec_mock import MockMemoryProvider

OWNER, OTHER = Owner("anna"), Owner("bert")


@pytest.fixture
def five() -> FiveMethodProvider:
    """A stranger's provider with all five methods."""
    return FiveMethodProvider()


@pytest.fixture
def provider(five: FiveMethodProvider) -> ProviderAdapter:
    """That provider, wrapped."""
    return ProviderAdapter(five)


@pytest.fixture
def mock() -> ProviderAdapter:
    """The specification's own mock, wrapped."""
    return ProviderAdapter(MockMemoryProvider())  # type: ignore[no-untyped-call] # printed without types


def new(content: str = "tea", **others: Any) -> NewMemory:  # noqa: ANN401 - fields
    """A memory to store."""
    return NewMemory(owner=OWNER, content=content, **others)


async def stored(provider: MemoryProvider, *contents: str) -> list[str]:
    """Store memories one after the other; return their ids."""
    return [(await provider.store(new(content))).id for content in contents]


async def listed(provider: MemoryProvider, owner: Owner = OWNER, **page: Any) -> list[str]:  # noqa: ANN401 - fields
    """The contents on a page."""
    return [record.content for record in (await provider.page(PageQuery(owner=owner, **page))).memories]


def test_a_wrapped_provider_is_one_of_ours_but_no_replica(mock: ProviderAdapter) -> None:
    """It serves callers as every provider does; a chain cannot bring it to a state."""
    assert isinstance(mock, MemoryProvider)
    assert not isinstance(mock, Replica)


async def test_the_printed_mock_remembers_and_recalls(mock: ProviderAdapter) -> None:
    """Its dicts come back as records: ids as UUIDs, moments in UTC, the user's alone."""
    memory_id = await mock.remember("anna", "Green tea", {"colour": "green"})
    await mock.remember("bert", "Black tea")

    [found] = await mock.recall("anna", "TEA")

    assert (found.id, found.user_id, found.content) == (memory_id, "anna", "Green tea")
    assert (found.metadata, found.similarity_score) == ({"colour": "green"}, None)
    assert str(UUID(memory_id)) == memory_id
    assert abs(datetime.now(UTC) - found.created_at) < timedelta(minutes=1)


async def test_the_printed_mock_is_refused_what_it_has_no_method_for(mock: ProviderAdapter) -> None:
    """What needs a list or a deletion is an answer, and nothing is done."""
    memory_id = await mock.remember("anna", "tea")

    for refused in (
        mock.page(PageQuery(owner=OWNER)),
        mock.fetch(OWNER, memory_id),
        mock.erase(Deletion(owner=OWNER, memory_id=memory_id)),
        mock.erase_all(OWNER),
        mock.change(Edit(owner=OWNER, memory_id=memory_id, content="coffee")),
    ):
        with pytest.raises(Unsupported):
            await refused
    assert [one.content for one in await mock.recall("anna", "tea")] == ["tea"]


@pytest.mark.parametrize(
    "given",
    [
        {"memory_id": str(uuid4())},
        {"version": 1},
        {"created_at": datetime(2020, 1, 1, tzinfo=UTC)},
        *({label: "a"} for label in NAMES),
    ],
)
async def test_what_cannot_be_kept_is_not_stored(
    provider: ProviderAdapter, five: FiveMethodProvider, given: dict[str, Any]
) -> None:
    """A given id, version, moment or label is refused before anything is stored, never dropped."""
    with pytest.raises(Unsupported):
        await provider.store(new(**given))

    assert five.calls == []


async def test_a_change_is_refused(provider: ProviderAdapter) -> None:
    """The specification has no change, and to store and delete instead would give another id."""
    [memory_id] = await stored(provider, "tea")

    with pytest.raises(Unsupported):
        await provider.change(Edit(owner=OWNER, memory_id=memory_id, content="coffee"))
    assert await listed(provider) == ["tea"]


@pytest.mark.parametrize("given", [{"version": 1}, {"edit_id": str(uuid4())}])
async def test_a_deletion_that_cannot_be_repeated_is_refused(provider: ProviderAdapter, given: dict[str, Any]) -> None:
    """A repeat with the same edit id would not get the same answer."""
    [memory_id] = await stored(provider, "tea")

    with pytest.raises(Unsupported):
        await provider.erase(Deletion(owner=OWNER, memory_id=memory_id, **given))
    assert await listed(provider) == ["tea"]


async def test_one_memory_is_read_and_deleted_by_its_id(provider: ProviderAdapter, five: FiveMethodProvider) -> None:
    """The stranger's own id is used with it, ours with callers."""
    tea, coffee = await stored(provider, "tea", "coffee")

    assert (await provider.fetch(OWNER, tea)).memory.content == "tea"
    assert await provider.delete("anna", tea) is True
    assert await provider.delete("anna", tea) is False
    with pytest.raises(MemoryNotFound):
        await provider.fetch(OWNER, tea)
    assert [memory["content"] for memory in five.memories.values()] == ["coffee"]
    assert (await provider.fetch(OWNER, coffee)).memory.content == "coffee"


async def test_what_is_anothers_is_neither_shown_nor_deleted(
    provider: ProviderAdapter, five: FiveMethodProvider
) -> None:
    """Even where the stranger would delete for anybody, and mixes up its users."""
    [memory_id] = await stored(provider, "tea")

    assert await provider.delete("bert", memory_id) is False
    five.memories[1_001]["user_id"] = "bert"
    five.mixes_up_users = True
    assert await listed(provider) == []
    assert await provider.recall("anna", "tea") == []
    assert await provider.delete("anna", memory_id) is False
    assert len(five.memories) == 1


@pytest.mark.parametrize("page_cap", [3, 50, 1_000])
@pytest.mark.parametrize("many", [0, 1, 2, 11, 120])
async def test_pages_run_from_the_newest_to_the_oldest(page_cap: int, many: int) -> None:
    """Whatever the stranger's order and its largest page are, nothing is missing and nothing comes twice."""
    provider = ProviderAdapter(FiveMethodProvider(page_cap))
    contents = [f"tea {number}" for number in range(many)]
    await stored(provider, *contents)
    seen: list[MemoryRecord] = []
    while True:
        page = await provider.page(PageQuery(owner=OWNER, limit=7, after=seen[-1].position if seen else None))
        assert page.degraded == ()
        seen += page.memories
        if len(page.memories) < 7:
            break

    assert [record.content for record in seen] == contents[::-1]
    assert await listed(provider, limit=5, offset=2) == contents[::-1][2:7]


async def test_a_list_that_shrinks_while_it_is_read_is_partial(
    provider: ProviderAdapter, five: FiveMethodProvider
) -> None:
    """Where the next page does not follow on the one before, something may have been passed over."""
    five.shrinks_by = 20
    await stored(provider, *(f"tea {number}" for number in range(120)))

    assert (await provider.page(PageQuery(owner=OWNER))).degraded == ("partial",)
    with pytest.raises(Unavailable):
        await provider.fetch(OWNER, str(uuid4()))
    assert five.memories


async def test_everything_of_a_user_is_deleted(provider: ProviderAdapter, five: FiveMethodProvider) -> None:
    """As many as asked for, the newest first, and nobody else's."""
    await stored(provider, *(f"tea {number}" for number in range(60)))
    await provider.remember("bert", "coffee")

    assert (await provider.erase_all(OWNER, 10)).count == 10
    assert len(await listed(provider, limit=100)) == 50
    assert await listed(provider, limit=1) == ["tea 49"]
    assert (await provider.erase_all(OWNER)).count == 50
    assert [memory["content"] for memory in five.memories.values()] == ["coffee"]


async def test_conditions_are_met_far_down_the_list(provider: ProviderAdapter, five: FiveMethodProvider) -> None:
    """More is asked for until enough meets the conditions, which the stranger knows nothing of."""
    for number in range(120):
        await provider.store(new(f"tea {number}", metadata={"colour": "green" if number > 116 else "black"}))
    query = RecallQuery(owner=OWNER, query="tea", limit=3, where=Eq(field="colour", value="green"))

    found = await provider.find(query)

    assert ({one.content for one in found.memories}, found.degraded) == ({"tea 117", "tea 118", "tea 119"}, ())
    assert [call[1] for call in five.calls if call[0] == "recall"] == [3, 15, 75, 375]


async def test_a_range_of_time_is_a_condition(provider: ProviderAdapter) -> None:
    """From is inclusive, before is exclusive."""
    await stored(provider, "tea one", "tea two", "tea three")
    newest, middle, _ = (await provider.page(PageQuery(owner=OWNER))).memories

    found = await provider.recall("anna", "tea", created_from=middle.created_at, created_before=newest.created_at)

    assert [one.content for one in found] == ["tea two"]


async def test_a_search_that_does_not_reach_everything_is_partial(
    provider: ProviderAdapter, five: FiveMethodProvider
) -> None:
    """Where a search returns no more although more was asked for, or all it can, others may meet the conditions."""
    await stored(provider, *(f"tea {number}" for number in range(30)))
    query = RecallQuery(owner=OWNER, query="tea", limit=3, where=Eq(field="colour", value="green"))
    assert (await provider.find(query)).degraded == ()

    five.recall_cap = 3
    assert (await provider.find(query)).degraded == ("partial",)
    five.recall_cap = 10_000
    await stored(provider, *(f"tea {number}" for number in range(MAX_HITS)))
    assert (await provider.find(query)).degraded == ("partial",)


async def test_scores_are_kept_and_compared(provider: ProviderAdapter) -> None:
    """Hits without any likeness, or with less than asked for, are left out."""
    await stored(provider, "green tea", "tea", "coffee")

    found = await provider.recall("anna", "green tea")
    good = await provider.recall("anna", "green tea", min_score=0.75)

    assert [(one.content, one.similarity_score) for one in found] == [("green tea", 1.0), ("tea", 0.5)]
    assert [one.content for one in good] == ["green tea"]


async def test_a_least_score_needs_scores(mock: ProviderAdapter) -> None:
    """Where the stranger says nothing of likeness, nothing is made up."""
    await stored(mock, "tea")

    with pytest.raises(Unsupported):
        await mock.recall("anna", "tea", min_score=0.5)


async def test_an_outage_within_a_batch_is_the_answer_for_its_memory_alone(
    provider: ProviderAdapter, five: FiveMethodProvider
) -> None:
    """What was stored is said to be stored, so that nobody stores it twice."""
    five.unstorable = "coffee"

    answers = await provider.store_many([new("tea"), new("coffee"), new(" "), new(memory_id=str(uuid4()))])

    assert [type(answer) for answer in answers] == [Stored, Unavailable, InvalidInput, Unsupported]
    assert await listed(provider) == ["tea"]


async def test_questions_of_a_batch_are_answered_each(provider: ProviderAdapter) -> None:
    """In order, with refusals as values."""
    await stored(provider, "tea")

    answers = await provider.recall_many([RecallQuery(owner=OWNER, query=query) for query in ("tea", " ", "coffee")])

    contents = [[one.content for one in answer] if isinstance(answer, list) else type(answer) for answer in answers]
    assert contents == [["tea"], InvalidInput, []]


@pytest.mark.parametrize("error", [Exception("failed to store tea"), ConnectionError("tea"), TimeoutError()])
async def test_any_error_is_an_outage(provider: ProviderAdapter, five: FiveMethodProvider, error: Exception) -> None:
    """The class is named, the words are not; of a write it is not known whether it happened."""
    five.error = error

    with pytest.raises(Unavailable) as reading:
        await provider.recall("anna", "tea")
    with pytest.raises(Unavailable) as writing:
        await provider.remember("anna", "tea")
    assert (reading.value.ambiguous, writing.value.ambiguous) == (False, True)
    assert type(error).__name__ in writing.value.reason
    assert "tea" not in writing.value.reason


async def test_an_error_of_ours_stays_what_it_is(provider: ProviderAdapter, five: FiveMethodProvider) -> None:
    """A stranger that knows our errors is taken at its word."""
    five.error = Throttled("patience", retry_after=7.0)

    with pytest.raises(Throttled):
        await provider.recall("anna", "tea")


@pytest.mark.parametrize(
    "broken", [{"created_at": None}, {"created_at": "yesterday"}, {"content": None}, {"metadata": "x"}, {"user_id": 7}]
)
async def test_what_is_no_memory_is_an_outage(
    provider: ProviderAdapter, five: FiveMethodProvider, broken: dict[str, object]
) -> None:
    """Nothing is left out silently."""
    await stored(provider, "tea")
    five.memories[1_001] |= broken
    five.mixes_up_users = True

    with pytest.raises(Unavailable):
        await listed(provider)


@pytest.mark.parametrize("minted", [None, ""])
async def test_a_write_without_an_id_is_ambiguous(
    provider: ProviderAdapter, five: FiveMethodProvider, minted: object
) -> None:
    """What the stranger does not name may have been stored, and nobody could ask for it."""
    five.mint = lambda _number: minted

    with pytest.raises(Unavailable) as caught:
        await provider.remember("anna", "tea")
    assert caught.value.ambiguous


async def test_health_is_an_answer(provider: ProviderAdapter, five: FiveMethodProvider) -> None:
    """It never raises, and names the provider as it names itself."""
    well = await provider.health_check()
    five.error = ValueError("a secret")
    ill = await provider.health_check()

    assert (well.healthy, well.provider, well.error) == (True, "Five", None)
    assert (ill.healthy, ill.provider) == (False, "FiveMethodProvider")
    assert "ValueError" in (ill.error or "")
    assert "secret" not in (ill.error or "")


@pytest.mark.parametrize("user", ["", "*", "x" * 300])
async def test_the_limits_of_every_provider_hold(
    provider: ProviderAdapter, five: FiveMethodProvider, user: str
) -> None:
    """Nothing that breaks a rule reaches the stranger."""
    owner = Owner(user)
    for refused in (
        provider.store(NewMemory(owner=owner, content="tea")),
        provider.find(RecallQuery(owner=owner, query="tea")),
        provider.page(PageQuery(owner=owner)),
        provider.fetch(owner, str(uuid4())),
        provider.erase(Deletion(owner=owner, memory_id=str(uuid4()))),
        provider.erase_all(owner),
    ):
        with pytest.raises(InvalidInput):
            await refused
    assert five.calls == []


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        ("created_at", "2026-07-28T12:00:00", datetime(2026, 7, 28, 12, tzinfo=UTC)),
        ("created_at", "2026-07-28T14:00:00+02:00", datetime(2026, 7, 28, 12, tzinfo=UTC)),
        ("created_at", datetime(2026, 7, 28, 12, tzinfo=UTC), datetime(2026, 7, 28, 12, tzinfo=UTC)),
        ("updated_at", "2026-07-28T12:00:00Z", datetime(2026, 7, 28, 12, tzinfo=UTC)),
        ("updated_at", None, None),
        ("user_id", None, "anna"),
        ("user_id", "bert", "bert"),
        ("metadata", {"a": [1]}, {"a": [1]}),
        ("similarity_score", 1, 1.0),
        ("similarity_score", 17.5, None),
        ("similarity_score", -0.1, None),
        ("embedding", [0.5], None),
    ],
)
def test_dicts_and_objects_are_converted_alike(field: str, given: object, expected: object) -> None:
    """Moments come in UTC, a score outside its range is none, and a memory that names no user is its owner's."""
    fields = {"id": 7, "content": "tea", "created_at": "2026-07-28T12:00:00"} | {field: given}

    record = record_of(OWNER, fields)

    assert getattr(record, field) == expected
    assert record == record_of(OWNER, SimpleNamespace(**fields))


def test_ids_are_uuids() -> None:
    """A canonical one is the same to both sides; of any other it is always the same UUID, and a different one."""
    own = str(uuid4())
    others = [id_of(one) for one in (7, "8", own.upper(), "tea", f"{{{own}}}")]

    assert id_of(own) == own
    assert id_of(7) == id_of("7")
    assert len({own, *others}) == 6
    assert [str(UUID(one)) for one in others] == others


def test_what_is_unsupported_is_an_answer() -> None:
    """Nobody retries it, and it says what cannot be done."""
    error: ProviderError = Unsupported("change a memory")

    assert (str(error), error.outcome) == ("the provider cannot change a memory", "unsupported")


async def test_users_of_one_name_in_two_tenants_are_two_to_a_stranger(
    five: FiveMethodProvider, provider: ProviderAdapter
) -> None:
    """The default tenant's user is told by its bare id, another tenant's by one that no user of the former can have."""
    other = Owner("anna", "acme")
    mine, theirs = [
        await provider.store(NewMemory(owner=owner, content=f"tea of {owner.tenant}")) for owner in (OWNER, other)
    ]
    five.mixes_up_users = True

    assert [memory["user_id"] for memory in five.memories.values()] == ["anna", "\x1facme\x1fanna"]
    assert await listed(provider) == ["tea of default"]
    assert await listed(provider, other) == ["tea of acme"]
    found = (await provider.find(RecallQuery(owner=other, query="tea"))).memories
    assert [(memory.owner, memory.id) for memory in found] == [(other, theirs.id)]
    with pytest.raises(MemoryNotFound):
        await provider.fetch(other, mine.id)
    assert (await provider.erase(Deletion(owner=other, memory_id=mine.id))).count == 0
    assert (await provider.erase_all(other)).count == 1
    assert await listed(provider) == ["tea of default"]


async def test_conditions_choose_what_is_listed_and_deleted(provider: ProviderAdapter) -> None:
    """They are checked here: nothing has labels, and the total counts what meets the rest."""
    for number in range(4):
        await provider.store(new(content=f"tea {number}", metadata={"n": number % 2}))
    even = Eq("n", 0)

    page = await provider.page(PageQuery(owner=OWNER, where=even, limit=1, total=True, order="oldest"))
    labelled = await provider.page(PageQuery(owner=OWNER, session="one", total=True))
    erased = await provider.erase_all(OWNER, conditions=Conditions(where=even))

    assert ([memory.content for memory in page.memories], page.total) == (["tea 0"], 2)
    assert (labelled.memories, labelled.total) == ([], 0)
    assert erased.count == 2
    assert sorted(await listed(provider)) == ["tea 1", "tea 3"]
