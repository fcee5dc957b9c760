"""The concurrency limit, shared among callers and by each of them among its users: who may begin, whose turn is next.

Two rules, both of networks. What one may hold is a multiple of what is left free ("dynamic thresholds"), so that one
alone takes most of the limit, several take equal parts, and there is room for who comes next. What waits goes on in the
order of virtual time (start-time fair queueing), weighted by price. Sources: Choudhury and Hahne, "Dynamic Queue Length
Thresholds for Shared-Memory Packet Switches" (1998); Goyal, Vin and Cheng, "Start-time Fair Queueing" (1996).
"""

import asyncio
from collections.abc import Callable
from math import ceil, inf

from app.http.admission.dear import DEAR, DearLimit
from app.http.admission.flows import CallerFlow, Slot, UserFlow, Waiter

# What a caller holds is at most so many times what it leaves free, and what a user holds what it leaves its caller: one
# user alone then takes 76 % of the limit, one caller 80 %.
TIMES_FREE = 4.0
# What one request takes at most, as a share of the limit: the dearest leaves as much to others.
DEAREST = 0.5
# A caller with nothing under way begins an ordinary request at once, even where the limit has just been lowered below
# what is under way, as long as so few callers have requests here.
ORDINARY = 4.0
FEW_CALLERS = 16
# Seconds that a caller waits who has nothing under way: it is not its doing that there is no room.
HOLDS_NOTHING = 1.0
MAX_WAITING = 1_000  # requests
MAX_PATIENT = 100  # requests that wait, up to which another one waits longer than others: it may hold a body meanwhile
# Two dear requests of a caller that wait for each other are a queue. More would make all of them slow in an overload.
FEW_DEAR = 2
SOON = 0.01  # seconds that one more waits
PARTS = 16  # of a unit; a power of two


