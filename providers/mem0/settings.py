"""How the mem0 provider is configured."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from msgspec import Meta

from observability.secret import Secret
from providers.expectations import SLOW, ProviderLimits
from providers.host import Host
from providers.kind import Advice, ProviderKind, Usage
from providers.mem0.reconciliation import Sleep
from providers.replica import Replica
from providers.setting_fault import SettingFault

# Scheme, host, port and path: credentials and queries have no place in it.
_BASE_URL = r"^https?://(\[[0-9A-Fa-f:.]+\]|[^/?#@\s:\[\]]+)(:[0-9]{1,5})?(/[^?#\s]*)?$"

CONCURRENCY = 8  # requests under way at a time
MAX_STALENESS = 60.0  # seconds; far below what is retained for late writes
Seconds = Annotated[float, Meta(ge=0.001, le=600)]


class Mem0Settings(ProviderKind, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="mem0"):
    """Memories in a mem0 service over HTTP. Choose it where memories are in mem0 already, or as a standby elsewhere."""

    base_url: Annotated[str, Meta(pattern=_BASE_URL)] = "http://localhost:8001"
    """Where mem0 answers. Change it to the address of your mem0."""
    api_key: Secret | None = None
    """mem0's key. Set it where mem0 asks for one."""
    hmac_secret: Secret | None = None
    """The secret that signs each request for its user, in the dialect `spec`. Set it where that service checks
    signatures.
    """
    dialect: Literal["auto", "spec", "oss", "platform"] = "auto"
    """The API that mem0 speaks: `oss` is its own server, `platform` its managed service, `spec` the API of SPEC-020;
    `auto` finds out. Set it to save the search at start, or where it finds the wrong one.
    """
    timeout: Seconds = 15.0
    """The seconds for work that no request waits for; a request has the limits of its try. Raise it for a mem0 that
    answers health checks slowly.
    """
    connect_timeout: Seconds = 2.0
    """The seconds for a connection. Raise it for a distant mem0."""
    concurrency: Annotated[int, Meta(ge=1, le=256)] = CONCURRENCY
    """The simultaneous requests of one process. Raise it where requests wait and mem0 has capacity."""
    staleness_seconds: Annotated[float, Meta(ge=0, le=MAX_STALENESS)] | None = None
    """The seconds for which reads may not show what mem0 has confirmed; by default the dialect decides. Raise it where
    answers are marked with `contradiction` though nothing is lost.
    """
    infer: bool = False
    """Whether mem0's language model takes texts apart. Enable it for mem0 alone, without a journal."""

    @property
    def limits(self) -> ProviderLimits:
        """See `ProviderKind`; mem0 embeds over the network, and with a language model takes seconds."""
        return ProviderLimits(concurrency=self.concurrency, expected_latency=SLOW)

    @property
    def infers(self) -> bool:
        """See `ProviderKind`."""
        return self.infer

    def faults(self, usage: Usage) -> Iterator[SettingFault]:
        """Yield why nothing may be inferred: what is inferred has other ids, and is never the same twice."""
        if not self.infer or not usage.in_use:
            return
        if not usage.alone or usage.journalled:
            reason = "what mem0 infers cannot be kept alike by several providers or replayed: set order = "
            rest = "" if usage.begun is None else f"; {usage.begun} has been begun"
            yield SettingFault(("infer",), f'{reason}"{usage.name}" alone, and no journal{rest}')
        if self.dialect == "spec":
            yield SettingFault(("infer",), 'the dialect "spec" has no inference')

    def advice(self, name: str) -> Advice:
        """See `ProviderKind`."""
        address = f"providers.{name}.base_url"
        access = f"{address}, .dialect, .api_key and .hmac_secret"
        inferred = f"providers.{name}.infer: the language model there may have kept nothing of the text"
        keeping = inferred if self.infer else super().advice(name).keeping
        health = f"look at {access}, and whether mem0 runs"
        return Advice(address=address, access=access, keeping=keeping, health=health)

    @asynccontextmanager
    async def open(self, host: Host, sleep: Sleep = asyncio.sleep) -> AsyncIterator[Replica]:
        """Hold the connections for as long as the context lasts; mem0 need not be up yet.

        `sleep` passes the time until ambiguous writes are reconciled.
        """
        from providers.mem0.client import open_client
        from providers.mem0.opening import dialect_of, open_mem0
        from providers.mem0.provider import Mem0Traits

        traits = Mem0Traits(
            endpoint=self.base_url,
            at_once=max(1, self.concurrency // 2),
            infers=self.infer,
            staleness=self.staleness_seconds,
        )
        async with open_client(
            self.base_url,
            request_timeout=self.timeout,
            connect_timeout=self.connect_timeout,
            concurrency=self.concurrency,
        ) as client:
            dialect = dialect_of(self.dialect, client, host.name, self.api_key, self.hmac_secret)
            async with open_mem0(dialect, host, traits, sleep) as provider:
                yield provider
