"""OpenSearch as it is between two refreshes: searches do not show yet what was written, reads by id do.

The server of the tests shows everything at once, so that two of them stand behind this proxy: one that is written to
and read by ids, and one that is searched, which gets the documents with a refresh.
"""

import json
from types import TracebackType

import httpx

from tests.support.fickle_http import FickleHttp, Received, response_of

_OF_BOTH = ("PUT", "DELETE")
_SEARCHES = ("_search", "_count")


class LaggingOpenSearch(FickleHttp):
    """Stand before two servers, of which `upstream` is written to and `shown` searched; `refreshes` are counted."""

    def __init__(self, upstream: str, shown: str) -> None:
        super().__init__(upstream)
        self.refreshes = 0
        self._shown = shown
        self._others = httpx.AsyncClient(trust_env=False, timeout=60)
        self._written: list[tuple[str, bytes]] = []

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, traceback)
        await self._others.aclose()

    async def _act(self, received: Received) -> bytes:
        path = received.path.partition("?")[0]
        if path.endswith(_SEARCHES):
            return await self._acted_at(self._shown, received)
        if path.endswith("_refresh"):
            self.refreshes += 1
            await self._show()
        answer = await super()._act(received)
        if received.method in _OF_BOTH:
            await self._acted_at(self._shown, received)
        if path.endswith("_bulk"):
            self._note(path, received, answer)
        return answer

    async def _acted_at(self, server: str, received: Received) -> bytes:
        headers = {"content-type": received.headers.get("content-type", "application/json")}
        answer = await self._others.request(
            received.method, f"{server}{received.path}", content=received.body, headers=headers
        )
        return response_of(answer.status_code, answer.headers, answer.content)

    def _note(self, path: str, received: Received, answer: bytes) -> None:
        lines = iter(received.body.splitlines())
        for item in json.loads(answer.partition(b"\r\n\r\n")[2])["items"]:
            [(kind, said)] = json.loads(next(lines)).items()
            document = b"" if kind == "delete" else next(lines)
            [did] = item.values()
            if did["status"] < 300:
                placed = {"_id": said["_id"], "routing": said["routing"]}
                action = {"delete" if kind == "delete" else "index": placed}
                self._written.append((path, json.dumps(action).encode() + b"\n" + document))

    async def _show(self) -> None:
        written, self._written = self._written, []
        headers = {"content-type": "application/x-ndjson"}
        for path, lines in written:
            await self._acted_at(self._shown, Received("POST", path, headers, lines.rstrip() + b"\n"))
