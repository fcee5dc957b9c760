"""The pacing of writes while much waits for home: each user's writes follow one another at growing distances.

A write is never refused for that, and an occasional one is not delayed at all: what is limited is the growth of the
backlog, by those who write most.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from providers.chain.observer import SlowReason
from providers.owners import Owner

# What waits for home for longer slows the writes of all: home has been away for more than a moment. So few deliveries
# may also be those that a healthy home fails to take, which are repeated for minutes.
OLD_BACKLOG_SECONDS = 30.0
FEW = 10
# More of one user than this slow that user's: each read of the user has to look through all of them.
LARGE_BACKLOG = 1_000

# Between two writes of a user, at an age of `_LONG_SECONDS` or with twice a large backlog; less before.
MOST_GAP = 1.0  # seconds
_LONG_SECONDS = 300.0
# For which one write waits at most, and for which share of its time: it is to be accepted, and not to be refused.
MOST_DELAY = 2.0  # seconds
_SHARE_OF_TIME = 0.25
_BATCH_UNIT = 100  # memories that are paced as one

# For as long what is known of one user's backlog counts.
KNOWN_SECONDS = 5.0
# So many writes of one user that home has not confirmed, as this process has accepted them, are worth a look at how
# many there are in all: other processes accept some, too, and relays deliver them.
SUSPECT = LARGE_BACKLOG // 4
MOST_USERS = 10_000  # that are remembered; who has not written for the longest time is forgotten first


class _User(Struct):
    """What is known of a user: `pending` was seen `at` a moment; the next write is due at `next_write`."""

    accepted: int = 0
    pending: int = 0
    at: float = float("-inf")
    next_write: float = float("-inf")


class Pacing:
    """Know what waits for home, and say how long a write is to wait before it is made durable."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._oldest = 0.0
        self._users: OrderedDict[Owner, _User] = OrderedDict()

    def look(self, pending: int, oldest_seconds: float) -> None:
        """Observe what waits for home in all, and for how long the oldest of it; called every few seconds."""
        self._oldest = oldest_seconds if pending > FEW else 0.0
        if pending <= LARGE_BACKLOG and oldest_seconds <= OLD_BACKLOG_SECONDS:
            self._users.clear()  # nobody can have more

    def accepted(self, owner: Owner) -> None:
        """Observe that home has not confirmed a new write of a user."""
        self._user(owner).accepted += 1

    def seen(self, owner: Owner, pending: int) -> None:
        """Observe how many writes of a user wait for home, as the journal says."""
        if pending > LARGE_BACKLOG or owner in self._users:
            user = self._user(owner)
            user.pending, user.at = pending, self._now()

    def is_doubtful(self, owner: Owner) -> bool:
        """Return whether the journal should be asked how much of a user waits: not more often than every few seconds.

        The next write need not ask, even if there is no answer.
        """
        user = self._users.get(owner)
        if user is None or user.accepted < SUSPECT or self._now() - user.at < KNOWN_SECONDS:
            return False
        user.at = self._now()
        return True

    def reason(self, owner: Owner) -> SlowReason | None:
        """Return why the writes of a user are slowed down, None if they are not."""
        user = self._users.get(owner)
        if user is not None and user.pending > LARGE_BACKLOG and self._now() - user.at <= 2 * KNOWN_SECONDS:
            return SlowReason.LARGE
        return SlowReason.OLD if self._oldest > OLD_BACKLOG_SECONDS else None

    def delay(self, owner: Owner, size: int, remaining: float) -> float:
        """Return the seconds that a write of `size` memories waits, whose caller has so many left."""
        if self.reason(owner) is None:
            return 0.0
        user, now = self._user(owner), self._now()
        fullness = max(self._oldest / _LONG_SECONDS, user.pending / (2 * LARGE_BACKLOG))
        gap = MOST_GAP * min(1.0, fullness) * -(-size // _BATCH_UNIT)
        begin = max(now, user.next_write)
        delay = min(begin - now, MOST_DELAY, _SHARE_OF_TIME * remaining)
        user.next_write = now + delay + gap
        return delay

    @property
    def idle(self) -> bool:
        """Whether nobody can be slowed down, so that a write need not ask."""
        return not self._users and self._oldest <= OLD_BACKLOG_SECONDS

    def _user(self, owner: Owner) -> _User:
        user = self._users.get(owner)
        if user is None:
            user = self._users[owner] = _User()
            if len(self._users) > MOST_USERS:
                self._users.popitem(last=False)
        self._users.move_to_end(owner)
        return user
