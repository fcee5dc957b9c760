"""The body that a caller has signed: compared while it is read, before a handler sees the end of it."""

from collections.abc import MutableMapping
from hashlib import sha256
from typing import Any

from app.auth.refusals import CallerRefused, counted
from observability.http import AsgiApp, Message, Receive, Scope, Send
from observability.metrics import Metrics

_KEY = "ninai.signed_body"


def expect_body(scope: MutableMapping[str, Any], digest: str) -> None:
    """Note the SHA-256, in hex digits, that the body of this request is to have."""
    scope[_KEY] = digest


class SignedBody:
    """Refuse a body that is not the signed one; it is that of the content, after its coding was undone."""

    def __init__(self, app: AsgiApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on; its `receive` raises `CallerRefused` at the end of another body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = sha256()

        async def receive_signed() -> Message:
            message = await receive()
            digest: str | None = scope.get(_KEY)
            if digest is not None and message["type"] == "http.request":
                found.update(message.get("body", b""))
                if not message.get("more_body", False) and found.hexdigest() != digest:
                    with counted(self._metrics):
                        raise CallerRefused("unknown", "The body is not the one that was signed", field="body")
            return message

        await self._app(scope, receive_signed, send)
