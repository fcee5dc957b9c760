"""All memories of a user at once: exported, also when the answer is cut off, imported, and erased."""

import json

import httpx
import pytest

import ninaivalaigal as package
from ninaivalaigal import AsyncClient, Client, Retries
from tests.support.api import fresh_user
from tests.support.scripted_http import ScriptedHttp

HEADER, FIRST, SECOND = b'{"kind":"header"}\n', b'{"kind":"memory","id":"1"}\n', b'{"kind":"memory","id":"2"}\n'
CHECKPOINT, TRAILER = b'{"kind":"checkpoint","after":"c1"}\n', b'{"kind":"trailer","memories":1}\n'
BUSY = {"title": "Busy", "status": 503, "detail": "later"}
FAILURE = b'{"kind":"failure","problem":' + json.dumps(BUSY).encode() + b"}\n"


def lines_of(*lines: bytes) -> httpx.Response:
    """An answer of an export, in pieces that end within lines."""
    text = b"".join(lines)
    return httpx.Response(200, content=iter([text[:25], text[25:]]))


def client_of(script: ScriptedHttp, pauses: list[float], attempts: int = 4) -> Client:
    """A client whose pauses are noted, and last as long as they may."""
    retries = Retries(attempts=attempts)
    return Client(http=httpx.Client(transport=script), sleep=pauses.append, chance=lambda: 1.0, retries=retries)


async def test_what_was_exported_is_imported(client: AsyncClient) -> None:
    """With conditions, too; another user has it then, and a repetition stores nothing."""
    await client.remember("A tea\u2028in two lines", session="s")
    await client.remember("Another tea")
    other = fresh_user()

    lines = b"".join([piece async for piece in client.export(session="s")])
    first = await client.import_lines(lines, name="copy", user=other)
    again = await client.import_lines(lines, name="copy", user=other)

    kinds = [json.loads(line)["kind"] for line in lines.splitlines()]
    assert kinds == ["header", "memory", "checkpoint", "trailer"]
    assert ((first.stored, first.failed), [one.status for one in first.results]) == (
        (1, 0),
        ["skipped", "stored", "skipped", "skipped"],
    )
    assert (again.stored, again.kept) == (1, 0)
    assert [memory.content async for memory in client.memories(user=other)] == ["A tea\u2028in two lines"]
    with pytest.raises(package.InvalidRequest, match="body"):
        await client.import_lines(b"\n" * 10_001)


async def test_a_user_is_erased_with_a_receipt(client: AsyncClient) -> None:
    """Which may be asked for again."""
    await client.remember("tea")

    receipt = await client.erase_everything()
    shown = await client.erasure(receipt.erasure_id)

    assert (shown.erasure_id, [one.provider for one in shown.stores]) == (receipt.erasure_id, ["mock"])
    assert (await client.query_memories()).count == 0
    with pytest.raises(package.NotFound):
        await client.erasure("none/../such")


def test_an_export_goes_on_behind_its_last_checkpoint() -> None:
    """Whether the answer fails, ends early or is not given; what is not certain yet is not yielded."""
    pauses: list[float] = []
    script = ScriptedHttp(
        httpx.Response(503, json=BUSY),
        lines_of(HEADER, FIRST, CHECKPOINT, SECOND),
        lines_of(HEADER, FAILURE),
        httpx.ConnectError("no"),
        lines_of(HEADER, SECOND, TRAILER),
    )

    pieces = list(client_of(script, pauses).export(session="s"))

    assert b"".join(pieces) == HEADER + FIRST + CHECKPOINT + HEADER + SECOND + TRAILER
    assert [request.url.params.get("after") for request in script.requests] == [None, None, "c1", "c1", "c1"]
    assert {request.url.params["session"] for request in script.requests} == {"s"}
    assert pauses == [0.2, 0.2, 0.4, 0.8]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lines_of(HEADER, FAILURE), package.TemporarilyUnavailable),
        (lines_of(HEADER, FIRST), package.NoAnswer),
        (lines_of(HEADER, b"<html>\n"), package.UnexpectedAnswer),
        (httpx.Response(403, json={"title": "No"}), package.NotAllowed),
    ],
)
def test_an_export_that_cannot_go_on_is_an_error(answer: httpx.Response, error: type[package.ClientError]) -> None:
    """After as many attempts as there may be, or at once where others are no use."""
    with pytest.raises(error):
        list(client_of(ScriptedHttp(answer), [], attempts=1).export())
