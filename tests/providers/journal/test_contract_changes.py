"""What every journal promises of its changes: each memory's newest state, in order, nothing left out."""

from contextlib import nullcontext

import pytest
from msgspec.structs import replace

from providers.errors import FeedLost
from providers.journal.base import Journal
from providers.journal.changes import MAX_WEBHOOK_NOTES, PLACE, JournalChanges, JournalPosition, WebhookNote, check_kept
from tests.providers.journal.rig import confirm, delete, put, remember, update

LETTER = WebhookNote(7, "a letter", "anna")


def told(page: JournalChanges) -> list[tuple[str, int, bool]]:
    """The memories that a page is about, their versions, and which are deleted."""
    return [(change.state.id, change.state.version, change.state.deleted) for change in page.changes]


async def followed(journal: Journal, after: JournalPosition | None, wanted: int, limit: int = 100) -> JournalChanges:
    """Follow until so many changes came, as other transactions in a server may hold them up; return all as one."""
    found = []
    while True:
        page = await journal.changes(after, limit)
        found += page.changes
        if len(found) >= wanted:
            return JournalChanges(found, page.position, page.more, page.moment)
        after = page.position


async def test_the_newest_state_of_each_memory_is_told(journal: Journal, elsewhere: Journal) -> None:
    """In the order of the operations, whoever asks, and whether it is confirmed or not."""
    entries = [await put(journal, remember(name, version=1)) for name in ("first", "second", "third")]
    await confirm(journal, entries[2])
    await put(journal, update("first", "coffee", base=1, version=2))
    await put(journal, delete("second", version=2))

    page = await followed(elsewhere, None, 3)
    assert told(page) == [("third", 1, False), ("first", 2, False), ("second", 2, True)]
    assert page.changes[-1].state.content is None
    assert told(await journal.changes(page.position, 100)) == []


async def test_pages_neither_repeat_nor_skip(journal: Journal) -> None:
    """What was told is not told again behind its position, in pages of any length."""
    names = [f"m{number}" for number in range(5)]
    for name in names:
        await put(journal, remember(name, version=1))
    whole = await followed(journal, None, 5)

    found, after = [], None
    for _ in range(3):
        page = await journal.changes(after, 2)
        found += told(page)
        after = page.position
    assert [name for name, *_ in found] == names
    assert [name for name, *_ in told(await journal.changes(whole.changes[2].position, 9))] == names[3:]


async def test_now_leaves_out_what_was(journal: Journal) -> None:
    """And tells what comes."""
    await put(journal, remember("before", version=1))
    await followed(journal, None, 1)
    now = await journal.changes(None, 100, now=True)
    await put(journal, remember("after", version=1))

    assert told(now) == []
    assert told(await followed(journal, now.position, 1)) == [("after", 1, False)]


async def test_traces_are_not_told(journal: Journal) -> None:
    """The deletion of what nobody has is no change."""
    await put(journal, replace(delete("nothing", version=1), trace=True))
    await put(journal, remember("m", version=1))

    assert told(await followed(journal, None, 1)) == [("m", 1, False)]


@pytest.mark.parametrize("other", [{"epoch": "another"}, {"number": 2**40, "seq": 2**40}], ids=["epoch", "ahead"])
async def test_another_history_is_lost(journal: Journal, other: dict[str, int | str]) -> None:
    """Another journal's place, and one that this journal has not reached."""
    place = (await journal.changes(None, 1)).position

    with pytest.raises(FeedLost):
        await journal.changes(replace(place, **other), 1)


async def test_notes_of_webhooks_stay(journal: Journal, elsewhere: Journal) -> None:
    """Each webhook has its own, by number; one takes the place of another with the same number."""
    await journal.note_webhook("crm", [WebhookNote(PLACE, "here"), LETTER, WebhookNote(9, "another", "gone")])
    await journal.note_webhook("other", [WebhookNote(7, "elsewhere")])
    await elsewhere.note_webhook("crm", [WebhookNote(PLACE, "there")])

    assert await elsewhere.webhook_notes("crm", 10) == [
        WebhookNote(PLACE, "there"),
        LETTER,
        WebhookNote(9, "another", "gone"),
    ]
    assert await journal.webhook_notes("crm", 1, after=PLACE) == [LETTER]
    assert await elsewhere.drop_webhook_notes("crm", [7, 8]) == 1
    assert [note.seq for note in await journal.webhook_notes("crm", 10)] == [PLACE, 9]
    assert len(await journal.webhook_notes("other", 10)) == 1


async def test_the_oldest_notes_go_beyond_the_bound(journal: Journal) -> None:
    """But never the place of the webhook."""
    await journal.note_webhook("crm", [WebhookNote(seq, "") for seq in range(MAX_WEBHOOK_NOTES)])
    await journal.note_webhook("crm", [WebhookNote(MAX_WEBHOOK_NOTES + more, "") for more in (0, 1)])

    notes = await journal.webhook_notes("crm", MAX_WEBHOOK_NOTES + 1)
    assert (len(notes), [note.seq for note in notes[:2]], notes[-1].seq) == (
        MAX_WEBHOOK_NOTES,
        [PLACE, 3],
        MAX_WEBHOOK_NOTES + 1,
    )


async def test_notes_about_an_erased_owner_go(journal: Journal) -> None:
    """Those about others stay, and so does the place."""
    await journal.note_webhook("crm", [WebhookNote(PLACE, "here"), LETTER, WebhookNote(9, "another", "gone")])
    await journal.purge("gone", 2**60)

    assert [note.seq for note in await journal.webhook_notes("crm", 10)] == [PLACE, 7]


@pytest.mark.parametrize(("age", "lost"), [(0, False), (49, False), (50, True), (200, True), (-49, False), (-50, True)])
def test_a_place_is_good_for_as_long_as_the_journal_keeps_what_comes_behind(age: float, *, lost: bool) -> None:
    """With half of that time to spare, or a minute: for a transaction that was still under way."""
    page = JournalChanges([], JournalPosition("e", 0, 9, 1_000.0), more=False, moment=1_000.0)
    place = JournalPosition("e", 0, 5, 1_000.0 - age)

    with pytest.raises(FeedLost) if lost else nullcontext():
        check_kept(place, page, 100.0)
