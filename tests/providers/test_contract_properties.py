"""What every provider promises, tried with random metadata and random sequences of operations against a model.

Hypothesis drives synchronous functions: each property runs in a thread and hands its coroutines to the session's loop,
so that the provider stays in the loop it was opened in. Examples are derived from the test alone, the same every run.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Struct, UnsetType

from providers.base import MemoryProvider
from providers.errors import Conflict, MemoryDeleted, MemoryNotFound, Rejected
from providers.json_limits import MAX_METADATA_BYTES
from providers.types import Metadata
from tests.support.states import moment_of

Result = TypeVar("Result")

REPRODUCIBLE = settings(
    max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
numbers = (
    st.integers() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False) | st.just(1e22)
)
leaves = st.none() | st.booleans() | numbers | texts
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=30)
objects = st.dictionaries(texts, values, max_size=8).filter(
    lambda metadata: len(msgspec.json.encode(metadata)) <= MAX_METADATA_BYTES
)


async def in_a_thread(run: Callable[[Callable[[Coroutine[Any, Any, Result]], Result]], None]) -> None:
    """Run a synchronous property, which gets a function that awaits a coroutine in this loop."""
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(run, lambda call: asyncio.run_coroutine_threadsafe(call, loop).result(timeout=60))


def typed(value: object) -> object:
    """The value with each leaf beside its type and each float by its digits, zeros of either sign alike."""
    if isinstance(value, dict):
        return {key: typed(child) for key, child in value.items()}
    if isinstance(value, list):
        return [typed(child) for child in value]
    return type(value).__name__, value


async def test_any_metadata_comes_back(provider: MemoryProvider, user: str) -> None:
    """Whatever JSON metadata is, storing and editing give it back with its types."""

    async def round_trip(metadata: Metadata) -> list[Metadata | None]:
        memory_id = await provider.remember(user, "tea", metadata)
        stored = await provider.get(user, memory_id)
        other = await provider.remember(user, "tea")
        edited = await provider.update(user, other, metadata=metadata)
        return [stored.metadata, edited.metadata, (await provider.get(user, other)).metadata]

    def run(wait: Callable[[Coroutine[Any, Any, list[Metadata | None]]], list[Metadata | None]]) -> None:
        @REPRODUCIBLE
        @given(objects)
        def comes_back(metadata: Metadata) -> None:
            assert [typed(answer) for answer in wait(round_trip(metadata))] == [typed(metadata)] * 3

        comes_back()

    await in_a_thread(run)


async def test_any_text_comes_back(provider: MemoryProvider, user: str) -> None:
    """Whatever characters content has, it comes back as it was."""
    storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=300)

    async def round_trip(text: str) -> str:
        return (await provider.get(user, await provider.remember(user, text))).content

    def run(wait: Callable[[Coroutine[Any, Any, str]], str]) -> None:
        @REPRODUCIBLE
        @given(storable.filter(lambda text: bool(text.strip())))
        def comes_back(text: str) -> None:
            assert wait(round_trip(text)) == text

        comes_back()

    await in_a_thread(run)


class Put(Struct, frozen=True):
    """Store under the n-th id."""

    n: int
    content: str
    metadata: Metadata | None
    version: int


class Edit(Struct, frozen=True):
    """Update the n-th id."""

    n: int
    content: str | UnsetType
    metadata: Metadata | UnsetType | None
    version: int
    edit: int | None


class Drop(Struct, frozen=True):
    """Delete the n-th id."""

    n: int


Step = Put | Edit | Drop

IDS = [str(UUID(int=number << 100 | 4 << 76 | 8 << 60)) for number in (7, 2, 5)]
EDITS = [str(UUID(int=number << 100 | 4 << 76 | 8 << 60)) for number in (1, 2)]

which = st.integers(0, len(IDS) - 1)
contents = st.sampled_from(["tea", "coffee"])
metadatas = st.sampled_from([None, {}, {"a": 1}])
versions = st.integers(1, 6).map(lambda number: number << 26)
puts = st.builds(Put, which, contents, metadatas, versions)
updates = st.builds(
    Edit, which, st.just(UNSET) | contents, st.just(UNSET) | metadatas, versions, st.none() | st.integers(0, 1)
)
drops = st.builds(Drop, which)
steps = st.lists(st.one_of(puts, puts, puts, updates, updates, updates, drops), min_size=5, max_size=30)


class Slot(Struct):
    """What the model knows of one id."""

    content: str
    metadata: Metadata | None
    version: int
    first: Put
    edits: set[int]


class Model:
    """The promises in their plainest form: a dict, a set, and answers by name."""

    def __init__(self) -> None:
        self.slots: dict[int, Slot] = {}
        self.deleted: set[int] = set()

    def take(self, step: Step) -> object:
        """Apply one step and tell what a provider must answer: a value, or the class of an error."""
        slot = self.slots.get(step.n)
        if isinstance(step, Drop):
            if slot is None:
                return False
            self.deleted.add(step.n)
            del self.slots[step.n]
            return True
        if isinstance(step, Put):
            return self._put(step, slot)
        if slot is None:
            return MemoryNotFound
        given_anything = step.content is not UNSET or step.metadata is not UNSET
        if given_anything and step.version > slot.version and step.edit not in slot.edits:
            slot.content = slot.content if step.content is UNSET else step.content
            slot.metadata = slot.metadata if step.metadata is UNSET else step.metadata
            slot.version = step.version
            slot.edits |= set() if step.edit is None else {step.edit}
        return slot.content, slot.metadata

    def _put(self, step: Put, slot: Slot | None) -> object:
        if step.n in self.deleted:
            return MemoryDeleted
        if slot is None:
            self.slots[step.n] = Slot(step.content, step.metadata, step.version, step, set())
            return IDS[step.n]
        same = (step.content, step.metadata) == (slot.first.content, slot.first.metadata)
        return IDS[step.n] if same else Conflict

    def listed(self) -> list[tuple[str, str, Metadata | None]]:
        """What the list must show: newest first, then by id, both descending."""
        order = sorted(self.slots, key=lambda n: (moment_of(self.slots[n].first.version), IDS[n]), reverse=True)
        return [(IDS[n], self.slots[n].content, self.slots[n].metadata) for n in order]


async def answer_of(provider: MemoryProvider, user: str, step: Step) -> object:
    """What the provider answers, in the model's terms."""
    try:
        if isinstance(step, Drop):
            return await provider.delete(user, IDS[step.n])
        if isinstance(step, Put):
            return await provider.remember(
                user,
                step.content,
                step.metadata,
                memory_id=IDS[step.n],
                version=step.version,
                created_at=moment_of(step.version),
            )
        record = await provider.update(
            user,
            IDS[step.n],
            content=step.content,
            metadata=step.metadata,
            version=step.version,
            edit_id=None if step.edit is None else EDITS[step.edit],
        )
    except Rejected as error:
        return type(error)
    return record.content, record.metadata


async def test_any_sequence_of_operations_agrees_with_the_model(provider: MemoryProvider) -> None:
    """Every answer, and after every step the list, is what a plain dict and the promises say."""

    async def compare(sequence: list[Step]) -> None:
        user, model = f"model-{uuid4()}", Model()
        for step in sequence:
            expected = model.take(step)
            assert await answer_of(provider, user, step) == expected
            listed = await provider.list_memories(user)
            assert [(memory.id, memory.content, memory.metadata) for memory in listed] == model.listed()

    def run(wait: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        @REPRODUCIBLE
        @given(steps)
        def agrees(sequence: list[Step]) -> None:
            wait(compare(sequence))

        agrees()

    await in_a_thread(run)
