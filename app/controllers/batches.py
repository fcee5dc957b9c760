"""Many memories or queries in one request, each with a result of its own."""

from litestar import Controller, Response, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody

from app.auth.admission import admit
from app.controllers.memories import BODY_PROBLEMS, READ_PROBLEMS
from app.http import problems
from app.http.calls import ReadCall, WriteCall, provide_call, provide_write_call
from app.http.headers import stored_or_accepted, write_status
from app.http.json.batch import BatchDTO
from app.http.problems import Problem
from app.http.schemas import (
    RecallBatchRequest,
    RecallBatchResponse,
    RecallItem,
    RecallRequest,
    RememberBatchRequest,
    RememberBatchResponse,
    RememberItem,
    RememberRequest,
)
from providers.answers import Found, Stored
from providers.errors import ProviderError


class BatchesController(Controller):
    """One user's memories, up to 1,000 at a time."""

    path = "/memory"
    tags = ("batch",)
    before_request = staticmethod(admit)
    security = ({"bearer": []}, {"apiKey": []}, {})
    dependencies = {  # noqa: RUF012 - read by the framework, never changed
        "call": Provide(provide_call),
        "write": Provide(provide_write_call),
    }

    @post(
        "/remember/batch",
        status_code=200,
        dto=BatchDTO[RememberBatchRequest],
        return_dto=None,
        responses=problems.described(*READ_PROBLEMS, *BODY_PROBLEMS) | problems.accepted(RememberBatchResponse),
    )
    async def remember_batch(
        self, data: JSONBody[list[RememberRequest | Problem]], write: NamedDependency[WriteCall]
    ) -> Response[RememberBatchResponse]:
        """Store up to 1,000 memories; one that breaks a rule fails alone. 202 as for a single one.

        With an `Idempotency-Key` a repeated request stores each memory once.
        """
        memories = [
            memory.memory(write.owner, write.ids.memory(place))
            for place, memory in enumerate(data)
            if not isinstance(memory, Problem)
        ]
        outcomes = await write.provider.store_many(memories) if memories else []
        rest = iter(outcomes)
        results = [_remembered(memory if isinstance(memory, Problem) else next(rest)) for memory in data]
        failed = sum(result.status == "failed" for result in results)
        status = write_status(*(outcome for outcome in outcomes if isinstance(outcome, Stored)))
        return Response(RememberBatchResponse(results, len(results) - failed, failed), status_code=status)

    @post(
        "/recall/batch",
        status_code=200,
        dto=BatchDTO[RecallBatchRequest],
        return_dto=None,
        responses=problems.described(*READ_PROBLEMS, *BODY_PROBLEMS),
    )
    async def recall_batch(
        self, data: JSONBody[list[RecallRequest | Problem]], call: NamedDependency[ReadCall]
    ) -> RecallBatchResponse:
        """Answer up to 1,000 queries; one that breaks a rule fails alone."""
        queries = [
            query.recall_query(call.owner, call.recall_limit) for query in data if not isinstance(query, Problem)
        ]
        found = iter(await call.provider.find_many(queries) if queries else [])
        results = [_recalled(query if isinstance(query, Problem) else next(found)) for query in data]
        answered = sum(result.status == "answered" for result in results)
        return RecallBatchResponse(results, answered, len(results) - answered)


def _remembered(result: Stored | ProviderError | Problem) -> RememberItem:
    if isinstance(result, Stored):
        return RememberItem(status=stored_or_accepted(result), memory_id=result.id)
    return RememberItem(status="failed", problem=_problem(result))


def _recalled(result: Found | ProviderError | Problem) -> RecallItem:
    if isinstance(result, Found):
        return RecallItem(status="answered", memories=result.memories, count=len(result.memories))
    return RecallItem(status="failed", problem=_problem(result))


def _problem(fault: ProviderError | Problem) -> Problem:
    return fault if isinstance(fault, Problem) else problems.problem_of(fault)
