"""What every journal promises, tried with random sequences of operations against a model in a few lines.

Nothing in the model is leased for a time that can pass: everything is either due at once or not for an hour.
"""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.errors import Conflict, MemoryDeleted
from providers.journal.base import Journal
from providers.journal.operations import (
    Appended,
    Dead,
    Done,
    JournalEntry,
    LeaseToken,
    Operation,
    OperationKind,
    OutOfDate,
    Postponed,
    Settlement,
)
from providers.owners import Owner
from tests.providers.journal.rig import LONG, delete, remember, settle, update

MEMBERS = ("home", "standby")
MEMORIES = ("m", "n")

memories = st.sampled_from(MEMORIES)
texts = st.sampled_from(["tea", "coffee"])
versions = st.integers(1, 6)
operations = st.one_of(
    st.tuples(st.just("remember"), memories, texts),
    st.tuples(st.just("update"), memories, texts, versions),
    st.tuples(st.just("delete"), memories),
)
members = st.sampled_from(MEMBERS)
seqs = st.integers(0, 3)  # how far back
steps = st.one_of(
    st.tuples(st.just("append"), st.lists(operations, min_size=1, max_size=3), st.none() | members),
    st.tuples(st.just("lease"), members, st.integers(1, 3)),
    st.tuples(st.just("renew"), members, st.integers(0, 5)),
    st.tuples(st.just("settle"), st.sampled_from(["done", "now", "later", "dead"]), members, seqs),
    st.tuples(st.just("retry"), members, seqs),
    st.tuples(st.just("discard"), members, seqs),
    st.tuples(st.just("prune")),
)


