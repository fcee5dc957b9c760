"""How long one request holds up the event loop, and with it all others: the largest requests that are permitted.

The time is that of the loop's own thread between two turns, in this process, over PostgreSQL.
"""

import asyncio
import gc
import gzip
import json
import logging
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import structlog
import uvloop
from litestar import Litestar
from msgspec import Struct

from app.http.body_limit import MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES
from app.http.json.batch import MAX_BATCH_VALUES
from providers.filters import MAX_CONDITIONS, And, Eq, Exists, Gt, In, Lte
from providers.json_limits import MAX_METADATA_BYTES
from providers.limits import MAX_BATCH, MAX_CONTENT_CHARS
from tests.bench.load import table
from tests.bench.service import text_of
from tests.support.api import running_app
from tests.support.asgi import ask
from tests.support.loop_stalls import LoopStalls
from tests.support.postgres import create_database, make_template, running_server

MOST_MS = 20.0
POSTGRES = 18
_WARM_SECONDS = 2.0

_HEADERS = [(b"x-user-id", b"bench"), (b"content-type", b"application/json")]
_KEYED = [*_HEADERS, (b"idempotency-key", b"bench")]


class Case(Struct, frozen=True):
    """One request, the largest of its kind."""

    name: str
    method: str
    path: str
    body: bytes = b""
    keyed: bool = False
    packed: bool = False
    accepted: bytes = b""


