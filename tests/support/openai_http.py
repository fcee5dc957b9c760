"""Requests and responses of HTTP/1.1 as a fake server reads and writes them."""

import asyncio
import json
from collections.abc import Mapping
from typing import NamedTuple

_REDIRECT = 307


class Received(NamedTuple):
    """One request as it came."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


async def receive(reader: asyncio.StreamReader) -> Received:
    """Read one request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(request_line.split(" ")[1], headers, body)


def refusal(status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    """Write an error in the API's shape."""
    error = {"message": message, "type": code or "invalid_request_error", "param": None, "code": code}
    return response(status, json.dumps({"error": error}).encode(), headers or {})


def response(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """Write a response with a body of JSON."""
    told = {**({"location": "/v1/elsewhere"} if status == _REDIRECT else {}), **(headers or {})}
    extra = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    head = f"HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body
