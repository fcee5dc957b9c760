"""The settings of the OpenSearch provider, which open it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

from msgspec import structs

from providers.embedders.settings import NoEmbedderSettings
from providers.examination.check import Check, Subject
from providers.expectations import ProviderLimits
from providers.host import Host
from providers.kind import Advice, Usage
from providers.opensearch.extra import installed
from providers.opensearch.options import OpenSearchOptions
from providers.replica import Replica
from providers.setting_fault import SettingFault

_SHAPE = "http://HOST:PORT or https://USER:PASSWORD@HOST:PORT/PATH"


class OpenSearchSettings(OpenSearchOptions, frozen=True, kw_only=True, tag_field="kind", tag="opensearch"):
    """OpenSearch 2 or newer, or Elasticsearch 8 or newer. Choose it where you run one of them and no PostgreSQL."""

    @property
    def limits(self) -> ProviderLimits:
        """See `ProviderKind`."""
        return ProviderLimits(concurrency=max(ProviderLimits().concurrency, self.connections))

    @property
    def store_address(self) -> str:
        """See `ProviderKind`."""
        return f"{self.url.reveal()} {self.index}"

    def faults(self, usage: Usage) -> Iterator[SettingFault]:
        """Yield what is wrong with the URL, which may hold a password and is not quoted, and what does not fit."""
        if not installed():
            extras = "pip install 'ninaivalaigal[opensearch]', or 'ninaivalaigal[elasticsearch]'"
            yield SettingFault(("kind",), f"neither OpenSearch nor Elasticsearch can be spoken to: {extras}")
        try:
            parts = urlsplit(self.url.reveal())
            port = parts.port
        except ValueError:
            yield SettingFault(("url",), f"expected {_SHAPE}, and a port up to 65535")
            return
        if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or parts.query or parts.fragment:
            yield SettingFault(("url",), f"expected {_SHAPE}")
        if parts.username and self.api_key is not None:
            yield SettingFault(("api_key",), "there is a user in url already: set one of the two")
        if usage.in_use and self.embedder.missing is not None:
            yield SettingFault(("embedder", "kind"), self.embedder.missing)
        if self.staleness_seconds and usage.in_use and usage.alone and not usage.journalled:
            reason = "only a journal can show meanwhile what was written: set journal.kind, or leave this at 0"
            yield SettingFault(("staleness_seconds",), reason)

    def advice(self, name: str) -> Advice:
        """See `ProviderKind`."""
        place = f"providers.{name}"
        access = f"{place}.url, .api_key and .ca_file"
        keeping = "the health of the index, and whether others write to it or delete it"
        return structs.replace(super().advice(name), address=f"{place}.url", access=access, keeping=keeping)

    def checks(self, subject: Subject) -> Sequence[Check]:
        """See `ProviderKind`."""
        from providers.embedders.examination import embedder_check

        embedding = [embedder_check(self, subject)] if self.embedder.makes_vectors else []
        return [*embedding, *super().checks(subject)]

    def parts_to_try(self, subject: Subject) -> Sequence[Check]:
        """See `ProviderKind`."""
        from providers.embedders.examination import embedder_to_try

        return [embedder_to_try(self, subject)] if self.embedder.makes_vectors else ()

    def opened_to_look(self, host: Host) -> AbstractAsyncContextManager[Replica]:
        """Make no field for vectors, and no vectors."""
        return structs.replace(self, embedder=NoEmbedderSettings()).open(host)

    def open(self, host: Host) -> AbstractAsyncContextManager[Replica]:
        """Hold a provider; the server may be down meanwhile."""
        from providers.opensearch.opening import open_opensearch

        return open_opensearch(self, host)
