"""The users that a caller speaks for: one, several, those with a prefix, or any."""

from msgspec import Struct

from app.auth.refusals import CallerRefused
from providers.errors import InvalidInput

USER_HEADER = "X-User-ID"


class AllowedUsers(Struct, frozen=True):
    """Decide for which user a request is: one of `only`, one that begins with `prefix`, or any if both are None.

    `default` is meant where the request names nobody. Of `reads` it may read as well. `shown` is what the caller shows,
    in words for it.
    """

    only: frozenset[str] | None = None
    prefix: str | None = None
    default: str | None = None
    shown: str = "API key"
    reads: frozenset[str] = frozenset()

    @property
    def anybody(self) -> bool:
        """Whether there is no user for whom the caller does not speak."""
        return self.only is None and self.prefix is None

    @property
    def named(self) -> list[str] | None:
        """All users, None if only a rule tells who they are."""
        return None if self.only is None or self.prefix is not None else sorted(self.only)

    def choose(self, named: str | None, field: str = USER_HEADER, *, reading: bool = False) -> str:
        """Return the user whose memories are meant, to read them alone if `reading`; `field` names it in the request.

        Raises:
            CallerRefused: the caller does not speak for this user.
            InvalidInput: nobody is named, and there is no default.
        """
        if named is None:
            if self.default is None:
                short = self.shown.rpartition(" ")[2]
                raise InvalidInput(USER_HEADER, f"is required with this {short}, or user_id in the query or the body")
            return self.default
        if not self._includes(named) and not (reading and named in self.reads):
            alone = self.prefix is None and self.default is not None and self.only == frozenset({self.default})
            why = "is for its own user alone; name nobody" if alone else "does not speak for this user"
            detail = f"This {self.shown} {why}"
            raise CallerRefused("user", detail, field=field)
        return named

    def _includes(self, user: str) -> bool:
        if self.anybody:
            return True
        return user in (self.only or ()) or (self.prefix is not None and user.startswith(self.prefix))


ANY_USER = AllowedUsers()
