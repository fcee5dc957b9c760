"""The health of an index, by what its server tells of it; nothing is made or changed for it."""

from datetime import UTC, datetime
from http import HTTPStatus
from time import perf_counter

from providers.errors import Misconfigured, ProviderError
from providers.health import Health
from providers.opensearch.calling import Call
from providers.opensearch.preparing import examined
from providers.opensearch.server import Server

_NO_INDEX = "none yet"


class OpenSearchHealth(Health, frozen=True, kw_only=True, omit_defaults=True):
    """Extend the health of the specification; `server` is its name and version.

    `index_status` is green, yellow where a copy is missing, red where memories are; None if the user may not know.
    """

    server: str | None = None
    index_status: str | None = None

    @property
    def details(self) -> list[str]:
        """See `Health`."""
        return [*super().details, f"{self.server}, index: {self.index_status or 'unknown'}"]

    @property
    def begun(self) -> bool:
        """See `Health`."""
        return self.index_status != _NO_INDEX


async def health_of(server: Server, alias: str, provider: str) -> OpenSearchHealth:
    """Examine the server and the index; an error is part of the health."""
    started = perf_counter()
    try:
        greeting = await server.greeting()
        status = await _status_of(server, alias)
    except ProviderError as error:
        return OpenSearchHealth(healthy=False, provider=provider, error=str(error))
    red = status == "red"
    return OpenSearchHealth(
        healthy=not red,
        provider=provider,
        error="a shard of the index is missing (red)" if red else None,
        response_time_ms=None if red else round((perf_counter() - started) * 1000, 3),
        server=str(greeting),
        index_status=status,
    )


async def moment_of(server: Server) -> datetime | None:
    """Return the second that the server's clock shows, None if the user is not allowed to ask for it."""
    try:
        answer = await server.send(Call(method="GET", path="/_cat/health", params={"format": "json", "h": "epoch"}))
    except Misconfigured:
        return None
    return datetime.fromtimestamp(int(answer.body[0]["epoch"]), UTC)


async def _status_of(server: Server, alias: str) -> str | None:
    """Return the status of the index, None if the user is not allowed to ask for it."""
    index = await server.send(Call(method="GET", path=f"/{alias}", may_lack=True))
    if index.status == HTTPStatus.NOT_FOUND:
        return _NO_INDEX
    examined(index.body, alias)
    try:
        answer = await server.send(Call(method="GET", path=f"/_cluster/health/{alias}"))
    except Misconfigured:
        return None
    status = answer.body.get("status")
    return status if isinstance(status, str) else None
