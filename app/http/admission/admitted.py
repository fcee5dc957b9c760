"""What a request holds after it was admitted: it can be charged its exact price, and waits without holding anything."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from app.http.admission.flows import Slot
from app.http.admission.sharing import NoRoom, SharedLimit
from app.http.problems import RequestError
from observability.http import Scope

_KEY = "ninai.admission"
# Up to this multiple of what was charged before, nobody waits again: the guess was good enough.
NEAR = 1.5


class Charged(Protocol):
    """Describe what a handler does with its admission."""

    async def charge(self, price: float) -> None:
        """Charge the exact price, as soon as it is known; wait again if it is much more than what was charged before.

        Raises:
            RequestError: there is no room for so much now. Nothing may have been done yet.
        """

    def parked(self) -> Any:  # noqa: ANN401 - a context manager, which is generic in more than one way
        """Return a context in which nothing is held: for long polls, and for all waiting that is no work."""


class Admitted:
    """Hold the slot of one request until it ends; `refused` makes the error of a refusal."""

    __slots__ = ("_parked", "_refused", "_shared", "_slot", "waited")

    def __init__(self, shared: SharedLimit, slot: Slot, refused: Callable[[Slot, float, str], RequestError]) -> None:
        self._shared, self._slot, self._refused = shared, slot, refused
        self._parked = 0.0  # units
        self.waited = False  # for anything but the work itself, so that its time says nothing

    async def charge(self, price: float) -> None:
        """See `Charged`."""
        slot, held = self._slot, self._slot.units
        units = self._shared.units_of(price)
        if units <= held:
            self._shared.give_back(slot, held - units)
            return
        if units <= NEAR * held:
            self._shared.add(slot, units - held)
            return
        if self._shared.take(slot, units - held):
            return
        # Nothing is held meanwhile: requests that wait for each other's units would all wait in vain.
        self._shared.give_back(slot, held)
        self.waited = True
        try:
            await self._shared.wait(slot, units)
        except NoRoom as error:
            raise self._refused(slot, units, "price") from error

    @contextmanager
    def parked(self) -> Iterator[None]:
        """See `Charged`."""
        self.park()
        try:
            yield
        finally:
            self.resume()

    def park(self) -> None:
        """Give back what is held, for a while."""
        self.waited = True
        self._parked += self._slot.units
        self._shared.give_back(self._slot, self._slot.units)

    def resume(self) -> None:
        """Take it again, at once: what has begun is not refused."""
        if self._parked:
            self._shared.add(self._slot, self._parked)
            self._parked = 0.0


class Unlimited:
    """Admit everything, where there is no admission."""

    async def charge(self, price: float) -> None:
        """See `Charged`."""

    @contextmanager
    def parked(self) -> Iterator[None]:
        """See `Charged`."""
        yield


_UNLIMITED = Unlimited()


def admission_of(scope: Mapping[str, Any]) -> Charged:
    """Return the admission of the request with this scope."""
    found: Charged = scope.get(_KEY, _UNLIMITED)
    return found


def note_admission(scope: Scope, admitted: Charged) -> None:
    """Note the admission of a request in its scope."""
    scope[_KEY] = admitted
