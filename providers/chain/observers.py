"""Several observers behind one."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from providers.chain.observer import ChainObserver

Given = ParamSpec("Given")


def _passed_on(
    method: Callable[Concatenate[ChainObserver, Given], None],
) -> Callable[Concatenate["Observers", Given], None]:
    """Return the method that calls this one of each observer."""

    @wraps(method)
    def pass_on(self: "Observers", /, *given: Given.args, **named: Given.kwargs) -> None:
        for observer in self.observers:
            getattr(observer, method.__name__)(*given, **named)

    return pass_on


class Observers(ChainObserver):
    """Pass every call on to each observer, in the order given."""

    def __init__(self, *observers: ChainObserver) -> None:
        self.observers = observers

    tried = _passed_on(ChainObserver.tried)
    gave_up = _passed_on(ChainObserver.gave_up)
    fell_back = _passed_on(ChainObserver.fell_back)
    hedged = _passed_on(ChainObserver.hedged)
    asked_journal = _passed_on(ChainObserver.asked_journal)
    delivered = _passed_on(ChainObserver.delivered)
    confirmed = _passed_on(ChainObserver.confirmed)
    ended_late = _passed_on(ChainObserver.ended_late)
    slowed = _passed_on(ChainObserver.slowed)
    routed = _passed_on(ChainObserver.routed)
    not_reached = _passed_on(ChainObserver.not_reached)
    reached = _passed_on(ChainObserver.reached)
    breaker_changed = _passed_on(ChainObserver.breaker_changed)
    read_by = _passed_on(ChainObserver.read_by)
    contradicted = _passed_on(ChainObserver.contradicted)
    met_store = _passed_on(ChainObserver.met_store)
    filling_postponed = _passed_on(ChainObserver.filling_postponed)
    expired = _passed_on(ChainObserver.expired)
    erasing = _passed_on(ChainObserver.erasing)
    purged = _passed_on(ChainObserver.purged)
    retained = _passed_on(ChainObserver.retained)
    healed = _passed_on(ChainObserver.healed)
