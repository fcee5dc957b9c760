"""Touches through a chain: every provider gets them, each as far as it answers now.

They are best effort, and no operations of the journal: what a provider has missed it gets as soon as it answers again
(see `missed_touches.py`), and of what is lost meanwhile the sweep learns from the others, before it erases anything
(see `providers/chain/expiring/touched.py`).
"""

import asyncio
from collections.abc import Sequence

from providers.chain.deadline import CallOptions, Clock, Deadline
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.chain.route import Route
from providers.errors import ProviderError, Unavailable
from providers.touches import Touch, check_touches


async def touch_all(route: Route, touches: Sequence[Touch], now: Clock) -> list[str]:
    """Note touches at all providers of a route at once, and return the names of those that did not answer.

    Raises:
        Unavailable: no provider has noted them.
    """
    touches = check_touches(touches)
    outcomes = await asyncio.gather(*(_touched(link, touches, now) for link in route.links))
    if outcomes and None not in outcomes:
        raise next(error for error in outcomes if error is not None)
    outcome_of = zip(route.links, outcomes, strict=True)
    return [link.name for link, outcome in outcome_of if isinstance(outcome, Unavailable)]


async def touch_one(link: Link, touches: Sequence[Touch], now: Clock) -> None:
    """Note touches at one provider, in the time that a delivery has.

    Raises:
        Unavailable: the provider does not answer.
    """
    deadline = Deadline.after(link.attempts.seconds(OperationClass.REPLAY, len(touches)), now)
    owners = {touch.owner for touch in touches}
    await link.call(
        lambda provider: provider.touch(touches),
        OperationClass.REPLAY,
        CallOptions(deadline),
        size=len(touches),
        owner=owners.pop() if len(owners) == 1 else None,
    )


async def _touched(link: Link, touches: Sequence[Touch], now: Clock) -> ProviderError | None:
    try:
        await touch_one(link, touches, now)
    except ProviderError as error:
        return error.with_traceback(None)  # a value now
    return None
