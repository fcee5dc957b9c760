"""Changes and deletions of many memories in one request, each with a result of its own."""

from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.auth.routes import SCOPE
from app.controllers.resources import WRITE_PROBLEMS, UserResource, taking
from app.http import change_schemas, problems
from app.http.admission import price
from app.http.answers import in_parts, shown
from app.http.calls import WriteCall
from app.http.headers import write_status
from app.http.idempotency import WriteIds
from app.http.json.batch import Batch, BatchDTO
from app.http.json.body import JsonDTO
from app.http.lifetimes import Lifetime
from app.http.problems import Problem
from providers.answers import Changed, Erased, Written
from providers.errors import InvalidInput, MemoryNotFound, ProviderError
from providers.limits import check_memory_id
from providers.owners import Owner
from providers.timing.turns import in_turns
from providers.types import Deletion, Edit

Change = TypeVar("Change", Edit, Deletion)


class ChangesController(UserResource):
    """Changes to one user's memories, up to 1,000 at a time."""

    tags = ("batch",)

    @post(
        "/update/batch",
        status_code=200,
        opt={SCOPE: "memory:write"},
        **taking(
            BatchDTO[change_schemas.UpdateBatchRequest],
            *WRITE_PROBLEMS,
            problems.TOO_DEAR,
            accepted=change_schemas.UpdateBatchResponse,
        ),
    )
    async def update_batch(
        self, data: JSONBody[Batch[change_schemas.UpdateItem]], write: NamedDependency[WriteCall]
    ) -> Response[change_schemas.UpdateBatchResponse]:
        """Change up to 1,000 memories, each as if alone; one that cannot be changed fails alone.

        202 as for a single one; 503 if it is not known of any of them that it was changed. With an `Idempotency-Key` a
        repeated request makes each change once.
        """
        write.user.require("memory:read")  # the answer shows whole memories
        items = await data.items()
        await write.admission.charge(price.of_edits(items))
        owner, ids_of, lifetime = write.owner, write.ids, write.lifetime  # a fault with these is one of the request
        edits = await in_turns(lambda item: _edit(owner, ids_of, lifetime, item), items)
        ids = [None if isinstance(item, Problem) else item.memory_id for item in items]
        wanted = once_each(edits)
        outcomes = iter(await write.provider.change_many(_good(wanted)) if _good(wanted) else [])
        answers = [one if isinstance(one, Problem) else next(outcomes) for one in wanted]
        results = [_updated(*one) for one in zip(ids, answers, strict=True)]
        failed = sum(result.status == "failed" for result in results)
        answer = change_schemas.UpdateBatchResponse(results, len(results) - failed, failed)
        return await in_parts(answer, write_status(*_written(answers)))

    @post(
        "/delete/batch",
        status_code=200,
        opt={SCOPE: "memory:delete"},
        **taking(
            JsonDTO[change_schemas.DeleteBatchRequest],
            *WRITE_PROBLEMS,
            problems.TOO_DEAR,
            accepted=change_schemas.DeleteBatchResponse,
        ),
    )
    async def delete_batch(
        self, data: JSONBody[change_schemas.DeleteBatchRequest], write: NamedDependency[WriteCall]
    ) -> Response[change_schemas.DeleteBatchResponse]:
        """Delete up to 1,000 memories for good, each as if alone; one that is not there fails alone. 202 as for one."""
        await write.admission.charge(price.of_deletions(len(data.memory_ids)))
        wanted = once_each([_deletion(write, memory_id) for memory_id in data.memory_ids])
        outcomes = iter(await write.provider.erase_many(_good(wanted)) if _good(wanted) else [])
        answers = [one if isinstance(one, Problem) else next(outcomes) for one in wanted]
        results = [_deleted(*one) for one in zip(data.memory_ids, answers, strict=True)]
        failed = sum(result.status == "failed" for result in results)
        answer = change_schemas.DeleteBatchResponse(results, len(results) - failed, failed)
        return await in_parts(answer, write_status(*_written(answers)))


def once_each(changes: Iterable[Change | Problem]) -> list[Change | Problem]:
    """Return the changes of a batch, with a problem in the place of one whose memory was named before.

    They are made at the same time, so that nobody could say which of two comes last.
    """
    seen: set[str] = set()
    found: list[Change | Problem] = []
    for change in changes:
        if isinstance(change, Problem):
            found.append(change)
        elif change.memory_id in seen:
            found.append(problems.problem_of(InvalidInput("memory_id", "must be named once in a batch")))
        else:
            seen.add(change.memory_id)
            found.append(change)
    return found


def _edit(owner: Owner, ids: WriteIds, lifetime: Lifetime, item: change_schemas.UpdateItem | Problem) -> Edit | Problem:
    if isinstance(item, Problem):
        return item
    try:
        return item.edit(owner, check_memory_id(item.memory_id), ids, lifetime)
    except ProviderError as error:
        return problems.problem_of(error)


def _deletion(write: WriteCall, memory_id: str) -> Deletion | Problem:
    try:
        canonical = check_memory_id(memory_id)
    except ProviderError as error:
        return problems.problem_of(error)
    return Deletion(owner=write.owner, memory_id=canonical, edit_id=write.ids.delete(canonical))


def _good(changes: Iterable[Change | Problem]) -> list[Change]:
    return [change for change in changes if not isinstance(change, Problem)]


def _written(answers: Sequence[Written | ProviderError | Problem]) -> list[Written]:
    return [answer for answer in answers if isinstance(answer, Written)]


def _updated(memory_id: str | None, result: Changed | ProviderError | Problem) -> change_schemas.UpdateResult:
    if isinstance(result, Changed):
        status: Literal["updated", "accepted"] = "updated" if result.confirmed else "accepted"
        return change_schemas.UpdateResult(memory_id=memory_id, status=status, memory=shown(result.memory))
    return change_schemas.UpdateResult(memory_id=memory_id, status="failed", problem=problems.problem_in_batch(result))


def _deleted(memory_id: str, result: Erased | ProviderError | Problem) -> change_schemas.DeleteResult:
    if isinstance(result, Erased):
        if result.count:
            return change_schemas.DeleteResult(memory_id=memory_id, status="deleted")
        result = MemoryNotFound(check_memory_id(memory_id))
    return change_schemas.DeleteResult(memory_id=memory_id, status="failed", problem=problems.problem_in_batch(result))
