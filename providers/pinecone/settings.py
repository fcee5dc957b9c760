"""The settings of the Pinecone provider, which open it."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

from msgspec import structs

from providers.expectations import SLOW, ProviderLimits
from providers.host import Host
from providers.kind import Advice, Usage
from providers.pinecone.options import PineconeOptions
from providers.replica import Replica
from providers.setting_fault import SettingFault

_WITHOUT_JOURNAL = (
    "Pinecone shows writes late and compares nothing before it writes: only a journal keeps what was acknowledged, "
    'shows it meanwhile and orders changes; set journal.kind to "sqlite", or to "postgres" for several hosts'
)


class PineconeSettings(PineconeOptions, frozen=True, kw_only=True, tag_field="kind", tag="pinecone"):
    """A serverless index of Pinecone. Choose it as one more standby in another cloud; it needs a journal."""

    @property
    def limits(self) -> ProviderLimits:
        """See `ProviderKind`; every call goes over the internet."""
        return ProviderLimits(concurrency=self.concurrency, expected_latency=SLOW)

    @property
    def store_address(self) -> str:
        """See `ProviderKind`."""
        return f"{self.host.rstrip('/')} {self.prefix}"

    def faults(self, usage: Usage) -> Iterator[SettingFault]:
        """Yield why it cannot be without a journal."""
        if usage.in_use and not usage.journalled:
            yield SettingFault(("kind",), _WITHOUT_JOURNAL)

    def advice(self, name: str) -> Advice:
        """See `ProviderKind`."""
        place = f"providers.{name}"
        access = f"{place}.host and .api_key"
        keeping = f"whether others write to the namespaces of {place}.prefix, or delete them"
        return structs.replace(
            super().advice(name),
            address=f"{place}.host",
            access=access,
            keeping=keeping,
            health=f"look at {access}; `ninai providers test {name}` tries every operation",
        )

    def open(self, host: Host) -> AbstractAsyncContextManager[Replica]:
        """Hold a provider; the index may be out of reach meanwhile."""
        from providers.pinecone.opening import open_pinecone

        return open_pinecone(self, host)
