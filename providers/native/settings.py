"""The settings of the native provider, which open it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Self

from msgspec import structs

from providers.embedders.settings import EmbedderSettings, NoEmbedderSettings
from providers.examination.check import Check, FailureDomain, Subject
from providers.expectations import ProviderLimits
from providers.host import Host
from providers.kind import Advice, Usage
from providers.migrations import Migrations
from providers.native.dimensions import NARROWER, too_wide
from providers.native.options import NativeOptions
from providers.postgres.dsn import normalised_dsn
from providers.replica import Replica
from providers.setting_fault import SettingFault


class NativeSettings(NativeOptions, frozen=True, kw_only=True, tag_field="kind", tag="native"):
    """PostgreSQL with pgvector. Choose it for home, unless memories have to live elsewhere."""

    @property
    def limits(self) -> ProviderLimits:
        """See `ProviderKind`."""
        # More calls than connections are useful, because the writes of many callers share one statement.
        return ProviderLimits(concurrency=max(ProviderLimits().concurrency, self.pool_size))

    @property
    def store_address(self) -> str | None:
        """See `ProviderKind`."""
        return None if self.dsn is None else self.dsn.reveal()

    def normalised(self) -> Self:
        """See `ProviderKind`."""
        return self if self.dsn is None else structs.replace(self, dsn=normalised_dsn(self.dsn))

    def faults(self, usage: Usage) -> Iterator[SettingFault]:
        """Yield vectors that no database could store, and embedders that are not installed, before they are missed."""
        embedders: list[tuple[tuple[str | int, ...], EmbedderSettings]] = [(("embedder",), self.embedder)]
        embedders += [(("former_embedders", index), former) for index, former in enumerate(self.former_embedders)]
        for steps, embedder in embedders:
            reason = too_wide(embedder.wanted_dimensions or 0)
            if reason is not None:
                yield SettingFault((*steps, "dimensions"), f"{reason}: {NARROWER}")
            if usage.in_use and embedder.missing is not None:
                yield SettingFault((*steps, "kind"), embedder.missing)

    def advice(self, name: str) -> Advice:
        """See `ProviderKind`."""
        address = "`ninai db status`" if self.embedded else f"providers.{name}.dsn"
        return structs.replace(super().advice(name), address=address, access=f"{address} and `ninai db check {name}`")

    def failure_domain(self, host: Host) -> FailureDomain:
        """Ask for the identifier of the PostgreSQL cluster."""
        from providers.postgres.inspection import cluster_of

        return partial(cluster_of, self.dsn_of(host.name, host.data_dir), through_pooler=self.through_pooler)

    def migrations(self, host: Host) -> AbstractAsyncContextManager[Migrations]:
        """See `ProviderKind`."""
        from providers.native.opening import opened_schema

        dsn = self.owner_dsn_of(host.name, host.data_dir)
        return opened_schema(dsn, pool_size=self.pool_size, through_pooler=self.through_pooler)

    def opened_to_look(self, host: Host) -> AbstractAsyncContextManager[Replica]:
        """Make no schema, and no vectors for memories that lack one."""
        without = structs.replace(self, migrate=False, pool_size=1, embedder=NoEmbedderSettings(), former_embedders=[])
        return without.open(host)

    def checks(self, subject: Subject) -> Sequence[Check]:
        """See `ProviderKind`."""
        from providers.native.examination import checks_of

        return [*checks_of(self, subject), self.health_check(subject, needs=(f"{subject.at}.schema",))]

    def parts_to_try(self, subject: Subject) -> Sequence[Check]:
        """Ask the embedder by itself: the provider stores without vectors when it fails, and says nothing."""
        from providers.native.examination import embedder_to_try

        return embedder_to_try(self, subject) if self.embedder.makes_vectors else ()

    def open(self, host: Host) -> AbstractAsyncContextManager[Replica]:
        """Hold a provider; the database may be down meanwhile."""
        from providers.native.opening import open_provider

        return open_provider(self, host)
