"""The sender of a webhook, over a real journal, to a real receiver that takes, fails, hangs or is gone."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from app.http.feed_schemas import OwnersChange, owners_change
from app.settings.webhooks import WebhookSettings
from app.webhooks.notes import HookLetter, HookState, letters_of, make_due, note, place_of
from app.webhooks.posting import Poster
from app.webhooks.sender import LONGEST_PAUSE, Sender, Timing
from observability.metrics import Metrics
from observability.secret import Secret
from providers.journal.base import Journal
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.owners import Owner
from providers.provenance.quarantines import Quarantines
from providers.types import Snapshot
from tests.providers.journal.rig import USER, delete, host_in, put, remember, update
from tests.support.following import eventually
from tests.support.webhook_receiver import HANGS, SECRET, Receiver, running_receiver

NAME = "crm"
KEEP = 3_600.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything unless it is told otherwise."""
    with running_receiver() as running:
        yield running


@pytest_asyncio.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """A journal with one member."""
    async with SqliteJournalSettings().open(host_in(tmp_path)) as opened:
        await opened.join("home", None)
        yield opened


class Pauses(Struct):
    """The pauses that a sender made, none of which takes any time."""

    made: list[float]

    async def sleep(self, seconds: float) -> None:
        """Note a pause."""
        self.made.append(seconds)
        await asyncio.sleep(0.005)


@asynccontextmanager
async def sending(
    journal: Journal,
    receiver: Receiver,
    keep: float = KEEP,
    quarantines: Quarantines = Quarantines(),  # noqa: B008 - frozen
    **settings: Any,  # noqa: ANN401 - whatever can be configured
) -> AsyncIterator[tuple[Sender, Pauses]]:
    """Run the sender of a webhook for as long as the context lasts; it has begun by then."""
    registry = CollectorRegistry()
    pauses = Pauses([])

    async def held() -> bool:
        return True

    async def gone(owner: Owner, memory_id: str) -> OwnersChange:
        return OwnersChange(change="deleted", user_id=owner.user, memory_id=memory_id)

    async def as_told(state: Snapshot) -> OwnersChange:
        return owners_change(state, quarantines)

    async with Poster.open() as poster:
        chosen = WebhookSettings(**{"url": receiver.url, "secret": Secret(SECRET), **settings})
        timing = Timing(pauses.sleep, lambda: 1.0)
        sender = Sender(NAME, chosen, journal, poster, Metrics(registry), keep, held, as_told, gone, timing)
        task = asyncio.create_task(sender.run())

        async def begun() -> bool:
            return (await place_of(journal, NAME)).position is not None

        try:
            await eventually(begun)
            yield sender, pauses
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def told(receiver: Receiver, count: int) -> list[tuple[str, str | None]]:
    """Return what a receiver was told, as soon as it is so much."""

    async def enough() -> bool:
        return len(receiver.received) >= count

    await eventually(enough)
    return receiver.told


async def dead(journal: Journal, count: int) -> list[HookLetter]:
    """Return the dead letters, as soon as there are so many."""

    async def enough() -> bool:
        return len(await letters_of(journal, NAME)) == count

    await eventually(enough)
    return await letters_of(journal, NAME)


async def test_changes_are_told_in_order_without_texts(journal: Journal, receiver: Receiver) -> None:
    """From the first start on, signed, each with an id of its own, and nothing of a memory but whose it is."""
    await put(journal, remember("before", version=1))
    async with sending(journal, receiver):
        await put(journal, remember("m", "private tea", version=1))
        assert await told(receiver, 1) == [("memory.put", "m")]
        await put(journal, update("m", "private coffee", base=1, version=2))
        await told(receiver, 2)
        await put(journal, delete("m", version=3))
        await told(receiver, 3)

    assert [kind for kind, _ in receiver.told][2:] == ["memory.deleted"]
    assert receiver.received[0].body["data"] == {"tenant": "default", "user_id": USER, "memory_id": "m"}
    assert len({one.id for one in receiver.received}) == 3
    assert receiver.refused == []


async def test_texts_are_sent_where_that_is_wanted(journal: Journal, receiver: Receiver) -> None:
    """By configuration alone."""
    async with sending(journal, receiver, content=True):
        await put(journal, remember("m", "masala tea", version=1))
        await told(receiver, 1)

    assert receiver.received[0].body["data"]["memory"]["content"] == "masala tea"


@pytest.mark.parametrize(
    "bound", [{"user": "anna"}, {"kinds": ["deleted"]}, {"tenant": "acme"}], ids=["user", "kinds", "tenant"]
)
async def test_a_webhook_is_told_what_it_is_about(journal: Journal, receiver: Receiver, bound: dict[str, Any]) -> None:
    """The rest passes by, and the webhook goes on behind it."""
    async with sending(journal, receiver, **bound) as (sender, _):
        entry = await put(journal, remember("m", version=1))

        async def passed() -> bool:
            position = (await place_of(sender.journal, NAME)).position
            return position is not None and position.seq >= entry.seq

        await eventually(passed)

    assert receiver.received == []


