"""The consequences of an operator's action, shown before it is done."""

from collections.abc import Sequence
from typing import Literal

from providers.chain.status import ChainStatus, ProviderStatus, Role

BreakerWish = Literal["open", "closed", "auto"]


def of_order(order: Sequence[str], status: ChainStatus) -> list[str]:
    """Say what putting an order in force changes."""
    if tuple(order) == status.order:
        return ["This is the order in force: nothing will change."]
    roles = {provider.name: provider.role for provider in status.providers}
    complete = [name for name in order if roles.get(name) in {Role.HOME, Role.STANDBY}]
    told = [*_of_home(order, complete, status.home)]
    told += [
        f"{name} joins the order: it gets every write from now on, and answers when it has been filled."
        for name in order
        if name not in roles
    ]
    told += [
        f"{name} leaves the order: it gets no writes and answers nothing any more. What it misses is kept for it for"
        " as long as the journal keeps it; after that it is filled anew when it comes back."
        for name in status.order
        if name not in order
    ]
    told.append(
        "It is in force in this process at once, and in the other processes of this host within a second; no request"
        " fails. It holds, also over restarts, until another order is configured or set."
    )
    return told


def _of_home(order: Sequence[str], complete: Sequence[str], home: str | None) -> list[str]:
    told = []
    if complete and complete[0] != home:
        told.append(f"{complete[0]} becomes home: it confirms writes, and reads ask it first.")
    elif complete:
        told.append(f"{complete[0]} is home, as before.")
    if complete and order[0] != complete[0]:
        told.append(f"{order[0]} has not received everything: it becomes home when it has.")
    if not complete:
        told.append("None of these has received everything, so this order may be refused.")
    return told


def of_breaker(provider: ProviderStatus, wish: BreakerWish, *, journalled: bool, workers: int) -> list[str]:
    """Say what forcing or releasing a breaker changes."""
    told = {"open": _of_open, "closed": _of_closed, "auto": _of_release}[wish](provider, journalled=journalled)
    if wish != "auto":
        told.append("It stays so until it is released, or this process ends.")
    if workers > 1:
        told.append(f"It is the breaker of this process alone; {workers - 1} others go on with theirs as they are.")
    return told


def _of_open(provider: ProviderStatus, *, journalled: bool) -> list[str]:
    name = provider.name
    told = [f"Nobody is let through to {name}: it is not asked, however well it is."]
    if not journalled:
        return [*told, "There is no other provider and no journal: reads and writes are refused with 503."]
    if provider.role is Role.HOME:
        told.append("Reads are answered by a standby, if there is one; writes are accepted (202) into the journal.")
    elif provider.role is Role.FILLING:
        told.append("Filling it stops meanwhile.")
    return [*told, f"What {name} misses is delivered to it after the release."]


def _of_closed(provider: ProviderStatus, *, journalled: bool) -> list[str]:  # noqa: ARG001 - as the others
    return [
        f"Everybody is let through to {provider.name}, whatever fails.",
        "While it is down, each request to it waits until its time is up.",
    ]


def _of_release(provider: ProviderStatus, *, journalled: bool) -> list[str]:  # noqa: ARG001 - as the others
    return [f"The breaker of {provider.name} begins anew, closed, and opens by itself when calls fail."]
