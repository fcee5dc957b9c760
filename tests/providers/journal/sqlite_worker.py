"""A process that uses the journal in a file, and prints what it has been told; run with `python -m`.

`append FOLDER` appends without end, one line with the memory's id for each operation that was acknowledged.
`share FOLDER COUNT` appends so many operations and borrows whatever is due at `home` meanwhile; each line is a word,
`appended` or `leased`, and a sequence number.
"""

import asyncio
import sys
from pathlib import Path

from providers.journal.base import Journal
from providers.journal.sqlite.settings import SqliteJournalSettings
from tests.providers.journal.rig import LONG, host_in, put, remember

AT_ONCE = 8


def say(*words: object) -> None:
    """Print one line, and flush it."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def append(journal: Journal) -> None:
    """Append until the process is killed."""
    while True:
        entry = await put(journal, remember())
        say(entry.state.id)


async def share(journal: Journal, count: int) -> None:
    """Append some operations, and lease after each."""
    for _ in range(count):
        say("appended", (await put(journal, remember())).seq)
        for delivery in await journal.lease("home", 3, LONG):
            say("leased", delivery.seq)


async def main(what: str, folder: str, count: str = "0") -> None:
    """Run several tasks at once."""
    async with SqliteJournalSettings().open(host_in(Path(folder))) as journal:
        await journal.join("home", "h")
        say("ready")
        await asyncio.gather(
            *[append(journal) if what == "append" else share(journal, int(count)) for _ in range(AT_ONCE)]
        )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
