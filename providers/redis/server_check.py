"""What a server must be to keep memories: new enough, a primary, and one that neither evicts nor forgets."""

from collections.abc import Mapping

from msgspec import Struct

from providers.errors import ASK_AGAIN, Misconfigured, Unavailable

SECTIONS = ("server", "memory", "persistence", "replication")
OLDEST = (7, 2)  # WAITAOF is new in it; Valkey says 7.2.4 for the sake of clients
_KEEPS_ALL = "noeviction"


class Demands(Struct, frozen=True):
    """What is demanded of a server; with `may_lose` it may evict, and need not write to a disk.

    One that is only asked for the others of its cluster need not be a `primary`.
    """

    may_lose: bool
    primary: bool = True


def read_info(text: bytes) -> dict[str, str]:
    """Return what INFO tells, by its names."""
    lines = (line.partition(":") for line in text.decode(errors="replace").splitlines())
    return {name: value for name, colon, value in lines if colon}


def check_server(info: Mapping[str, str], demands: Demands) -> None:
    """Check what a server tells of itself.

    Raises:
        Misconfigured: it would lose memories, or is too old.
        Unavailable: it is a replica, as a former primary is after a failover.
    """
    version = info.get("redis_version", "")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST:
        raise Misconfigured(f"Redis {version} is too old: 7.2 or newer is needed, or Valkey")
    if not demands.primary:
        return
    if info.get("role") != "master":
        raise Unavailable("this Redis is a replica, which may lack what its primary has", retry_after=ASK_AGAIN)
    if demands.may_lose:
        return
    policy = info.get("maxmemory_policy", "")
    if policy != _KEEPS_ALL:
        raise Misconfigured(f"Redis evicts memories (maxmemory-policy {policy}): set noeviction, or may_lose = true")
    if info.get("aof_enabled") != "1":
        raise Misconfigured("Redis does not write every change to its disk: set appendonly yes, or may_lose = true")
