"""The door of the service: it lets in as much work as can be done, and refuses the rest before it costs anything."""

import asyncio
from collections.abc import Iterable
from time import perf_counter

from app.auth.admission import ADMIN_PORT
from app.http.admission.admitted import Admitted, note_admission
from app.http.admission.control import Control
from app.http.admission.dear import DEAR
from app.http.admission.flows import Slot
from app.http.admission.heads import Recognize, read_head
from app.http.admission.lanes import Routes
from app.http.admission.limit import INTERVAL
from app.http.admission.operators import Operators
from app.http.admission.parking import may_be_parked, parked_while_it_comes
from app.http.admission.prices_at_door import patience_at_door, price_at_door
from app.http.admission.queueing import QueueingDelay
from app.http.admission.refusals import ReturnTimes, refusal, refuse
from app.http.admission.sharing import NoRoom
from app.http.admission.shedding import Shedding
from app.http.problems import RequestError
from app.settings.model import AdmissionSettings
from observability.http import AsgiApp, Receive, Scope, Send
from observability.metrics import Metrics
from observability.notes import current


class AdmissionControl:
    """Admit requests up to a limit that finds itself, fairly among callers; refuse the others with 503.

    `templates` are the routes of callers; `recognize` names a caller by what it shows, and is no authentication.
    """

    def __init__(
        self,
        app: AsgiApp,
        settings: AdmissionSettings,
        metrics: Metrics,
        templates: Iterable[str],
        recognize: Recognize,
    ) -> None:
        self._app, self._metrics, self._recognize = app, metrics, recognize
        self._on, self._routes = settings.enabled, Routes(templates)
        self._control = Control(settings)
        self._shared = self._control.shared
        self._delay = QueueingDelay(metrics.least_wait_for_a_connection, self._adjust, INTERVAL)
        self._times, self._shedding = ReturnTimes(), Shedding(metrics)
        self._operators = Operators()
        control = self._control
        metrics.watch_admission(
            lambda: control.limit.units,
            lambda: control.dear.units,
            lambda: control.shared.used,
            lambda: control.shared.waiting,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on, or refuse its request."""
        if scope["type"] != "http" or not self._on:
            await self._app(scope, receive, send)
            return
        route = self._routes.of(scope["path"])
        if route.lane == "operators" or scope["method"] == "OPTIONS" or ADMIN_PORT in scope:
            await self._operate(scope, receive, send)
            return
        head = read_head(scope, self._recognize)
        units = self._shared.units_of(price_at_door(scope["method"], scope["path"], head.length))
        slot = self._shared.arrive(head.caller, head.user, patience_at_door(scope["method"], scope["path"]))
        self._delay.begin()
        try:
            if not self._shared.take(slot, units):
                try:
                    await self._waited(slot, units)
                except NoRoom as error:
                    scope["path_template"] = route.template
                    seconds = self._shed(slot, units, error.reason)
                    await refuse(send, seconds, body=scope["method"] != "HEAD")
                    return
            admitted = Admitted(self._shared, slot, self._refused)
            note_admission(scope, admitted)
            if (notes := current.get()) is not None:
                notes.parked = admitted.parked
                if slot.units > DEAR:
                    notes.parallelism = self._control.dear.parallelism
            began = perf_counter()
            coming = parked_while_it_comes(receive, admitted) if may_be_parked(head.length) else receive
            await self._app(scope, coming, send)
            if not admitted.waited:
                self._control.dear.sample((scope["method"], route.template), slot.units, perf_counter() - began)
        finally:
            self._shared.depart(slot)

    async def _waited(self, slot: Slot, units: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._shared.wait(slot, units)
        finally:
            self._metrics.admission_wait.observe(loop.time() - began)

    async def _operate(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._operators.full:
            now = asyncio.get_running_loop().time()
            self._shedding.count("operators", "limit", read_head(scope, self._recognize).caller, now)
            await refuse(send, 1, body=scope["method"] != "HEAD")
            return
        with self._operators.one_more() as place:
            note_admission(scope, place)
            await self._app(scope, receive, send)

    def _refused(self, slot: Slot, units: float, reason: str) -> RequestError:
        return refusal(self._shed(slot, units, reason))

    def _shed(self, slot: Slot, units: float, reason: str) -> int:
        now = asyncio.get_running_loop().time()
        self._shedding.count("callers", reason, slot.caller.key, now)
        return self._times.after(units, self._shared.rate, now)

    def _adjust(self, delay: float, seconds: float) -> bool:
        """Adjust the limit after an interval; return whether there still is work."""
        self._metrics.admission_delay.set(delay)
        self._shedding.tell(asyncio.get_running_loop().time())
        return self._control.adjust(delay, seconds)
