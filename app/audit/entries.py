"""The entries of the audit, as they stand in its files, one JSON object a line."""

from typing import Literal

from msgspec import Struct

from observability.notes import Deed
from providers.owners import DEFAULT_TENANT

# Of one entry; a request that concerned more leaves several, so that every line stays short.
MAX_MEMORIES = 200


class AuditedOwner(Struct, frozen=True, omit_defaults=True):
    """Name whose memories were asked for; `tenant` is omitted for the default one."""

    user: str
    tenant: str = DEFAULT_TENANT


class ChainEnd(Struct, frozen=True):
    """Name the last entry of a chain: its number and its hash; `file` is the one in which it stands."""

    chain: str
    seq: int
    hash: str
    file: str


class AuditEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Hold one entry: a request, or what the audit says of itself.

    `seq` counts the entries of a chain from 1. A `request` has the id of the request, the `caller` (the name of a key,
    the id of a token, `anonymous`), the address of the `client`, and what was answered. `owners` are those whose
    memories it asked for, also where that was refused; `deeds` are the operations on them, and `memories` the ids of
    what they have shown or changed. `refused` is why its caller was. `times` is more than 1 where requests that were
    refused for the same reason came together: they share one entry, with the id of the first.

    A `begin` is the first entry of a file, with the heads of all chains at that moment; `heads` has those that have
    moved since, `lost` how many requests could not be written, and `removed` the last entry of a file that had to go.
    """

    seq: int
    at: str
    kind: Literal["request", "begin", "heads", "lost", "removed", "end"] = "request"
    chain: str | None = None
    request: str | None = None
    caller: str | None = None
    client: str | None = None
    method: str | None = None
    route: str | None = None
    status: int | None = None
    owners: list[AuditedOwner] = []
    deeds: list[Deed] = []
    memories: list[str] = []
    refused: str | None = None
    times: int = 1
    heads: list[ChainEnd] = []
    lost: int = 0