class NoRoom(Exception):
    """Signal that a request cannot begin: the limit is used up (`limit`), or its caller's share of it (`share`)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SharedLimit:
    """Admit requests up to what `limit` returns, in units of price; `deadline` is for how long one waits at most.

    `dear` is the limit on dear ones among them.
    """

    def __init__(self, limit: Callable[[], float], deadline: float, dear: DearLimit | None = None) -> None:
        self._limit, self._deadline = limit, deadline
        self._dear = dear or DearLimit(inf)
        self.used = self.most_used = self.used_dearly = 0.0
        self.requests = self.waiting = 0
        self.released = 0.0  # units, since the service started
        self.rate = 0.0  # units a second that were released lately
        self.reached = False  # whether a request found no room, since this was last set to False
        self.full = False  # whether one found none in the limit itself, dear or not
        self._virtual = self._units_waiting = 0.0
        self._callers: dict[str, CallerFlow] = {}
        self._queued: dict[str, CallerFlow] = {}

    def units_of(self, price: float) -> float:
        """Return the units that a request takes: in whole parts, so that sums of them come back to exactly nothing."""
        return ceil(min(price, self._limit() * DEAREST) * PARTS) / PARTS

    def arrive(self, caller: str, user: bytes, patience: float = 0.0) -> Slot:
        """Return a slot for a request, empty at first, whose `patience` is that of `Slot`; `depart` must follow."""
        flow = self._callers.get(caller)
        if flow is None:
            flow = self._callers[caller] = CallerFlow(caller, self._virtual)
        of_user = flow.users.get(user)
        if of_user is None:
            of_user = flow.users[user] = UserFlow(user, flow.now)
        self.requests += 1
        flow.requests += 1
        of_user.requests += 1
        return Slot(flow, of_user, patience)

    def depart(self, slot: Slot) -> None:
        """Give everything back at the end of a request."""
        caller, user = slot.caller, slot.user
        self.released += slot.units
        self.requests -= 1
        caller.requests -= 1
        user.requests -= 1
        self.give_back(slot, slot.units)
        if not user.requests:
            del caller.users[user.key]
        if not caller.requests:
            del self._callers[caller.key]

    def take(self, slot: Slot, units: float) -> bool:
        """Take units for a slot at once, if there is room and nobody waits for it; return whether."""
        units = self.units_of(units)
        if (self._queued and not self._overtakes(units)) or not self._fits(slot.caller, slot.user, units):
            return False
        self._grant(slot, units)
        return True

    def add(self, slot: Slot, units: float) -> None:
        """Take units for a request that has begun, and is not refused for them."""
        self._count_dear(slot, -1)
        slot.units += units
        slot.user.used += units
        slot.caller.used += units
        self.used += units
        self._count_dear(slot, 1)
        self.most_used = max(self.most_used, self.used)

    def give_back(self, slot: Slot, units: float) -> None:
        """Give units back, and admit those that waited for them."""
        self._count_dear(slot, -1)
        slot.units -= units
        slot.user.used -= units
        slot.caller.used -= units
        self.used -= units
        self._count_dear(slot, 1)
        if self._queued:
            self.admit_waiting()

    async def wait(self, slot: Slot, units: float) -> None:
        """Take units for a slot when it is its turn; raise `NoRoom` if that is not in time, or will not be."""
        caller, user = slot.caller, slot.user
        units = self.units_of(units)
        self.reached = True
        if self._is_too_dear(units):
            self._dear.reached = True
        elif not self._fits(caller, user, units):
            self.full = True
        deadline = self._deadline_of(slot, units)
        if self.waiting >= MAX_WAITING or self._expected(caller, user, units) > deadline:
            raise NoRoom(self._reason(units))
        loop = asyncio.get_running_loop()
        waiter = Waiter(slot, units, loop.create_future(), loop.time() + HOLDS_NOTHING)
        self._enqueue(waiter)
        self.admit_waiting()
        if waiter.granted.done():
            return
        timer = loop.call_later(deadline, self._expire, waiter)
        try:
            if not await waiter.granted:
                raise NoRoom(self._reason(units))
        finally:
            timer.cancel()
            self._dequeue(waiter)

    def measure_rate(self, released: float, seconds: float) -> None:
        """Note that so many units were released within some seconds in which requests waited."""
        latest = released / seconds
        self.rate = latest if not self.rate else 0.7 * self.rate + 0.3 * latest

    def _deadline_of(self, slot: Slot, units: float) -> float:
        """Return the seconds that a request waits at most."""
        least = 0.0 if slot.caller.used else HOLDS_NOTHING
        if self.waiting < MAX_PATIENT and slot.patience:
            return max(self._deadline, least, slot.patience)
        if units <= DEAR:
            return max(self._deadline, least)
        return max(least, self._deadline if slot.caller.waiting_dear < FEW_DEAR else min(SOON, self._deadline))

    def _expected(self, caller: CallerFlow, user: UserFlow, units: float) -> float:
        """Return the seconds until it would be the turn of such a request, 0 if nothing is known yet."""
        if not self.rate:
            return 0.0
        # By then everybody else who waits has had as much, as far as they wait for so much.
        of_users = min(caller.waiting, (user.waiting + units) * len(caller.queued))
        ahead = min(self._units_waiting, (of_users + units) * len(self._queued))
        room = self._limit() - self.used
        if self._is_too_dear(units):
            room = min(room, self._dear.units - self.used_dearly)
        return (ahead + units - max(0.0, room)) / self.rate

    def _reason(self, units: float) -> str:
        return "limit" if self.used + units > self._limit() else "share"

    def _overtakes(self, units: float) -> bool:
        """Return whether only dear requests wait, for others of them to end, and so for nothing that this one takes."""
        waiting = (user.queue[0] for caller in self._queued.values() for user in caller.queued.values())
        return units <= DEAR and all(self._is_too_dear(waiter.units) for waiter in waiting)

    def _count_dear(self, slot: Slot, sign: int) -> None:
        if slot.units > DEAR:
            self.used_dearly += sign * slot.units

    def _is_too_dear(self, units: float) -> bool:
        """Return whether there is no room for something so dear, for which there always is if nothing dear is here."""
        return units > DEAR and self.used_dearly > 0 and self.used_dearly + units > self._dear.units

    def _fits(self, caller: CallerFlow, user: UserFlow, units: float) -> bool:
        if self._is_too_dear(units):
            return False
        free = self._limit() - self.used - units
        left_to_caller = TIMES_FREE * free - caller.used - units
        if free >= 0 and left_to_caller >= 0 and user.used + units <= TIMES_FREE * left_to_caller:
            return True
        return not caller.used and units <= ORDINARY and len(self._callers) <= FEW_CALLERS

    def _grant(self, slot: Slot, units: float) -> None:
        caller, user = slot.caller, slot.user
        # The virtual time is that of the latest start; who was absent does not save up turns.
        self._virtual = max(self._virtual, caller.virtual)
        caller.virtual = self._virtual + units
        caller.now = max(caller.now, user.virtual)
        user.virtual = caller.now + units
        self.add(slot, units)

    def admit_waiting(self) -> None:
        """Admit what there is room for now."""
        while (waiter := self._next()) is not None:
            self._dequeue(waiter)
            if not waiter.granted.done():  # it is, if the client has disconnected in this very moment
                self._grant(waiter.slot, self.units_of(waiter.units))
                waiter.granted.set_result(True)

    def _next(self) -> Waiter | None:
        for caller in sorted(self._queued.values(), key=_virtual):
            for user in sorted(caller.queued.values(), key=_virtual):
                waiter = user.queue[0]
                units = self.units_of(waiter.units)
                if self._fits(caller, user, units):
                    return waiter
                if not caller.used and not self._is_too_dear(units) and _now() < waiter.kept_until:
                    return None  # it holds nothing, and needs much: what becomes free is kept for it
        return None

    def _enqueue(self, waiter: Waiter) -> None:
        caller, user = waiter.slot.caller, waiter.slot.user
        # Who did not wait before begins at the present: what it left unused is no credit.
        if caller.key not in self._queued:
            self._queued[caller.key] = caller
            caller.virtual = max(caller.virtual, self._virtual)
        if user.key not in caller.queued:
            caller.queued[user.key] = user
            user.virtual = max(user.virtual, caller.now)
        user.queue.append(waiter)
        self._count(waiter, 1)

    def _dequeue(self, waiter: Waiter) -> None:
        caller, user = waiter.slot.caller, waiter.slot.user
        if waiter not in user.queue:
            return
        user.queue.remove(waiter)
        if not user.queue:
            del caller.queued[user.key]
        if not caller.queued:
            del self._queued[caller.key]
        self._count(waiter, -1)

    def _expire(self, waiter: Waiter) -> None:
        if not waiter.granted.done():
            self._dequeue(waiter)
            waiter.granted.set_result(False)

    def _count(self, waiter: Waiter, sign: int) -> None:
        self.waiting += sign
        for one in (waiter.slot.caller, waiter.slot.user):
            one.waiting += sign * waiter.units
        self._units_waiting += sign * waiter.units
        waiter.slot.caller.waiting_dear += sign * (waiter.units > DEAR)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _virtual(flow: CallerFlow | UserFlow) -> float:
    return flow.virtual
