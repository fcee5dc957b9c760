"""The schemas of the usage of keys, users and tenants."""

from datetime import datetime
from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class UsageEntry(Struct, frozen=True, kw_only=True):
    """What a key, user or tenant has asked of the hosts, and what it holds and may hold.

    `refused` requests were refused before anything was done. `memories_written` were stored or changed. What is held is
    absent for keys, and for tenants before they are counted; a quota is absent where there is none. `tenant` is that of
    a user, absent for the default one.
    """

    name: str
    requests: int
    refused: int
    memories_written: int
    tenant: str | UnsetType = UNSET
    memories: int | UnsetType = UNSET
    bytes: int | UnsetType = UNSET
    memories_quota: int | UnsetType = UNSET
    bytes_quota: int | UnsetType = UNSET


class UsageResponse(Struct, frozen=True, kw_only=True):
    """One page of keys, users or tenants, ordered by name; `next_after` is null on the last page.

    Requests are those to all processes of so many `hosts`, counted `since` then, across restarts: of the host that
    answers, and of all that share limits with it, as they told them seconds ago. `others_unknown` is true where those
    cannot be asked, so that requests are those to one host; else it is absent. What users hold is that of `provider`;
    what tenants hold was counted at `counted_at`, and kept up with what this process wrote.
    """

    by: Literal["key", "user", "tenant"]
    entries: list[UsageEntry]
    count: int
    since: datetime
    hosts: int
    others_unknown: bool | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    counted_at: datetime | UnsetType = UNSET
    next_after: str | None
