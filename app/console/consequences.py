"""The consequences of an operator's action, described before it is done."""

from collections.abc import Sequence
from typing import Literal

from providers.chain.status import ChainStatus, ProviderStatus, Role

BreakerWish = Literal["open", "closed", "auto"]


def of_order(order: Sequence[str], status: ChainStatus) -> list[str]:
    """Describe what putting an order in force changes."""
    if tuple(order) == status.order:
        return ["This is the order in force: nothing will change."]
    roles = {provider.name: provider.role for provider in status.providers}
    complete = [name for name in order if roles.get(name) in {Role.HOME, Role.STANDBY}]
    sentences = [*_of_home(order, complete, status.home)]
    sentences += [
        f"{name} joins the order: it gets every write from now on, and answers when it has been filled."
        for name in order
        if name not in roles
    ]
    sentences += [
        f"{name} leaves the order: it gets no writes and answers nothing any more. What it misses is kept for it for"
        " as long as the journal keeps it; after that it is filled anew when it comes back."
        for name in status.order
        if name not in order
    ]
    sentences.append(
        "It is in force in this process at once, and in the other processes of this host within a second; no request"
        " fails. It holds, also over restarts, until another order is configured or set."
    )
    return sentences


def _of_home(order: Sequence[str], complete: Sequence[str], home: str | None) -> list[str]:
    sentences = []
    if complete and complete[0] != home:
        sentences.append(f"{complete[0]} becomes home: it confirms writes, and reads ask it first.")
    elif complete:
        sentences.append(f"{complete[0]} is home, as before.")
    if complete and order[0] != complete[0]:
        sentences.append(f"{order[0]} has not received everything: it becomes home when it has.")
    if not complete:
        sentences.append("None of these has received everything, so this order may be refused.")
    return sentences


def of_breaker(provider: ProviderStatus, wish: BreakerWish, *, journalled: bool, workers: int) -> list[str]:
    """Describe what forcing or releasing a breaker changes."""
    sentences = {"open": _of_open, "closed": _of_closed, "auto": _of_release}[wish](provider, journalled=journalled)
    if wish != "auto":
        sentences.append("It stays so until it is released, or this process ends.")
    if workers > 1:
        sentences.append(f"It is the breaker of this process alone; the {workers - 1} others keep theirs.")
    return sentences


def _of_open(provider: ProviderStatus, *, journalled: bool) -> list[str]:
    name = provider.name
    sentences = [f"No call reaches {name}: it is not asked, however healthy it is."]
    if not journalled:
        return [*sentences, "There is no other provider and no journal: reads and writes are refused with 503."]
    if provider.role is Role.HOME:
        sentences.append(
            "Reads are answered by a standby, if there is one; writes are accepted (202) into the journal."
        )
    elif provider.role is Role.FILLING:
        sentences.append("Filling it stops meanwhile.")
    return [*sentences, f"What {name} misses is delivered to it after the release."]


def _of_closed(provider: ProviderStatus, *, journalled: bool) -> list[str]:  # noqa: ARG001 - the signature they share
    return [
        f"All calls reach {provider.name}, whatever fails.",
        "While it is down, each request to it waits until its time is up.",
    ]


def _of_release(provider: ProviderStatus, *, journalled: bool) -> list[str]:  # noqa: ARG001 - the signature they share
    return [f"The breaker of {provider.name} begins anew, closed, and opens by itself when calls fail."]
