"""Sessions: a read finds what its session has written, or is told that it may be missing."""

import asyncio

import pytest

from providers.errors import SessionLost
from providers.journal.base import JournalUnavailable
from providers.journal.operations import Operation, OperationKind
from providers.journal.sqlite.journal import SqliteJournal
from providers.owners import Owner
from providers.types import MemoryRecord, RecallQuery, Snapshot
from tests.providers.chain.scene import USER, Scene, key, play
from tests.support.chain_rig import ChainRig
from tests.support.listening import Listening

STATE = Snapshot(user_id="another user", id=key(), version=1, content=None)


async def read_all(scene: Scene, memory_id: str, session: str) -> list[object]:
    """Make every kind of read with a session, and return what each ends with."""
    scene.listen().session = session
    query = RecallQuery(owner=Owner(USER), query="tea")
    asked = (
        scene.chain.get(USER, memory_id),
        scene.chain.list_memories(USER),
        scene.chain.recall(USER, "tea"),
        scene.chained.find_many([query, query]),
    )
    return [type(one) for one in await asyncio.gather(*asked, return_exceptions=True)]


def test_a_session_of_this_journal_is_answered() -> None:
    """Also one that was begun at another process, as far as the journal has come."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.journal.append([Operation(kind=OperationKind.DELETE, state=STATE)])

        for session in ("journal-1.0", "journal-1.1", "journal-1.2"):
            assert await read_all(scene, memory_id, session) == [MemoryRecord, list, list, list]

    play(act)


@pytest.mark.parametrize("session", ["journal-1.2", f"journal-1.{10**19 - 1}", "journal-2.1", "journal-2.0"])
def test_a_session_of_another_journal_is_lost(session: str) -> None:
    """And one that is ahead of this journal, which was put back; whoever drops it is answered."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())

        assert await read_all(scene, memory_id, session) == [SessionLost] * 4
        scene.listen()
        assert (await scene.chain.get(USER, memory_id)).content == "tea"

    play(act)


def test_a_journal_that_came_back_is_asked_how_far_it_is() -> None:
    """What was known of it before it was gone does not count: it may have been put back."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.chain.remember(USER, "coffee", memory_id=key())
        assert SessionLost not in await read_all(scene, memory_id, "journal-1.2")
        scene.lose_journal()
        assert await read_all(scene, memory_id, "journal-1.2") == [JournalUnavailable] * 4
        scene.runner.connection.run("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'operations'")
        scene.find_journal()

        assert await read_all(scene, memory_id, "journal-1.2") == [SessionLost] * 4

    play(act)


class _Uncounted(SqliteJournal):
    """Nobody may ask how far it is."""

    async def last_seq(self) -> int:
        """Fail."""
        raise AssertionError("asked")


def test_a_session_that_the_journal_has_come_to_costs_no_question() -> None:
    """How far the journal is, is asked only if it is not known yet."""

    async def act(scene: Scene) -> None:
        journal = _Uncounted("uncounted", scene.runner, scene.runner)
        chain = Listening(ChainRig(journal, scene.clock, scene.versions).chained(scene.chained.route))
        memory_id = await chain.remember(USER, "tea", memory_id=key())
        scene.listen().session = "uncounted.1"

        assert (await chain.get(USER, memory_id)).content == "tea"

    play(act)
