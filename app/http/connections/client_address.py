"""The address of a client behind proxies that are trusted to name it."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from observability.http import AsgiApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network
_FORWARDED_FOR = b"x-forwarded-for"
_MOST_HOPS = 20  # of a header that anybody may send; nobody has more proxies


class ClientAddress:
    """Put the address that a trusted proxy names in place of the proxy's own, for all that follows."""

    def __init__(self, app: AsgiApp, trusted: Sequence[str]) -> None:
        self._app = app
        self._trusted = [ip_network(network) for network in trusted]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on, from its client."""
        if scope["type"] == "http" and scope.get("client"):
            peer, port = scope["client"]
            client = self._client_of(peer, scope)
            if client != peer:
                scope = {**scope, "client": (client, port)}
        await self._app(scope, receive, send)

    def _client_of(self, peer: str, scope: Scope) -> str:
        """Return the nearest address that is no trusted proxy; what stands before it may be made up."""
        if not self._is_trusted(peer):
            return peer
        named = b",".join(value for name, value in scope["headers"] if name == _FORWARDED_FOR).decode("latin-1")
        client = peer
        for hop in reversed(named.rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
            try:
                client = str(ip_address(hop.strip()))
            except ValueError:
                return client
            if not self._is_trusted(client):
                return client
        return client

    def _is_trusted(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._trusted)
