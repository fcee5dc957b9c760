"""What a broken connection means; both clients have theirs from `aiohttp`."""

import ssl

import aiohttp

from providers.errors import Misconfigured, Unavailable, Unreachable


def broken(cause: object, *, writes: bool) -> Unavailable:
    """Return the error that the cause of a broken connection means."""
    if isinstance(cause, (ssl.SSLError, aiohttp.ClientSSLError)):
        return Misconfigured("the server is not known by its certificate, or speaks no TLS: are url and ca_file right?")
    if isinstance(cause, aiohttp.ClientConnectorError):
        return Unreachable("no connection to the server")
    return Unavailable("the connection to the server broke", ambiguous=writes)