async def test_what_fails_is_sent_again_with_one_id(journal: Journal, receiver: Receiver) -> None:
    """After pauses that grow, and are as long as the receiver wants; what comes behind it waits."""
    receiver.answers = [500, 503, 302, HANGS]
    receiver.headers = {"retry-after": "7"}
    async with sending(journal, receiver, timeout=0.2) as (_, pauses):
        await put(journal, remember("first", version=1))
        await put(journal, remember("second", version=1))
        assert await told(receiver, 2) == [("memory.put", "first"), ("memory.put", "second")]

    assert [pause for pause in pauses.made if pause != 1.0] == [7.0, 7.0, 7.0, 8.0]
    assert await letters_of(journal, NAME) == []


async def test_what_is_never_taken_becomes_a_dead_letter(journal: Journal, receiver: Receiver) -> None:
    """After so many attempts; the next change goes on, and an operator has the letter sent again."""
    receiver.answers = [400] * 3
    async with sending(journal, receiver, attempts=3) as (sender, pauses):
        first = await put(journal, remember("first", version=1))
        await put(journal, remember("second", version=1))
        assert await told(receiver, 1) == [("memory.put", "second")]
        [letter] = await dead(journal, 1)
        assert (letter.seq, letter.user_id, letter.memory_id, letter.attempts) == (first.seq, USER, "first", 3)
        assert letter.error == "the answer is 400"

        assert await make_due(journal, NAME, frozenset({first.seq})) == 1
        assert (await told(receiver, 2))[1] == ("memory.put", "first")
        await dead(journal, 0)

    assert max(pauses.made) <= LONGEST_PAUSE
    counted = sender.metrics.webhook_changes.labels
    assert [counted(NAME, result)._value.get() for result in ("delivered", "dead", "lost")] == [2, 1, 0]  # noqa: SLF001 - the library has no other way


async def test_a_letter_that_fails_again_stays(journal: Journal, receiver: Receiver) -> None:
    """It is tried once for each time that an operator wants it; once it is taken, no error is told any more."""
    receiver.answers = [500, 500]
    async with sending(journal, receiver, attempts=1):
        await put(journal, remember("m", version=1))
        await dead(journal, 1)
        await make_due(journal, NAME, None)

        async def tried() -> bool:
            return [one.attempts for one in await letters_of(journal, NAME)] == [2]

        await eventually(tried)
        assert receiver.received == []
        assert (await place_of(journal, NAME)).error == "the answer is 500"

        await make_due(journal, NAME, None)
        await dead(journal, 0)
        assert (await place_of(journal, NAME)).error == ""


async def test_a_receiver_that_is_gone_is_left_alone(journal: Journal, receiver: Receiver) -> None:
    """Until an operator has the webhook go on: with the change that was refused, and without a loss."""
    receiver.answers = [410]
    async with sending(journal, receiver):
        await put(journal, remember("m", version=1))

        async def gone() -> bool:
            return (await place_of(journal, NAME)).state is HookState.GONE

        await eventually(gone)
        assert receiver.received == []
        await make_due(journal, NAME, None)
        assert await told(receiver, 1) == [("memory.put", "m")]


async def test_another_sender_goes_on_where_one_ended(journal: Journal, receiver: Receiver) -> None:
    """The place is in the journal; what happened meanwhile is told."""
    async with sending(journal, receiver):
        await put(journal, remember("one", version=1))
        await told(receiver, 1)
    await put(journal, remember("two", version=1))
    async with sending(journal, receiver):
        await told(receiver, 2)
        if receiver.told[-1] == ("memory.put", "one"):  # the first one ended before it had noted its place
            await told(receiver, 3)

    assert receiver.told[-1] == ("memory.put", "two")


async def test_a_place_that_is_too_old_is_told_and_left(journal: Journal, receiver: Receiver) -> None:
    """Nobody knows what was dropped meanwhile: it is counted, and what the journal still knows is told."""
    async with sending(journal, receiver):
        pass
    place = await place_of(journal, NAME)
    assert place.position is not None
    old = replace(place, position=replace(place.position, at=place.position.at - 2 * KEEP))
    await note(journal, NAME, old)
    await put(journal, remember("m", version=1))
    async with sending(journal, receiver):
        assert await told(receiver, 1) == [("memory.put", "m")]

    assert (await place_of(journal, NAME)).lost == 1


async def test_changes_are_put_aside_before_the_journal_drops_them(journal: Journal, receiver: Receiver) -> None:
    """While a receiver is down, one that waited for long is tried once, and kept as a dead letter."""
    receiver.always = 500
    async with sending(journal, receiver, keep=20.0, attempts=20) as (sender, _):
        place = await place_of(sender.journal, NAME)
        await put(journal, remember("m", version=1))
        page = await journal.changes(place.position, 10)
        await sender._send_change(replace(place, error="down"), page.changes[0], page.moment + 11)  # noqa: SLF001 - a time of its own

        [letter] = [one for one in await letters_of(journal, NAME) if one.attempts == 1]
        assert letter.memory_id == "m"


@pytest.mark.parametrize("url", ["https://169.254.169.254/latest", "https://[fd00:ec2::254]/", "http://localhost:1/"])
async def test_addresses_where_machines_keep_secrets_are_not_asked(
    journal: Journal, receiver: Receiver, url: str
) -> None:
    """Nor is one that takes no connection an answer; the reason says nothing of what is there."""
    async with sending(journal, receiver, url=url, attempts=1):
        await put(journal, remember("m", version=1))
        [letter] = await dead(journal, 1)

    assert letter.error.startswith(("its address is one", "none of its addresses"))
