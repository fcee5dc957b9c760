"""Many memories or questions in one request, each with a result of its own."""

from litestar import Controller, Response, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody
from msgspec import UNSET

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
from providers.errors import ProviderError
from providers.types import MemoryRecord, NewMemory, RecallQuery


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
        self,
        data: JSONBody[list[RememberRequest | Problem]],
        write: NamedDependency[WriteCall],
    ) -> Response[RememberBatchResponse]:
        """Store up to 1,000 memories; one that breaks a rule fails alone. 202 as for a single one.

        With an `Idempotency-Key` a repeated request stores each memory once.
        """
        memories = [
            NewMemory(
                user_id=write.user_id,
                content=memory.content,
                metadata=memory.metadata,
                memory_id=write.ids.memory(place),
            )
            for place, memory in enumerate(data)
            if not isinstance(memory, Problem)
        ]
        stored = iter(await write.provider.remember_many(memories) if memories else [])
        results = [_remembered(memory if isinstance(memory, Problem) else next(stored)) for memory in data]
        failed = sum(result.status == "failed" for result in results)
        return Response(RememberBatchResponse(results, len(results) - failed, failed), status_code=write_status())

    @post(
        "/recall/batch",
        status_code=200,
        dto=BatchDTO[RecallBatchRequest],
        return_dto=None,
        responses=problems.described(*READ_PROBLEMS, *BODY_PROBLEMS),
    )
    async def recall_batch(
        self,
        data: JSONBody[list[RecallRequest | Problem]],
        call: NamedDependency[ReadCall],
    ) -> RecallBatchResponse:
        """Answer up to 1,000 questions; one that breaks a rule fails alone."""
        queries = [_query(query, call.user_id, call.recall_limit) for query in data if not isinstance(query, Problem)]
        found = iter(await call.provider.recall_many(queries) if queries else [])
        results = [_recalled(query if isinstance(query, Problem) else next(found)) for query in data]
        answered = sum(result.status == "answered" for result in results)
        return RecallBatchResponse(results, answered, len(results) - answered)


def _query(query: RecallRequest, user_id: str, recall_limit: int) -> RecallQuery:
    return RecallQuery(
        user_id=user_id,
        query=query.query,
        limit=recall_limit if query.limit is UNSET else query.limit,
        where=query.where,
        created_from=query.created_from,
        created_before=query.created_before,
        min_score=query.min_score,
    )


def _remembered(result: str | ProviderError | Problem) -> RememberItem:
    if isinstance(result, str):
        return RememberItem(status=stored_or_accepted(), memory_id=result)
    return RememberItem(status="failed", problem=_problem(result))


def _recalled(result: list[MemoryRecord] | ProviderError | Problem) -> RecallItem:
    if isinstance(result, list):
        return RecallItem(status="answered", memories=result, count=len(result))
    return RecallItem(status="failed", problem=_problem(result))


def _problem(fault: ProviderError | Problem) -> Problem:
    return fault if isinstance(fault, Problem) else problems.problem_of(fault)
