"""Where an issuer's keys are read: a file, or a URL that is asked with care, since its answer decides who is who."""

import asyncio
import socket
import ssl
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import httpx

from app.auth.tokens.fault import KeySetFault

MAX_KEY_SET_BYTES = 512 * 1024
FETCH_SECONDS = 10.0  # for all of it
CONNECT_SECONDS = 3.0  # after which the next address of the name is tried
_OK = 200
# Where clouds tell a machine its secrets; the other one is not link-local.
_METADATA = frozenset({IPv6Address("fd00:ec2::254")})


def read(path: Path) -> bytes:
    """Return the content of a file; raise `KeySetFault` if it cannot be read, or is too long."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_SET_BYTES + 1)
    except OSError as error:
        raise KeySetFault(error.strerror or "it cannot be read") from error
    return _short(content)


async def fetch(url: str, tls: ssl.SSLContext | None = None) -> bytes:
    """Return what a URL answers; redirects are not followed, and no proxy is asked.

    `tls` says whose certificates are believed, by default those of the usual authorities, or of `SSL_CERT_FILE`.

    Raises:
        KeySetFault: there is no good answer in time, it is too long, or the address is one of those that are refused.
    """
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return await _fetched(httpx.URL(url), tls)
    except TimeoutError:
        raise KeySetFault(f"there was no answer in {FETCH_SECONDS:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        # Without its words, some of which are the server's.
        raise KeySetFault(f"it cannot be fetched: {type(error).__name__}") from error


async def _fetched(url: httpx.URL, tls: ssl.SSLContext | None) -> bytes:
    verify = await asyncio.to_thread(httpx.create_ssl_context) if tls is None else tls
    timeout = httpx.Timeout(FETCH_SECONDS, connect=CONNECT_SECONDS)
    async with httpx.AsyncClient(verify=verify, trust_env=False, follow_redirects=False, timeout=timeout) as http:
        for address in await _addresses(url):
            # The address that was looked at is the one that is asked: a name may mean another one the next time.
            there = url.copy_with(host=address)
            extensions = {"sni_hostname": url.raw_host.decode()}
            head = {"Host": url.netloc.decode(), "Accept": "application/json", "Accept-Encoding": "identity"}
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                async with http.stream("GET", there, headers=head, extensions=extensions) as answer:
                    return await _content(answer)
    raise KeySetFault("none of its addresses answers")


async def _content(answer: httpx.Response) -> bytes:
    if answer.status_code != _OK:
        raise KeySetFault(f"the answer is {answer.status_code}, and redirects are not followed")
    content = b""
    async for chunk in answer.aiter_raw():
        content += chunk
        _short(content)
    return content


def _short(content: bytes) -> bytes:
    if len(content) > MAX_KEY_SET_BYTES:
        raise KeySetFault(f"there are more than {MAX_KEY_SET_BYTES} bytes")
    return content


async def _addresses(url: httpx.URL) -> list[str]:
    """Return the addresses of a URL's host, all of which may be asked."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for text in addresses:
        if not may_be_asked(text, encrypted=url.scheme == "https"):
            raise KeySetFault("its address is one that is not asked")
    return addresses


def may_be_asked(text: str, *, encrypted: bool) -> bool:
    """Return whether an address may be asked for keys: none that is link-local, where clouds keep secrets.

    Without encryption only this machine may be asked.
    """
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not encrypted:
        return address.is_loopback
    refused = address.is_link_local or address.is_multicast or address.is_unspecified
    return not refused and address not in _METADATA
