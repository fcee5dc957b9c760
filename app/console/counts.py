"""How many users and memories the service holds, as far as they can be counted within seconds."""

import time

from msgspec import Struct

from providers.chain.chain import Chain
from providers.chain.owners import owners_page
from providers.errors import Unavailable
from providers.owners import Owner

COUNT_SECONDS = 300.0  # for which a count is shown
_LONGEST = 2.0  # seconds, after which no other page is begun
_PAGE = 500


class Counts(Struct, frozen=True, kw_only=True):
    """Count users and their memories; `provider` was asked, None if nobody could be; `all` of them were counted."""

    users: int
    memories: int
    provider: str | None
    all: bool


async def count(chain: Chain) -> Counts:
    """Count as many users as can be counted within seconds."""
    users = memories = 0
    provider: str | None = None
    after: Owner | None = None
    end = time.monotonic() + _LONGEST
    while time.monotonic() < end:
        try:
            page = await owners_page(chain.route, _PAGE, after)
        except Unavailable:
            break
        users += len(page.owners)
        memories += sum(one.live for one in page.owners)
        provider = page.provider
        if page.ended:
            return Counts(users=users, memories=memories, provider=provider, all=True)
        after = page.owners[-1].owner
    return Counts(users=users, memories=memories, provider=provider, all=False)
