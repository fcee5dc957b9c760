"""How long memories live that are written now: what a request asks for, within what is configured for its tenant."""

from datetime import UTC, datetime, timedelta

from msgspec import UNSET, Struct, UnsetType

from providers.errors import InvalidInput
from providers.limits import check_moment
from providers.sliding import MAX_SLIDING_SECONDS, MIN_SLIDING_SECONDS

MAX_TTL_SECONDS = MAX_SLIDING_SECONDS

Expiry = datetime | UnsetType | None


class Lifetime(Struct, frozen=True):
    """The lifetimes, in seconds, of memories that are written now; without a `maximum` they may live for ever.

    Memories that ask for none have the `default`, or else the maximum.
    """

    now: datetime
    default: float | None = None
    maximum: float | None = None

    def of_new(self, expires_at: datetime | None, ttl_seconds: int | None) -> datetime | None:
        """Return when a new memory expires, None if it never does.

        Raises:
            InvalidInput: both are given, the moment has passed, or the memory would live longer than is allowed.
        """
        if expires_at is not None or ttl_seconds is not None:
            return self._asked("expires_at" if ttl_seconds is None else "ttl_seconds", expires_at, ttl_seconds)
        seconds = self.maximum if self.default is None else self.default
        return None if seconds is None else self._after(seconds)

    def of_change(self, expires_at: Expiry, ttl_seconds: int | UnsetType) -> Expiry:
        """Return when a memory expires after a change of it, `UNSET` if nothing changes that.

        Raises:
            InvalidInput: as for a new memory; or the expiry is taken away where no memory may live for ever.
        """
        if ttl_seconds is not UNSET:
            return self._asked("ttl_seconds", None if expires_at is UNSET else expires_at, ttl_seconds)
        if expires_at is UNSET:
            return UNSET
        if expires_at is None:
            if self.maximum is not None:
                raise InvalidInput("expires_at", f"must not be null: memories live for at most {self.maximum:g} s here")
            return None
        return self._asked("expires_at", expires_at, None)

    def slides_by(self, ttl_seconds: int | UnsetType | None, *, sliding: bool) -> int | None:
        """Return by how many seconds an expiry slides that is given with `sliding`, None if it does not.

        Raises:
            InvalidInput: it is to slide, and `ttl_seconds` is not given, or too small for touches.
        """
        if not sliding:
            return None
        if not isinstance(ttl_seconds, int):
            raise InvalidInput("sliding", "must not be given without ttl_seconds")
        if ttl_seconds < MIN_SLIDING_SECONDS:
            raise InvalidInput("ttl_seconds", f"must be at least {MIN_SLIDING_SECONDS} with sliding")
        return ttl_seconds

    def _asked(self, field: str, expires_at: datetime | None, ttl_seconds: int | None) -> datetime:
        if expires_at is None:
            moment = self._after(ttl_seconds or 0)
        elif ttl_seconds is not None:
            raise InvalidInput("ttl_seconds", "must not be given together with expires_at")
        else:
            check_moment("expires_at", expires_at)
            moment = expires_at.astimezone(UTC)
        if moment <= self.now:
            raise InvalidInput(field, "must lie in the future")
        if self.maximum is not None and moment > self._after(self.maximum):
            latest = self._after(self.maximum).isoformat(timespec="seconds")
            raise InvalidInput(field, f"must be at most {self.maximum:g} s ahead here, so {latest} at the latest")
        return moment

    def _after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)
