"""The loop of control: after each interval the limit follows the queueing delay."""

from app.http.admission.dear import DearLimit
from app.http.admission.limit import AdaptiveLimit
from app.http.admission.sharing import SharedLimit
from app.settings.model import AdmissionSettings


class Control:
    """Hold the limit of one process and what is admitted under it."""

    def __init__(self, settings: AdmissionSettings) -> None:
        self.limit = AdaptiveLimit(settings.min_limit, settings.max_limit)
        self.dear = DearLimit(settings.max_limit)
        self.shared = SharedLimit(lambda: self.limit.units, settings.queue_deadline, self.dear)
        self._released = 0.0

    def adjust(self, delay: float, seconds: float) -> bool:
        """Adjust the limit after an interval of so many seconds; return whether there still is work.

        `delay` is the least queueing delay in it, in seconds.
        """
        shared = self.shared
        self.limit.adjust(delay, shared.most_used, reached=shared.full)
        if shared.reached:
            shared.measure_rate(shared.released - self._released, seconds)
        self._released = shared.released
        shared.most_used, shared.reached, shared.full = shared.used, False, False
        self.dear.adjust()
        shared.admit_waiting()
        return shared.requests > 0
