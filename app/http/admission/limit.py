"""The adaptive concurrency limit: as much work at once as causes no standing queue inside this process."""

from math import sqrt

# The least queueing delay of an interval, in seconds, up to which there is no standing queue. Source: CoDel (RFC 8289)
# takes 5 ms as well, measured as the least of 100 ms.
TARGET_DELAY = 0.005
INTERVAL = 0.1
# One interval lowers the limit to no less than this share: a pause of the whole machine is no overload.
MOST_DECREASE = 0.7
# Where less of it is in use the limit comes down to this multiple of what is, and from there as far as it has to.
MOST_UNUSED = 2.0
# At first: in the time in which it comes down from there nobody has waited long.
FIRST = 4.0  # times the least


class AdaptiveLimit:
    """Hold a limit, in units of price, between `least` and `most`, and adjust it once every `INTERVAL`.

    Increase by its root (as Envoy's gradient controller does), and by less with a delay near the target, while it keeps
    requests waiting; decrease in proportion to the delay beyond the target (AIMD). Delays are measured where work
    queues, at the event loop and at pools of connections, and not as the latency of requests: a request that waits for
    a slow store takes nothing from the others, and a lower limit would not make it faster.
    """

    __slots__ = ("_least", "_most", "delay", "units")

    def __init__(self, least: float, most: float) -> None:
        self._least, self._most = least, most
        self.units = min(most, FIRST * least)
        self.delay = 0.0

    def adjust(self, delay: float, used: float, *, reached: bool) -> None:
        """Adjust the limit after one interval.

        `delay` is the least queueing delay in seconds, `used` the most units that were under way, and `reached` whether
        any request found no room.
        """
        self.delay = delay
        if delay > TARGET_DELAY:
            lowered = min(self.units, MOST_UNUSED * used) * max(MOST_DECREASE, TARGET_DELAY / delay)
            self.units = max(self._least, lowered)
        elif reached:
            self.units = min(self._most, self.units + sqrt(self.units) * (1 - delay / TARGET_DELAY))
