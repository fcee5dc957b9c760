"""Admission around an application that does as it is told, and clients of it, in whatever loop runs."""

import asyncio
from collections.abc import Callable, Mapping

from msgspec import Struct
from prometheus_client import CollectorRegistry

from app.http.admission.admission import AdmissionControl
from app.http.admission.admitted import admission_of
from app.settings.model import AdmissionSettings
from observability.http import Message, Receive, Scope, Send
from observability.metrics import Metrics

TEMPLATES = ("/memory/recall", "/memory/memories", "/memory/memories/{memory_id}", "/memory/recall/batch")
KEYS = {"Bearer one": "one", "Bearer two": "two"}


class Reply(Struct):
    """Gather what a client receives."""

    status: int = 0
    headers: dict[bytes, bytes] = {}
    body: bytes = b""


class Door:
    """An application behind admission; a request takes until `end` is set, or as many `seconds`."""

    def __init__(self, settings: AdmissionSettings) -> None:
        self.metrics = Metrics(CollectorRegistry())
        self.entered = 0
        self.end = asyncio.Event()
        self.price: float | None = None
        self.reads_body = True
        self.raises: Exception | None = None
        self.seconds: float | None = None
        self.app = AdmissionControl(self._serve, settings, self.metrics, TEMPLATES, _recognize)

    def value(self, name: str, **labels: str) -> float:
        """Return a metric."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    @property
    def used(self) -> float:
        """Return the units that are under way."""
        return self.value("ninai_admission_used")

    async def ask(
        self,
        method: str = "GET",
        path: str = "/memory/memories",
        *,
        key: str = "one",
        user: str = "u",
        length: int | None = None,
        body: asyncio.Event | None = None,
        scope: Scope | None = None,
    ) -> Reply:
        """Send a request, whose body comes when `body` is set, and return the answer."""
        headers = [(b"authorization", f"Bearer {key}".encode()), (b"x-user-id", user.encode())]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        scope = {} if scope is None else scope
        scope.update(type="http", method=method, path=path, headers=headers, client=("10.0.0.1", 5))
        reply = Reply()

        async def receive() -> Message:
            if body is not None:
                await body.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply.status, reply.headers = message["status"], dict(message["headers"])
            else:
                reply.body += message["body"]

        await self.app(scope, receive, send)
        return reply

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered += 1
        if self.reads_body:
            await receive()
        if self.price is not None:
            await admission_of(scope).charge(self.price)
        await (self.end.wait() if self.seconds is None else asyncio.sleep(self.seconds))
        if self.raises is not None:
            raise self.raises
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def _recognize(headers: Mapping[str, str], _scope: Scope) -> str | None:
    return KEYS.get(headers.get("authorization", ""))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that comes with the next turns of the loop."""
    for _ in range(1_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not come")
