"""The client behind a proxy is believed from proxies that are trusted, and from nobody else."""

import pytest

from app.http.connections.client_address import ClientAddress
from observability.http import Message, Receive, Scope, Send

TRUSTED = ["10.0.0.0/8", "fd00::/8", "192.0.2.1"]


async def seen(peer: object, *forwarded: str, trusted: list[str] = TRUSTED) -> object:
    """Return the client that an application sees."""
    clients = []

    async def application(scope: Scope, _receive: Receive, _send: Send) -> None:
        clients.append(scope["client"])

    async def receive() -> Message:
        return {}

    async def send(_message: Message) -> None:
        pass

    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    await ClientAddress(application, trusted)({"type": "http", "client": peer, "headers": headers}, receive, send)
    return clients[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.1.1.1", ["203.0.113.9"], "203.0.113.9"),
        ("192.0.2.1", ["203.0.113.9"], "203.0.113.9"),
        ("::ffff:10.1.1.1", ["203.0.113.9"], "203.0.113.9"),
        ("fd00::1", ["2001:db8::9"], "2001:db8::9"),
        ("10.1.1.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["6.6.6.6", "203.0.113.9, 10.2.2.2"], "203.0.113.9"),
        ("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.1.1.1", ["6.6.6.6, made up, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", ["made up"], "10.1.1.1"),
        ("10.1.1.1", [""], "10.1.1.1"),
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["6.6.6.6," + "10.2.2.2," * 10_000 + "10.2.2.2"], "10.2.2.2"),
        ("203.0.113.1", ["6.6.6.6"], "203.0.113.1"),
        ("192.0.2.2", ["6.6.6.6"], "192.0.2.2"),
        ("/run/socket", ["6.6.6.6"], "/run/socket"),
    ],
)
async def test_the_nearest_address_that_is_no_proxy_is_the_client(peer: str, forwarded: list[str], client: str) -> None:
    """What stands before it in the header, anybody may have written there."""
    assert await seen((peer, 5), *forwarded) == (client, 5)


async def test_nobody_is_trusted_unless_configured() -> None:
    """Not even this machine."""
    assert await seen(("127.0.0.1", 5), "6.6.6.6", trusted=[]) == ("127.0.0.1", 5)
    assert await seen(None, "6.6.6.6") is None
