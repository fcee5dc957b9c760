"""The surroundings that a process gives to every provider that it opens."""

from pathlib import Path

from msgspec import Struct

from observability.metrics import Metrics
from providers.retention import Retention
from providers.states.clock import HybridClock


class Host(Struct, frozen=True, kw_only=True):
    """What the process passes to every provider that it opens: a name, a data folder, metrics and a clock.

    `serves` is false for a command beside the service, in which a provider starts no work of its own. With `tenants` a
    store that can keep tenants apart by itself is made to. `retention` says how long versions of memories are kept.
    """

    name: str
    data_dir: Path
    metrics: Metrics
    clock: HybridClock
    serves: bool = True
    tenants: bool = False
    retention: Retention = Retention()
