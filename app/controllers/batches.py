"""Many memories or questions in one request, each with a result of its own."""

from litestar import Controller, Response, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody
from msgspec import UNSET

from app import problems
from app.auth.admission import admit
from app.calls import Call, WriteCall, provide_call, provide_write_call
from app.conditions import stored_or_accepted, write_status
from app.controllers.memories import BODY_PROBLEMS, READ_PROBLEMS
from app.json_body import JsonDTO
from app.schemas import (
    BatchQuery,
    RecallBatchRequest,
    RecallBatchResponse,
    RecallItem,
    RememberBatchRequest,
    RememberBatchResponse,
    RememberItem,
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
        dto=JsonDTO[RememberBatchRequest],
        return_dto=None,
        responses=problems.described(*READ_PROBLEMS, *BODY_PROBLEMS) | problems.accepted(RememberBatchResponse),
    )
    async def remember_batch(
        self,
        data: JSONBody[RememberBatchRequest],
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
            for place, memory in enumerate(data.memories)
        ]
        results = [_remembered(result) for result in await write.provider.remember_many(memories)]
        failed = sum(result.status == "failed" for result in results)
        return Response(RememberBatchResponse(results, len(results) - failed, failed), status_code=write_status())

    @post(
        "/recall/batch",
        status_code=200,
        dto=JsonDTO[RecallBatchRequest],
        return_dto=None,
        responses=problems.described(*READ_PROBLEMS, *BODY_PROBLEMS),
    )
    async def recall_batch(
        self,
        data: JSONBody[RecallBatchRequest],
        call: NamedDependency[Call],
    ) -> RecallBatchResponse:
        """Answer up to 1,000 questions; one that breaks a rule fails alone."""
        queries = [_query(query, call.user_id, call.recall_limit) for query in data.queries]
        results = [_recalled(result) for result in await call.provider.recall_many(queries)]
        answered = sum(result.status == "answered" for result in results)
        return RecallBatchResponse(results, answered, len(results) - answered)


def _query(query: BatchQuery, user_id: str, recall_limit: int) -> RecallQuery:
    return RecallQuery(
        user_id=user_id,
        query=query.query,
        limit=recall_limit if query.limit is UNSET else query.limit,
        where=query.where,
        created_from=query.created_from,
        created_before=query.created_before,
        min_score=query.min_score,
    )


def _remembered(result: str | ProviderError) -> RememberItem:
    if isinstance(result, ProviderError):
        return RememberItem(status="failed", problem=problems.problem_of(result))
    return RememberItem(status=stored_or_accepted(), memory_id=result)


def _recalled(result: list[MemoryRecord] | ProviderError) -> RecallItem:
    if isinstance(result, ProviderError):
        return RecallItem(status="failed", problem=problems.problem_of(result))
    return RecallItem(status="answered", memories=result, count=len(result))
