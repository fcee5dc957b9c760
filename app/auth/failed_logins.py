"""Failed logins by address: whoever guesses keys waits for its answers; whoever shows a known key never does."""

from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

FREE = 20  # failures in a row that are answered at once: somebody tries an old key in a few places
FORGIVEN_SECONDS = 3.0  # after which one failure is forgotten
FIRST_WAIT = 0.1  # seconds; doubled with every further failure
MOST_WAIT = 2.0  # seconds, long before a client gives up
MOST_ADDRESSES = 10_000  # that are remembered; the one that failed longest ago is forgotten


class _Failures(Struct):
    count: float
    at: float


class FailedLogins:
    """Count the failures of each address, as a bucket that leaks; `now` is in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._by_address: OrderedDict[str, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_address)

    def count(self, address: str) -> float:
        """Count one failure of an address; return the seconds to wait before it is answered."""
        now = self._now()
        known = self._by_address.pop(address, None)
        left = 0.0 if known is None else max(0.0, known.count - (now - known.at) / FORGIVEN_SECONDS)
        # Beyond this a longer guess costs no more, and the address is forgiven in a bounded time.
        count = min(left + 1, 2 * FREE)
        self._by_address[address] = _Failures(count, now)
        while len(self._by_address) > MOST_ADDRESSES:
            self._by_address.popitem(last=False)
        if count <= FREE:
            return 0.0
        return float(min(MOST_WAIT, FIRST_WAIT * 2 ** (count - FREE - 1)))
