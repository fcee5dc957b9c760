"""The judgement whether the file of a journal is gone that was once begun, without asking a store."""

from app.process.installation import Installation
from app.settings import Settings

WAY_ON = "then bring that journal back, or begin a new one: `ninai journal adopt`"


def lost_journal(settings: Settings) -> str | None:
    """Return why what was acknowledged may be in no journal that can be copied, None if nothing says so.

    An installation has an id since its first journal, so that one without an id has never had any. A single provider
    that needs no journal may be without the one that it had.

    Raises:
        Misconfigured: the id cannot be read.
    """
    chosen = settings.journal.resolved()
    if chosen is None or (file := chosen.file_in(settings.data_dir)) is None:
        return None
    if (left_open := chosen.left_open(settings.data_dir)) is not None:
        return left_open
    needed = len(settings.order) > 1 or settings.journal.always(settings.data_dir)
    if file.exists() or not needed or Installation.of(settings).id() is None:
        return None
    return f"the journal {file} is gone, and may have held what the stores lack: stop the service"
