"""The settings of a kind of provider that the product does not have: memories in memory, on one of several pads."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from providers.examination.check import Check, Subject
from providers.examination.outcome import CheckOutcome, ok
from providers.expectations import ProviderLimits
from providers.host import Host
from providers.kind import ProviderKind, Usage
from providers.memory.provider import MockMemoryProvider
from providers.replica import Replica
from providers.setting_fault import SettingFault


class ScratchSettings(
    ProviderKind, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="scratch"
):
    """Memories on a scratch pad with so many `sheets`."""

    pad: str = "yellow"
    sheets: int = 7

    @property
    def limits(self) -> ProviderLimits:
        """See `ProviderKind`."""
        return ProviderLimits(concurrency=self.sheets)

    @property
    def store_address(self) -> str:
        """See `ProviderKind`."""
        return self.pad

    def faults(self, usage: Usage) -> Iterator[SettingFault]:
        """Yield that there is nothing to write on."""
        if not self.sheets:
            yield SettingFault(("sheets",), f"{usage.name} has none left")

    def checks(self, subject: Subject) -> Sequence[Check]:
        """See `ProviderKind`."""

        async def pad() -> CheckOutcome:
            return ok(f"it is {self.pad}")

        name = f"{subject.at}.pad"
        return [Check(name, pad), self.health_check(subject, needs=(name,))]

    @asynccontextmanager
    async def open(self, host: Host) -> AsyncIterator[Replica]:
        """Start with empty sheets."""
        yield MockMemoryProvider(host.clock)