def main() -> None:
    """Ask all, and print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with running_server(POSTGRES) as server:
        asyncio.run(make_template(server))
        dsn = asyncio.run(create_database(server))
        table(iter(uvloop.run(_measured(dsn))))


async def _measured(dsn: str) -> list[tuple[str, ...]]:
    rows = [("request", "status", "longest ms", f"<= {MOST_MS:g}", "turns")]
    async with running_app({"DATABASE_URL": dsn}) as app:
        await asyncio.sleep(_WARM_SECONDS)
        gc.freeze()  # as the service does when it is warm
        return [*rows, *[await _row(app, case) for case in _cases()]]


async def _row(app: Litestar, case: Case) -> tuple[str, ...]:
    stalls = LoopStalls()
    body = gzip.compress(case.body) if case.packed else case.body
    headers = [*(_KEYED if case.keyed else _HEADERS), (b"content-length", str(len(body)).encode())]
    if case.packed:
        headers.append((b"content-encoding", b"gzip"))
    if case.accepted:
        headers.append((b"accept-encoding", case.accepted))
    with stalls.watching():
        await asyncio.sleep(0)
        answer = await ask(app, case.method, case.path, headers, content=body)
        await asyncio.sleep(0)
    longest = stalls.longest * 1000
    return (
        case.name,
        str(answer.status),
        f"{longest:.1f}",
        "yes" if longest <= MOST_MS else "no",
        str(stalls.turns),
    )


def _cases() -> Iterator[Case]:
    yield from _singles()
    yield from _batches()
    yield from _reads()


def _singles() -> Iterator[Case]:
    framed = b'{"content":"tea","metadata":{"a":[%s]}}'
    digits = b",".join([b"9" * 4_299] * (MAX_BODY_BYTES // 4_301))
    values = b",".join([b"1"] * (MAX_METADATA_BYTES // 2 - 10))
    halves = b"\\u0041" * (MAX_BODY_BYTES // 6 - 10)
    path = "/memory/remember"
    yield Case("remember: the longest text", "POST", path, _json({"content": _text(MAX_CONTENT_CHARS)}))
    yield Case("remember: the most values", "POST", path, framed % values)
    yield Case("remember: 1 MiB of values", "POST", path, framed % (b"1," * (MAX_BODY_BYTES // 2 - 50) + b"1"))
    yield Case("remember: 1 MiB of digits", "POST", path, framed % digits)
    yield Case("remember: 1 MiB of escapes", "POST", path, b'{"content":"%s\\ud800"}' % halves)
    again = b",".join([b'"metadata":{"a":[%s]}' % values] * (MAX_BODY_BYTES // (len(values) + 30)))
    yield Case("remember: one field again and again", "POST", path, b'{"content":"tea",%s}' % again)


def _batches() -> Iterator[Case]:
    small = [{"content": _text(60), "metadata": {"tags": ["a", "b"], "n": 1}} for _ in range(MAX_BATCH)]
    valued = {"content": "tea", "metadata": {"a": [1] * (MAX_BATCH_VALUES // MAX_BATCH - 5)}}
    large = [{"content": _text(16_700)} for _ in range(MAX_BATCH)]
    longest = [{"content": _text(MAX_CONTENT_CHARS)} for _ in range(MAX_BATCH_BODY_BYTES // (MAX_CONTENT_CHARS + 20))]
    dense = b'{"content":"tea","metadata":{"a":[%s]}}' % b",".join([b"1"] * 8_000)
    half = b'{"content":"%s\\ud800"}' % (b"\\u0041" * 2_700)
    path = "/memory/remember/batch"
    for name, memories in (("small", small), ("large", large)):
        yield Case(f"remember batch: 1,000 {name}", "POST", path, _json({"memories": memories}))
        yield Case(f"remember batch: 1,000 {name}, keyed", "POST", path, _json({"memories": memories}), keyed=True)
    yield Case("remember batch: the longest texts", "POST", path, _json({"memories": longest}))
    yield Case("remember batch: the most values", "POST", path, _json({"memories": [valued] * MAX_BATCH}))
    for name, item in (("values beyond the limit", dense), ("half characters", half)):
        yield Case(f"remember batch: {name}", "POST", path, b'{"memories":[%s]}' % b",".join([item] * MAX_BATCH))
    yield Case("remember batch: 1,000 large, packed", "POST", path, _json({"memories": large}), packed=True)
    blank = b'{"memories":[{"content":"tea"}%s]}' % (b" " * 16_000_000)
    yield Case("remember batch: 16 MB of blanks, packed", "POST", path, blank, packed=True)
    for name, piece in (("one item of 16 MiB", b'"' + b"a" * 16_000_000 + b'"'), ("brackets", b"[" * 16_000_000)):
        yield Case(f"remember batch: {name}", "POST", path, b'{"memories":[%s]}' % piece)


def _reads() -> Iterator[Case]:
    condition = {"op": "eq", "field": ["a", "b", "c"], "value": 1}
    where = {"op": "and", "all": [condition] * MAX_CONDITIONS}
    questions = [{"query": _text(60)} for _ in range(MAX_BATCH)]
    dear = [{"query": "tea", "where": where}] * (MAX_BATCH // 4)
    kinds = (Exists("a"), Eq("a", "tea"), In("a", [1, 2]), Gt("a", 1), Lte("a", "tea"))
    shapes = [{"query": "tea", "where": And(_RANDOM.choices(kinds, k=MAX_CONDITIONS))} for _ in dear]
    yield Case("recall: 100 large", "POST", "/memory/recall", _json({"query": _text(60), "limit": 100}))
    yield Case("recall: the most conditions", "POST", "/memory/recall", _json({"query": "tea", "where": where}))
    yield Case("recall batch: 1,000", "POST", "/memory/recall/batch", _json({"queries": questions}))
    yield Case("recall batch: the most conditions", "POST", "/memory/recall/batch", _json({"queries": dear}))
    yield Case("recall batch: as many shapes", "POST", "/memory/recall/batch", msgspec.json.encode({"queries": shapes}))
    yield Case("list: 100 large", "GET", "/memory/memories?limit=100")
    longest = [{"content": "\u0b88" * MAX_CONTENT_CHARS}] * 100
    wide = msgspec.json.encode({"memories": longest})  # without escapes, which take twice as much
    yield Case("remember batch: wide", "POST", "/memory/remember/batch", wide)
    yield Case("list: 100 of the longest texts", "GET", "/memory/memories?limit=100")
    yield Case("recall: 50 of the longest texts", "POST", "/memory/recall", _json({"query": "\u0b88", "limit": 50}))
    many = {"query": _text(60), "limit": 300, "format": "text"}
    for coding in (b"", b"gzip", b"zstd"):
        said = coding.decode() or "as they are"
        yield Case(f"recall: 300 large with a text, {said}", "POST", "/memory/recall", _json(many), accepted=coding)
        yield Case(f"list: 100 of the longest texts, {said}", "GET", "/memory/memories?limit=100", accepted=coding)
    yield Case("delete all", "DELETE", "/memory/memories?confirm=everything")
    for path in ("/metrics", "/openapi.json", "/readyz", "/admin/providers"):
        yield Case(path, "GET", path)


_RANDOM = Random(1)


def _text(chars: int) -> str:
    return text_of(_RANDOM, chars // 5)[:chars]


def _json(value: Any) -> bytes:  # noqa: ANN401 - anything that JSON holds
    return json.dumps(value).encode()


if __name__ == "__main__":
    main()
