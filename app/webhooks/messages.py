"""The messages of webhooks: what a receiver is told of a change."""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec
from litestar.serialization import default_serializer
from msgspec import Struct

from app.http.feed_schemas import OwnersChange
from app.settings.webhooks import WebhookSettings

_ID_BYTES = 16
_encode = msgspec.json.Encoder(enc_hook=default_serializer).encode


class WebhookMessage(Struct, frozen=True):
    """A message: its id, which stays the same however often it is sent, and its body."""

    id: str
    body: bytes


def wanted(settings: WebhookSettings, change: OwnersChange) -> bool:
    """Return whether a webhook is about a change."""
    return (
        change.change in settings.kinds
        and settings.tenant in {None, change.tenant}
        and settings.user in {None, change.user_id}
    )


def message_of(settings: WebhookSettings, change: OwnersChange, journal_id: str, seq: int) -> WebhookMessage | None:
    """Return the message about what an operation did to a memory, None if the webhook is not about it."""
    if not wanted(settings, change):
        return None
    data: dict[str, Any] = {"tenant": change.tenant, "user_id": change.user_id, "memory_id": change.memory_id}
    if change.quarantine is not None:
        data["quarantine"] = change.quarantine
    if settings.content and change.memory is not None:
        data["memory"] = change.memory
    digest = blake2b(f"{journal_id}/{seq}/{change.memory_id}".encode(), digest_size=_ID_BYTES).hexdigest()
    return _message(f"msg_{digest}", f"memory.{change.change}", data)


def trial_message(moment: datetime) -> WebhookMessage:
    """Return the message with which an operator tries a webhook, which is about no memory."""
    return _message(f"msg_test_{int(moment.timestamp() * 1_000)}", "webhook.test", {})


def _message(message_id: str, kind: str, data: dict[str, Any]) -> WebhookMessage:
    body = {"type": kind, "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"), "data": data}
    return WebhookMessage(message_id, _encode(body))
