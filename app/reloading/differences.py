"""The difference between two configurations: what a running service takes over, and what needs a restart."""

from collections.abc import Iterator, Mapping

from msgspec import Struct, structs

from app.settings import Settings

# What each request reads anew, so that the chain need not be switched for it.
OF_REQUESTS = ("recall_limit", "limits", "quotas", "retention", "expiry", "auth.keys")
_PLAIN = ("order", "recall_limit", "limits", "quotas", "retention", "expiry")
_LIVE = (*_PLAIN, "providers")


def taken_over(running: Settings, read: Settings) -> Settings:
    """Return the settings of a running service, with what it can take over of those that were read."""
    live = {name: getattr(read, name) for name in _LIVE}
    chain = structs.replace(running.chain, attempts=read.chain.attempts)
    return structs.replace(running, **live, chain=chain, auth=structs.replace(running.auth, keys=read.auth.keys))


def live_changes(before: Settings, after: Settings) -> list[str]:
    """Name the changes that are taken over at once: `order`, `providers.mem0`, `chain.attempts.mem0`."""
    return [
        *(name for name in _PLAIN if getattr(before, name) != getattr(after, name)),
        *(["auth.keys"] if before.auth.keys != after.auth.keys else []),
        *_of_tables("providers", before.providers, after.providers),
        *_of_tables("chain.attempts", before.chain.attempts, after.chain.attempts),
    ]


def restart_changes(running: Settings, read: Settings) -> list[str]:
    """Name the changes that only a restart takes over: `server.port`, `auth.mode`."""
    return list(_of_structs("", running, taken_over(read, running)))


def _of_structs(path: str, before: Struct, after: Struct) -> Iterator[str]:
    for field in structs.fields(type(before)):
        one, other = getattr(before, field.name), getattr(after, field.name)
        if one == other:
            continue
        if isinstance(one, Struct) and type(one) is type(other):
            yield from _of_structs(f"{path}{field.name}.", one, other)
        else:
            yield f"{path}{field.name}"


def _of_tables(path: str, before: Mapping[str, Struct], after: Mapping[str, Struct]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield f"{path}.{name}"
