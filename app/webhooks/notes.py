"""What the journal keeps of a webhook: how far it is, and its dead letters; nothing of any memory's text."""

from enum import StrEnum

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from providers.journal.base import Journal
from providers.journal.changes import MAX_WEBHOOK_NOTES, PLACE, JournalPosition, WebhookNote

_AT_ONCE = 1_000  # letters in one read


class HookState(StrEnum):
    """Whether a webhook sends."""

    SENDING = "sending"
    GONE = "gone"  # the receiver answered 410; an operator has it go on


class HookPlace(Struct, frozen=True, omit_defaults=True):
    """How far a webhook is, whether it sends, and why its last attempt failed, if it did.

    `lost` counts how often the journal had dropped what was not told yet.
    """

    position: JournalPosition | None = None
    state: HookState = HookState.SENDING
    error: str = ""
    lost: int = 0


class HookLetter(Struct, frozen=True, omit_defaults=True):
    """A change that was given up: of which memory, after how many attempts, why, and when in seconds since 1970.

    One that is `due` is sent again as soon as the webhook's sender comes to it.
    """

    seq: int
    user_id: str  # the key of the owner
    memory_id: str
    attempts: int
    error: str
    at: float
    due: bool = False


async def place_of(journal: Journal, name: str) -> HookPlace:
    """Return how far a webhook is; without a position it has never sent."""
    notes = await journal.webhook_notes(name, 1)
    if not notes or notes[0].seq != PLACE:
        return HookPlace()
    return msgspec.json.decode(notes[0].text, type=HookPlace)


async def note(journal: Journal, name: str, place: HookPlace, *letters: HookLetter) -> None:
    """Write down how far a webhook is, with the dead letters of its way there."""
    encoded = [WebhookNote(PLACE, msgspec.json.encode(place).decode())]
    await journal.note_webhook(name, [*encoded, *map(_note_of, letters)])


async def letters_of(journal: Journal, name: str) -> list[HookLetter]:
    """Return all dead letters of a webhook, the oldest first."""
    letters: list[HookLetter] = []
    after = PLACE
    while len(letters) < MAX_WEBHOOK_NOTES:
        page = await journal.webhook_notes(name, _AT_ONCE, after=after)
        letters += [msgspec.json.decode(one.text, type=HookLetter) for one in page]
        if len(page) < _AT_ONCE:
            break
        after = page[-1].seq
    return letters


async def make_due(journal: Journal, name: str, seqs: frozenset[int] | None) -> int:
    """Have dead letters sent again, all if no numbers are given, and a webhook that was gone go on; return how many."""
    place = await place_of(journal, name)
    if place.state is HookState.GONE:
        await note(journal, name, replace(place, state=HookState.SENDING))
    letters = [one for one in await letters_of(journal, name) if seqs is None or one.seq in seqs]
    for start in range(0, len(letters), _AT_ONCE):
        some = letters[start : start + _AT_ONCE]
        await journal.note_webhook(name, [_note_of(replace(one, due=True)) for one in some])
    return len(letters)


async def discard(journal: Journal, name: str, seqs: frozenset[int] | None) -> int:
    """Drop dead letters for good, all if no numbers are given; return how many."""
    chosen = [one.seq for one in await letters_of(journal, name)] if seqs is None else [*seqs]
    return await journal.drop_webhook_notes(name, [seq for seq in chosen if seq != PLACE])


def _note_of(letter: HookLetter) -> WebhookNote:
    return WebhookNote(letter.seq, msgspec.json.encode(letter).decode(), letter.user_id)
