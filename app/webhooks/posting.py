"""One attempt to send a message, with care about whom a URL leads to."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum

import httpx
from msgspec import Struct

from app.auth.tokens.source import may_be_asked
from app.settings.webhooks import WebhookSettings
from app.webhooks.messages import WebhookMessage
from app.webhooks.signing import signed_headers

_GONE = 410
_CONNECT_SECONDS = 3.0  # after which the next address of the name is tried
_SUCCESS = range(200, 300)


class Outcome(StrEnum):
    """What became of one attempt."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # an answer that is not 2xx
    UNREACHABLE = "unreachable"
    GONE = "gone"  # 410: the receiver wants nothing any more


class PostResult(Struct, frozen=True):
    """The outcome of an attempt, why it failed, and after how many seconds the receiver wants the next one, if ever."""

    outcome: Outcome
    reason: str = ""
    retry_after: float = 0.0


class Poster:
    """Send messages; redirects are not followed, no proxy is asked, and answers are not read."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator["Poster"]:
        """Hold the connections while the context lasts."""
        tls: ssl.SSLContext = await asyncio.to_thread(httpx.create_ssl_context)
        async with httpx.AsyncClient(verify=tls, trust_env=False, follow_redirects=False) as http:
            yield cls(http)

    async def post(self, settings: WebhookSettings, message: WebhookMessage) -> PostResult:
        """Send a message once, signed now."""
        head = signed_headers(settings.secret.reveal(), message.id, int(time.time()), message.body)
        try:
            async with asyncio.timeout(settings.timeout):
                return await self._posted(httpx.URL(settings.url), message.body, dict(head))
        except TimeoutError:
            return PostResult(Outcome.UNREACHABLE, f"no answer in {settings.timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Without its words, some of which are the receiver's.
            return PostResult(Outcome.UNREACHABLE, type(error).__name__)

    async def _posted(self, url: httpx.URL, body: bytes, head: dict[str, str]) -> PostResult:
        head |= {"Host": url.netloc.decode(), "Content-Type": "application/json", "User-Agent": "ninaivalaigal"}
        extensions = {"sni_hostname": url.raw_host.decode()}
        addresses = await _addresses(url)
        if addresses is None:
            return PostResult(Outcome.UNREACHABLE, "its address is one that is not asked")
        timeout = httpx.Timeout(None, connect=_CONNECT_SECONDS)
        for address in addresses:
            # The address that was looked at is the one that is asked: a name may mean another one the next time.
            there = url.copy_with(host=address)
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                async with self._http.stream(
                    "POST", there, content=body, headers=head, extensions=extensions, timeout=timeout
                ) as answer:
                    return _attempt(answer)
        return PostResult(Outcome.UNREACHABLE, "none of its addresses takes connections")


def _attempt(answer: httpx.Response) -> PostResult:
    if answer.status_code in _SUCCESS:
        return PostResult(Outcome.DELIVERED)
    outcome = Outcome.GONE if answer.status_code == _GONE else Outcome.REFUSED
    text = answer.headers.get("retry-after", "")
    return PostResult(
        outcome, f"the answer is {answer.status_code}", float(text) if text.isascii() and text.isdigit() else 0.0
    )


async def _addresses(url: httpx.URL) -> list[str] | None:
    """Return the addresses of a URL's host, None if one of them may not be asked."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    encrypted = url.scheme == "https"
    return addresses if all(may_be_asked(one, encrypted=encrypted) for one in addresses) else None
