"""A transport of httpx that gives the answers of a script, one after the other, and keeps what it was asked."""

from collections.abc import Iterable

import httpx


class ScriptedHttp(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers in their order; an error is raised, and the last one is given again and again."""

    def __init__(self, *answers: httpx.Response | httpx.TransportError) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Give the next answer."""
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Give the next answer."""
        return self.handle_request(request)

    def headers(self, name: str) -> Iterable[str | None]:
        """Return a header of every request."""
        return [request.headers.get(name) for request in self.requests]
