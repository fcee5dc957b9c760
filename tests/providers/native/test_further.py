"""Labels and first versions beside a program of the version before, which does not know their columns."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from providers.labels import NAMES, labels_of
from providers.native.further import further_of, unknown_of
from providers.owners import Owner
from providers.types import Edit, NewMemory, PageQuery, Snapshot
from tests.support.native import open_native_provider
from tests.support.postgres import connected

OWNER = Owner("ann")
MEMORY_ID = "01a203e4-5a4f-763f-8849-9a1d5c4214d4"
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)

# As that version writes a memory that it got of this one: all that it does not know is one text.
_WRITE = """
    INSERT INTO ninai_memories (user_id, id, version, content, created_at, digest, unknown, terms)
    VALUES ($1, $2, 7, 'tea', $3, 'd', $4, ninai_terms('tea'))
    ON CONFLICT (user_id, id) DO UPDATE SET version = 8, content = excluded.content, unknown = excluded.unknown
"""
_READ = "SELECT unknown FROM ninai_memories WHERE user_id = $1 AND id = $2"


@pytest.mark.parametrize("unknown", ["", '{"mood":"good"}'])
@pytest.mark.parametrize("labels", [{}, {"session": "trip", "speaker": 'Zoë "Z"'}])
def test_the_text_says_all_that_the_version_before_does_not_know(unknown: str, labels: dict[str, Any]) -> None:
    """Its other fields stay what they are, and nothing is written of what is not there."""
    state = Snapshot(user_id="ann", id=MEMORY_ID, version=7, content="tea", unknown=unknown, first_version=5, **labels)
    mood = {"mood": "good"} if unknown else {}

    assert msgspec.json.decode(further_of(state)) == {"first_version": 5, **labels, **mood}
    assert unknown_of(further_of(state)) == unknown
    assert further_of(msgspec.structs.replace(state, first_version=0, **dict.fromkeys(NAMES))) == unknown


async def test_what_the_version_before_writes_is_read(database: str) -> None:
    """A label that comes as a part of that text is a label: it is shown, found, and followed when it changes."""
    async with open_native_provider(database) as provider, connected(database) as connection:
        await provider.health_check()
        await provider.remember("bob", "prepares the schema")
        for label in ("trip", "home"):
            text = f'{{"mood":"good","session":"{label}","first_version":3}}'
            await connection.execute(_WRITE, "ann", UUID(MEMORY_ID), MOMENT, text)
            [record] = (await provider.page(PageQuery(owner=OWNER, session=label))).memories
            state = await provider.snapshot(OWNER, MEMORY_ID)

            assert (record.session, record.first_version) == (label, 3)
            assert state is not None
            assert (state.session, state.first_version, state.unknown) == (label, 3, '{"mood":"good"}')
        await connection.execute(_WRITE, "ann", UUID(MEMORY_ID), MOMENT, None)
        plain = await provider.get("ann", MEMORY_ID)

    assert labels_of(plain) == dict.fromkeys(NAMES)


async def test_the_version_before_gets_what_is_written(database: str) -> None:
    """What it passes on to other stores has labels and first version, also after they have changed."""
    async with open_native_provider(database) as provider, connected(database) as connection:
        memory = NewMemory(owner=OWNER, content="tea", memory_id=MEMORY_ID, first_version=3, unknown='{"mood":"good"}')
        await provider.store(msgspec.structs.replace(memory, session="trip", app="chat"))
        texts = [await connection.fetchval(_READ, "ann", UUID(MEMORY_ID))]
        await provider.change(_edit(session="home", app=None))
        texts.append(await connection.fetchval(_READ, "ann", UUID(MEMORY_ID)))

    assert [msgspec.json.decode(text) for text in texts] == [
        {"mood": "good", "first_version": 3, "session": "trip", "app": "chat"},
        {"mood": "good", "first_version": 3, "session": "home"},
    ]


def _edit(*, session: str, app: None) -> Edit:
    return Edit(owner=OWNER, memory_id=MEMORY_ID, session=session, app=app)
