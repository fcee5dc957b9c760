"""Stores of unlike kinds are compared and merged: what one alone holds is found, named, and spread to the other."""

import asyncio

import pytest
from msgspec.structs import replace

from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.chain.moving.stores import MovingStage
from tests.support.states import live, tombstone

pytestmark = pytest.mark.thorough

PAIRS = [("redis", "opensearch"), ("pinecone", "native"), ("mem0", "redis"), ("opensearch", "mem0")]
ANNA = Owner("anna")

SHARED = live("anna", "tea", key="a key", session="a session", metadata={"a": [1.5, None]})
NEWER = replace(
    SHARED, version=2_000, content="coffee", metadata={"b": 1}, edits=("0c2f0a53-6a3e-4b57-8f0e-000000000000",)
)
ALONE = live("anna", "masala tea", agent="an agent")
LIVING = live("anna", "red wine")
GONE = tombstone(LIVING, 3_000)
ELSEWHERE = live("another user", "water")


async def put(stage: MovingStage, name: str, *states: Snapshot) -> None:
    """Put states into one store, past the chain, and wait until its reads show them."""
    store = stage.at(name)
    assert await store.put_many(states) == [None] * len(states)
    await asyncio.sleep(store.staleness)


@pytest.mark.parametrize(("home", "standby"), PAIRS)
async def test_what_one_store_alone_holds_is_spread(stage: MovingStage, home: str, standby: str) -> None:
    """A memory, a newer state, a deletion and a user: each difference is named, and afterwards there is none."""
    await stage.order(home, standby)
    await stage.complete()
    await put(stage, home, SHARED, LIVING, ELSEWHERE)
    await put(stage, standby, NEWER, GONE, ALONE)

    before = await stage.diff(home, standby)
    merged = await stage.merge(standby)
    await stage.delivered()
    await asyncio.sleep(max(stage.at(name).staleness for name in (home, standby)))
    after = await stage.diff(home, standby)
    states = [await stage.at(name).snapshots(ANNA) for name in (home, standby)]

    assert before.differing == {home: {"older": 1, "undeleted": 1, "missing": 1}, standby: {"missing": 1}}
    assert (merged.put, merged.deleted, merged.refused, merged.left) == (3, 1, 0, 0)
    assert (after.differing, after.waiting) == ({}, 0)
    for held in states:
        by_id = {state.id: state for state in held}
        assert (by_id[SHARED.id], by_id[ALONE.id]) == (NEWER, ALONE)
        assert by_id[GONE.id].deleted
    found = await stage.provider.recall("anna", "coffee masala wine")
    assert {memory.id for memory in found} == {NEWER.id, ALONE.id}