class Model:
    """The newest operation of each memory, and per member whether what it has not confirmed is due."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.known: dict[str, tuple[int, Operation]] = {}
        self.waiting: dict[tuple[int, str], str] = {}  # "due", "leased", "dead" or "discarded"
        self.leases: dict[tuple[int, str], LeaseToken] = {}  # what is waited for, of those that are "leased"
        self.leased: list[LeaseToken] = []  # ever
        self.seqs: list[int] = [0]

    def operation(self, drawn: tuple[Any, ...]) -> Operation:
        """Return the operation that was drawn."""
        match drawn:
            case ("remember", memory_id, text):
                return remember(memory_id, text, user=self.user)
            case ("update", memory_id, text, base):
                return update(memory_id, text, base=base, version=base + 1, user=self.user)
            case _:
                return delete(drawn[1], user=self.user)

    def judged(self, operation: Operation) -> object:
        """Return what the answer to an operation must be."""
        seq, known = self.known.get(operation.state.id, (0, None))
        if known is None:
            return Appended
        if known.state.deleted:
            return seq if operation.state.deleted else MemoryDeleted
        if operation.kind is OperationKind.REMEMBER:
            return seq if known.state.digest == operation.state.digest else Conflict
        late = operation.kind is OperationKind.UPDATE and known.state.version > operation.base_version
        return OutOfDate if late else Appended

    def appended(self, entry: JournalEntry, operation: Operation, held: str | None) -> None:
        """Record an operation that was appended."""
        seq = entry.seq
        assert seq > self.seqs[-1]
        former, _ = self.known.get(operation.state.id, (0, None))
        for name in MEMBERS:
            taken = self.waiting.pop((former, name), "due") == "leased"
            lease = self.leases.pop((former, name), None)
            self.waiting[seq, name] = "leased" if taken or name == held else "due"
            self.keep((seq, name), entry.lease if name == held else lease)
        self.known[operation.state.id] = (seq, operation)
        self.seqs.append(seq)

    def keep(self, key: tuple[int, str], lease: LeaseToken | None) -> None:
        """Record the lease that a delivery waits for."""
        self.leases.pop(key, None)
        if lease is not None:
            self.leases[key] = lease
            self.leased.append(lease)

    def entries(self) -> list[tuple[int, Operation, set[str]]]:
        """Return the entries that the journal must show of the user, newest first."""
        found = [
            (seq, known, {name for name in MEMBERS if (seq, name) in self.waiting})
            for seq, known in self.known.values()
        ]
        return sorted((entry for entry in found if entry[2] or entry[1].state.deleted), key=lambda e: -e[0])

    def back(self, steps_back: int) -> int:
        """Return the number of an operation that was appended so long ago."""
        return self.seqs[max(len(self.seqs) - 1 - steps_back, 0)]


async def step(journal: Journal, model: Model, drawn: tuple[Any, ...]) -> None:
    """Do one step in both, and compare the answers."""
    match drawn:
        case ("append", several, held):
            await _append(journal, model, [model.operation(one) for one in several], held)
        case ("lease", name, limit):
            due = sorted(seq for (seq, whom), state in model.waiting.items() if whom == name and state == "due")
            deliveries = await journal.lease(name, limit, LONG)
            taken = {delivery.seq for delivery in deliveries}
            assert taken <= set(due)
            assert len(taken) == min(limit, len(due))
            model.waiting.update(dict.fromkeys([(seq, name) for seq in taken], "leased"))
            for delivery in deliveries:
                model.keep((delivery.seq, name), delivery.lease)
        case ("renew", name, steps_back):
            await _renew(journal, model, name, model.leased[-1 - steps_back :][:1])
        case ("settle", outcome, name, steps_back):
            await _settle(journal, model, outcome, (model.back(steps_back), name))
        case ("retry" | "discard" as action, name, steps_back):
            key = (model.back(steps_back), name)
            was, retries = model.waiting.get(key), action == "retry"
            done = was == "dead" or (retries and was == "discarded")
            assert await (journal.retry if retries else journal.discard)(*key) is done
            if done:
                model.waiting[key] = "due" if retries else "discarded"
        case _:
            done = [
                name
                for name, (seq, known) in model.known.items()
                if not known.state.deleted and not any((seq, member) in model.waiting for member in MEMBERS)
            ]
            assert await journal.prune(0) == len(done)
            for name in done:
                del model.known[name]


async def _append(journal: Journal, model: Model, several: list[Operation], held: str | None) -> None:
    answers = await journal.append(several, held=held, seconds=LONG)
    for operation, answer in zip(several, answers, strict=True):
        expected = model.judged(operation)
        if isinstance(answer, Appended) and answer.repeated:
            assert answer.entry.seq == expected
        else:
            assert type(answer) is expected
        if isinstance(answer, Appended) and not answer.repeated:
            _, former = model.known.get(operation.state.id, (0, None))
            assert answer.former == (former and former.state)
            model.appended(answer.entry, operation, held)


async def _renew(journal: Journal, model: Model, name: str, asked: list[LeaseToken]) -> None:
    held = [[key for key, lease in model.leases.items() if key[1] == name and lease == one] for one in asked]
    renewed = await journal.renew(name, asked, LONG)
    assert [lease is not None for lease in renewed] == [bool(keys) for keys in held]
    for keys, lease in zip(held, renewed, strict=True):
        for key in keys:
            model.keep(key, lease)


async def _settle(journal: Journal, model: Model, outcome: str, key: tuple[int, str]) -> None:
    seq, name = key
    settlements: dict[str, Settlement] = {
        "done": Done(seq=seq, provider=name),
        "now": Postponed(seq=seq, provider=name, delay=0),
        "later": Postponed(seq=seq, provider=name, delay=LONG),
        "dead": Dead(seq=seq, provider=name, error="no"),
    }
    await settle(journal, settlements[outcome])
    if outcome == "done" or model.waiting.get(key, "dead") != "dead":
        model.leases.pop(key, None)
    if outcome == "done":
        model.waiting.pop(key, None)
    elif model.waiting.get(key, "dead") != "dead":
        model.waiting[key] = {"now": "due", "later": "leased", "dead": "dead"}[outcome]


async def check(journal: Journal, model: Model) -> None:
    """Compare all that is visible."""
    for member in MEMBERS:
        assert await journal.entries(Owner(model.user), member, 100, 100) == [
            JournalEntry(seq=seq, kind=known.kind, state=known.state, pending=frozenset(pending))
            for seq, known, pending in model.entries()
            if member in pending or known.state.deleted
        ]
    deleted = {name for name, (_, known) in model.known.items() if known.state.deleted}
    assert await journal.deleted(Owner(model.user), MEMORIES) == deleted
    for name in MEMORIES:
        newest, known = await journal.newest(Owner(model.user), name), model.known.get(name)
        assert (newest and newest.seq) == (known and known[0])


@pytest.mark.thorough
async def test_any_sequence_of_operations_ends_as_in_the_model(journal: Journal) -> None:
    """Whatever is appended, leased, settled and pruned, every answer and every entry is the model's."""
    loop = asyncio.get_running_loop()

    async def example(drawn: list[tuple[Any, ...]]) -> None:
        model = Model(f"user-{uuid4()}")
        try:
            for one in drawn:
                await step(journal, model, one)
                await check(journal, model)
        finally:
            await clear(journal, model)

    def run() -> None:
        @settings(
            max_examples=60,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
        @given(st.lists(steps, max_size=14))
        def holds(drawn: list[tuple[Any, ...]]) -> None:
            asyncio.run_coroutine_threadsafe(example(drawn), loop).result(timeout=60)

        holds()

    await asyncio.to_thread(run)


async def clear(journal: Journal, model: Model) -> None:
    """Remove everything before the next example."""
    await settle(journal, *[Done(seq=seq, provider=name) for seq, name in model.waiting])
    await journal.prune(0)
