"""A single provider without a journal, whose store may belong to a journal that is gone."""

import structlog

from providers.chain.errors import OrderRefused
from providers.chain.link import Link
from providers.chain.stores.introductions import PATIENCE_AT_START, introduction_of

_log = structlog.get_logger(__name__)


async def refuse_lost_journal(link: Link, *, configured: bool) -> None:
    """Refuse a store that may lack what its journal held; warn where it is `configured` that there is to be none.

    A store that does not answer at once is believed: nothing is to delay the start of a single provider.

    Raises:
        OrderRefused: its journal may have held writes that it has not received, and nobody has said to go on without.
    """
    introduction = await introduction_of(link.name, link.provider, {}, PATIENCE_AT_START)
    if introduction is None or introduction.mark is None or not introduction.mark.pending:
        return
    if configured:
        _log.warning("journal_left", provider=link.name, journal=introduction.mark.journal)
        return
    raise OrderRefused(
        f"the journal {introduction.mark.journal} is gone, and may have held what {link.name} lacks: bring it back; or"
        ' begin a new one, with journal.kind = "sqlite" and `ninai journal adopt`; or go on without, with'
        ' journal.kind = "none"'
    )
