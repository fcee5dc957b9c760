"""Every journal promises that a dead letter is kept, shown, and repeated only on request."""

import time

from providers.journal.base import Journal
from providers.journal.operations import Dead, DeadLetter, Done, JournalEntry, OperationKind, Postponed
from providers.owners import Owner
from tests.providers.journal.rig import LONG, USER, confirm, delete, due, entries, leased, put, remember, settle, update


async def killed(
    journal: Journal, *providers: str, error: str = "refused", memory_id: str | None = None
) -> JournalEntry:
    """Return an operation that is a dead letter at these providers."""
    entry = await put(journal, remember(memory_id))
    await settle(journal, *[Dead(seq=entry.seq, provider=name, error=error) for name in providers])
    return entry


async def test_a_dead_letter_tells_what_and_why(journal: Journal) -> None:
    """A dead letter names the operation and its memory, not the text, and its last failure, which counts."""
    before = time.time()
    entry = await put(journal, remember("m", "private"))
    await settle(journal, Postponed(seq=entry.seq, provider="home", delay=0, error="first", counts=True))
    await settle(journal, Dead(seq=entry.seq, provider="home", error="last"))

    [letter] = await journal.dead(10)
    assert letter == DeadLetter(
        seq=entry.seq,
        provider="home",
        kind=OperationKind.REMEMBER,
        user_id=USER,
        memory_id="m",
        error="last",
        failures=2,
        appended_at=letter.appended_at,
        failed_at=letter.failed_at,
        discarded=False,
    )
    assert before - 1 < letter.appended_at <= letter.failed_at < time.time() + 1


async def test_a_dead_letter_is_not_due(journal: Journal) -> None:
    """A dead letter is not delivered again, even after a late failure; the other provider gets the operation."""
    entry = await killed(journal, "home")
    await settle(journal, Postponed(seq=entry.seq, provider="home", delay=0))

    assert await due(journal, "home") == []
    assert await due(journal, "standby") == [entry.seq]
    assert len(await journal.dead(10)) == 1


async def test_a_dead_letter_can_be_confirmed(journal: Journal) -> None:
    """If the delivery arrived after all, the letter is gone."""
    entry = await killed(journal, "home")
    await settle(journal, Done(seq=entry.seq, provider="home"))

    assert await journal.dead(10) == []


async def test_dead_letters_are_given_from_the_oldest_on(journal: Journal) -> None:
    """A page holds the letters of so many operations behind a number; those of one operation are not separated."""
    first, second, third = [await killed(journal, "standby", "home") for _ in range(3)]

    def seqs(letters: list[DeadLetter]) -> list[int]:
        return [letter.seq for letter in letters]

    assert seqs(await journal.dead(2)) == [first.seq, first.seq, second.seq, second.seq]
    assert seqs(await journal.dead(2, after=second.seq)) == [third.seq, third.seq]
    assert seqs(await journal.dead(2, after=third.seq)) == []
    assert {letter.provider for letter in await journal.dead(1)} == {"home", "standby"}


async def test_a_retry_starts_afresh(journal: Journal) -> None:
    """A dead letter that is retried is due at once, at its provider alone, and its failures are reset."""
    entry = await killed(journal, "home", "standby")

    assert await journal.retry(entry.seq, "home") is True
    [delivery] = await leased(journal, "home")
    assert (delivery.seq, delivery.failures, delivery.failed_at) == (entry.seq, 0, 0.0)
    assert [letter.provider for letter in await journal.dead(10)] == ["standby"]


async def test_what_is_discarded_is_never_delivered(journal: Journal) -> None:
    """A discarded letter is not due any more; yet its provider lacks the operation, and that stays known."""
    entry = await killed(journal, "home")
    await confirm(journal, entry, "standby")

    assert await journal.discard(entry.seq, "home") is True
    assert await journal.discard(entry.seq, "home") is False
    assert await due(journal, "home") == []
    assert await journal.prune(0) == 0
    [left] = await journal.entries(Owner(USER), "home", 10, 10)
    [letter] = await journal.dead(10)
    assert (left.state, left.pending) == (entry.state, frozenset({"home"}))
    assert (letter.seq, letter.provider, letter.discarded, letter.failures) == (entry.seq, "home", True, 0)
    assert [(one.dead, one.discarded, one.pending) for one in (await journal.status()).backlogs] == [
        (0, 1, 0),
        (0, 0, 0),
    ]


async def test_what_was_discarded_is_over_once_its_provider_has_it(journal: Journal) -> None:
    """A confirmation from elsewhere, a newer state of the memory, or a retry ends it."""
    merged, replaced, retried = [await killed(journal, "home", memory_id=one) for one in ("a", "b", "c")]
    for entry in (merged, replaced, retried):
        await journal.discard(entry.seq, "home")
    await confirm(journal, merged, "home")
    newer = await put(journal, update("b", "coffee"))

    assert await journal.retry(retried.seq, "home") is True
    assert sorted(await due(journal, "home")) == [retried.seq, newer.seq]
    assert await journal.dead(10) == []


async def test_a_discarded_deletion_is_never_forgotten(journal: Journal) -> None:
    """Its provider has the memory for ever, so the tombstone must hide it for as long."""
    await confirm(journal, await put(journal, remember("m")))
    tombstone = await put(journal, delete("m"))
    await confirm(journal, tombstone, "standby")
    await settle(journal, Dead(seq=tombstone.seq, provider="home", error="no"))
    await journal.discard(tombstone.seq, "home")
    await journal.forget([tombstone.seq])

    assert await journal.tombstones(10, 0) == []
    assert await journal.deleted(Owner(USER), ["m"]) == {"m"}


async def test_only_dead_letters_are_retried_or_discarded(journal: Journal) -> None:
    """A delivery that is pending, confirmed, leased or unknown is no dead letter, and stays as it is."""
    entry = await put(journal, remember())
    await leased(journal, "home", LONG)
    await settle(journal, Done(seq=entry.seq, provider="standby"))

    for seq, provider in [(entry.seq, "home"), (entry.seq, "standby"), (entry.seq, "nobody"), (10**9, "home")]:
        assert await journal.retry(seq, provider) is False
        assert await journal.discard(seq, provider) is False
    assert await due(journal, "home") == []
    [left] = await entries(journal)
    assert left.pending == {"home"}
