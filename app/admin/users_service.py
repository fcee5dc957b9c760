"""The users of the service for its operator: who has memories, and how many."""

from msgspec import Struct

from app.http.operator_schemas import UserCounts, UsersResponse
from providers.chain.chain import Chain
from providers.chain.owners import owners_page
from providers.errors import InvalidInput
from providers.limits import check_owner
from providers.owners import Owner


class UsersService(Struct, frozen=True):
    """Serve requests about the users of a chain."""

    chain: Chain

    async def page(self, limit: int, after: str | None) -> UsersResponse:
        """Return the users behind one of them, by code point.

        Raises:
            InvalidInput: `after` cannot be a user.
            Unavailable: no provider that has received everything answers.
        """
        page = await owners_page(self.chain.route, limit, None if after is None else owner_of(after))
        users = [UserCounts(one.owner.user, one.live, one.deleted, one.owner.tenant) for one in page.owners]
        return UsersResponse(users, len(users), page.provider, None if page.ended else page.owners[-1].owner.key)


def owner_of(key: str) -> Owner:
    """Return the owner that a page ended with; raise `InvalidInput` if it cannot be one."""
    owner = Owner.of_key(key)
    try:
        check_owner(owner)
    except InvalidInput as error:
        raise InvalidInput("after", error.reason) from None
    return owner
