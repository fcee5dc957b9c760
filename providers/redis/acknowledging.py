"""When a write counts as stored: once it is on the disks, or in the replicas, that were asked for."""

from typing import Literal

from msgspec import Struct

from providers.errors import Unavailable
from providers.timing.time_limit import seconds_left

Acknowledge = Literal["fsync", "memory"]
Command = tuple[str | int | bytes, ...]


class Acknowledging(Struct, frozen=True, kw_only=True):
    """What a server is to confirm before a write counts.

    With `fsync` it is on the disk of the primary, and of so many `replicas`; otherwise in the memory of these. A caller
    outside of a request waits for `timeout` seconds.
    """

    fsync: bool
    replicas: int
    timeout: float

    @property
    def commands(self) -> tuple[Command, ...]:
        """What is to follow a write on the same connection; nothing if the server's word is enough."""
        milliseconds = max(1, int(seconds_left(self.timeout) * 1000))
        if self.fsync:
            return (("WAITAOF", 1, self.replicas, milliseconds),)
        return (("WAIT", self.replicas, milliseconds),) if self.replicas else ()

    def check(self, confirmed: list[int] | int | None) -> None:
        """Check what the server has confirmed.

        Raises:
            Unavailable: less than was asked for, so that nobody knows whether the write will last.
        """
        local, replicas = confirmed if isinstance(confirmed, list) else (1, confirmed or 0)
        if local < 1:
            raise Unavailable("Redis has not confirmed that the write is on its disk", ambiguous=True)
        if replicas < self.replicas:
            raise Unavailable(f"{replicas} replicas have confirmed the write, {self.replicas} must", ambiguous=True)
