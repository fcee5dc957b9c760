"""Finding users: a page of those that begin with a text, from whichever provider answers."""

import time
from collections.abc import Callable

from msgspec import Struct

from app.console.browser.reader import MemoryReader
from providers.chain.owners import owners_page
from providers.chain.route import Route
from providers.limits import MAX_USER_ID_CHARS, check_tenant, check_text
from providers.owners import DEFAULT_TENANT, KEY_MARK, Owner
from providers.replica_limits import check_owners_page
from providers.summaries import OwnerSummary

USERS = 50  # on a page
MOST_SECONDS = 2.0  # for which users are looked for that the operator may see
_GREATEST = "\U0010ffff"
_SURROGATES = range(0xD800, 0xE000)


class FoundUsers(Struct, frozen=True, kw_only=True):
    """A page of users, as the `provider` knows them; the next one is behind the owner with the key `next_after`."""

    users: list[OwnerSummary]
    provider: str
    next_after: str | None


async def find_users(
    route: Route,
    reader: MemoryReader,
    tenant: str,
    prefix: str,
    after: str | None,
    now: Callable[[], float] = time.monotonic,
) -> FoundUsers:
    """Return the users of a tenant that begin with `prefix` and whose memories the reader may see, behind one of them.

    Without a tenant and a prefix they are those of all tenants; a prefix alone is one of the reader's own tenant.

    Raises:
        InvalidInput: no user and no tenant can be called so.
        Unavailable: no provider that has received everything answers.
    """
    _check(tenant, prefix)
    chosen = reader.tenant or tenant or (DEFAULT_TENANT if prefix else "")
    begin = Owner(prefix, chosen).key if chosen else ""
    place = Owner.of_key(after) if after else _before(begin, chosen)
    check_owners_page(USERS, place)
    found: list[OwnerSummary] = []
    end = now() + MOST_SECONDS
    while True:
        page = await owners_page(route, USERS, place)
        within = [one for one in page.owners if one.owner.key.startswith(begin)]
        seen = [one for one in within if reader.sees(one.owner)]
        room = USERS - len(found)
        found += seen[:room]
        if len(seen) > room:
            return FoundUsers(users=found, provider=page.provider, next_after=found[-1].owner.key)
        if page.ended or len(within) < len(page.owners):
            return FoundUsers(users=found, provider=page.provider, next_after=None)
        place = page.owners[-1].owner
        if len(found) == USERS or now() >= end:
            return FoundUsers(users=found, provider=page.provider, next_after=place.key)


def _check(tenant: str, prefix: str) -> None:
    if prefix:
        check_text("prefix", prefix, MAX_USER_ID_CHARS)
    if tenant:
        check_tenant(tenant)


def _before(begin: str, tenant: str) -> Owner | None:
    """Return an impossible owner whose key stands right before those that begin so, None if all of them are meant."""
    if begin:
        last = ord(begin[-1]) - 1
        return Owner(begin[:-1] + chr(_SURROGATES.start - 1 if last in _SURROGATES else last) + _GREATEST)
    # The keys of other tenants begin with the mark, which is less than all that can begin a user.
    return Owner(KEY_MARK + _GREATEST) if tenant == DEFAULT_TENANT else None
