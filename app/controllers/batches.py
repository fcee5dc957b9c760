"""Many memories or queries in one request, each with a result of its own."""

from collections.abc import Iterator, Sequence

from litestar import Response, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET, Struct

from app.auth.refusals import CallerRefused
from app.auth.routes import SCOPE
from app.controllers.resources import READ_PROBLEMS, WRITE_PROBLEMS, UserResource, taking
from app.http import batch_schemas, problems, schemas
from app.http.admission import price
from app.http.answers import in_parts, shown
from app.http.calls import ReadCall, WriteCall
from app.http.headers import stored_or_accepted, write_status
from app.http.json.batch import Batch, BatchDTO
from app.http.naming_puts import named_by
from app.http.problems import Problem, RequestError
from app.http.recalled import bytes_for_memories, within_budget
from app.http.remember_schemas import RememberRequest
from app.http.shared_recall import check_owners, for_each, together
from providers.answers import Found, Stored
from providers.base import MemoryProvider
from providers.errors import InvalidInput, ProviderError
from providers.keys.batching import check_each_once, put_many, tidy_many
from providers.keys.writing import Kept, Put
from providers.owners import Owner
from providers.timing.turns import Turns, in_turns
from providers.types import NewMemory, RecallQuery


class _Asked(Struct, frozen=True):
    """Hold a question of a batch, whose memories it asks for, and what it costs for all of them."""

    question: schemas.RecallRequest
    owners: Sequence[Owner]
    price: float

    def queries(self, call: ReadCall, most_bytes: int) -> list[RecallQuery]:
        """Return its queries, one for each owner."""
        query = self.question.recall_query(self.owners[0], call.recall_limit, most_bytes, call.now)
        return for_each(self.owners, query)


class BatchesController(UserResource):
    """One user's memories, up to 1,000 at a time."""

    tags = ("batch",)

    @post(
        "/remember/batch",
        status_code=200,
        opt={SCOPE: "memory:write"},
        **taking(
            BatchDTO[batch_schemas.RememberBatchRequest],
            *WRITE_PROBLEMS,
            problems.TOO_DEAR,
            accepted=batch_schemas.RememberBatchResponse,
        ),
    )
    async def remember_batch(
        self, data: JSONBody[Batch[batch_schemas.BatchedMemory]], write: NamedDependency[WriteCall]
    ) -> Response[batch_schemas.RememberBatchResponse]:
        """Store up to 1,000 memories; one that breaks a rule, or that was not stored in time, fails alone.

        202 as for a single one; 503 if it is not known of any of them that it was stored. One with a `key` is put under
        it, as `PUT` does; a key that two have is refused, and then nothing is stored.

        With an `Idempotency-Key` a repeated request stores each memory once.
        """
        return await remembered(write, await data.items())

    @post(
        "/recall/batch",
        status_code=200,
        opt={SCOPE: "memory:read"},
        **taking(BatchDTO[batch_schemas.RecallBatchRequest], *READ_PROBLEMS, problems.SESSION_LOST, problems.TOO_DEAR),
    )
    async def recall_batch(
        self, data: JSONBody[Batch[schemas.RecallRequest]], call: NamedDependency[ReadCall]
    ) -> Response[batch_schemas.RecallBatchResponse]:
        """Answer up to 1,000 queries; each fails alone.

        One fails that breaks a rule, that costs too much, that could not be answered in time, or whose answer would
        bring the response above its bound of 16 MiB by default. 503 if none could be answered.

        Each may name `owners`, up to 100 different ones in all; if one of them may not be read, the batch is refused.
        The user of the request is that of the queries that name none.
        """
        items = await data.items()
        check_owners(item.owners for item in items if not isinstance(item, Problem))
        asked = await in_turns(lambda item: _asked(item, call), items)
        wanted = [one for one in asked if not isinstance(one, Problem)]
        await call.admission.charge(price.of_questions(one.price for one in wanted))
        most_bytes = bytes_for_memories((one.question for one in wanted), call.most_bytes)
        queries = [query for one in wanted for query in one.queries(call, most_bytes)]
        found = iter(await call.provider.find_many(queries) if queries else [])
        results, turns = list[batch_schemas.RecallItem](), Turns()
        for one in asked:
            answer = _unanswered(one) if isinstance(one, Problem) else await _recalled(one, found, call.recall_limit)
            results.append(answer)
            await turns.take()
        answered = sum(result.status == "answered" for result in results)
        return await in_parts(batch_schemas.RecallBatchResponse(results, answered, len(results) - answered))


async def remembered(
    write: WriteCall, items: Sequence[RememberRequest | Problem]
) -> Response[batch_schemas.RememberBatchResponse]:
    """Store the memories of one request, and return the response with a result for each.

    Raises:
        InvalidInput: two have the same key.
    """
    keys = [item.key if isinstance(item, batch_schemas.BatchedMemory) else None for item in items]
    check_each_once(keys, "memories")
    await write.admission.charge(price.of_memories(items))
    owner, ids, lifetime = write.owner, write.ids, write.lifetime  # a fault with these is one of the request

    def wanted_of(at: tuple[int, RememberRequest | Problem]) -> NewMemory | Put | Problem:
        place, item = at
        if isinstance(item, Problem):
            return item
        try:
            if not isinstance(item, batch_schemas.BatchedMemory) or item.key is None:
                return item.memory(owner, ids.memory(place), lifetime)
            return Put(memory=item.memory(owner, ids.keyed(item.key), lifetime), named=named_by(item, ids))
        except ProviderError as error:
            return problems.problem_of(error)

    asked = await in_turns(wanted_of, enumerate(items))
    wanted = [one for one in asked if not isinstance(one, Problem)]
    outcomes = await _written(write.provider, wanted) if wanted else []
    rest = iter(outcomes)
    results = [_remembered(one if isinstance(one, Problem) else next(rest)) for one in asked]
    failed = sum(result.status == "failed" for result in results)
    done = [outcome for outcome in outcomes if isinstance(outcome, Stored | Kept)]
    status = write_status(*(one.written if isinstance(one, Kept) else one for one in done))
    response = await in_parts(batch_schemas.RememberBatchResponse(results, len(results) - failed, failed), status)
    created = [item.key for item, outcome in zip(wanted, outcomes, strict=True) if _is_new(outcome) and item.key]
    if created:
        response.background = BackgroundTask(tidy_many, write.provider, owner, created)
    return response


async def _written(provider: MemoryProvider, wanted: list[NewMemory | Put]) -> list[Stored | Kept | ProviderError]:
    memories = [one for one in wanted if isinstance(one, NewMemory)]
    if len(memories) < len(wanted):
        return await put_many(provider, wanted)
    return [*await provider.store_many(memories)]


def _is_new(outcome: Stored | Kept | ProviderError) -> bool:
    return isinstance(outcome, Kept) and outcome.created


def _asked(question: schemas.RecallRequest | Problem, call: ReadCall) -> _Asked | Problem:
    """Return a question, whose memories it asks for and its price, or the problem with it.

    Raises:
        CallerRefused: it names an owner whose memories the caller may not read.
        InvalidInput: nobody is named in the whole request: a fault with this is not one of the question.
    """
    if isinstance(question, Problem):
        return question
    own = [call.owner] if question.owners is UNSET else []
    try:
        owners = own if question.owners is UNSET else call.user.readable(question.owners, beside_user=True)
        question.recency(call.now)
        return _Asked(question, owners, price.of_question(question, call.recall_limit) * len(owners))
    except CallerRefused:
        raise
    except (InvalidInput, RequestError) as error:
        return problems.problem_of(error)


def _remembered(result: Stored | Kept | ProviderError | Problem) -> batch_schemas.RememberItem:
    if isinstance(result, Kept):
        status = stored_or_accepted(result.written)
        return batch_schemas.RememberItem(status=status, memory_id=result.id, created=result.created)
    if isinstance(result, Stored):
        return batch_schemas.RememberItem(status=stored_or_accepted(result), memory_id=result.id)
    return batch_schemas.RememberItem(status="failed", problem=problems.problem_in_batch(result))


async def _recalled(
    asked: _Asked, found: Iterator[Found | ProviderError], default_limit: int
) -> batch_schemas.RecallItem:
    answers = [next(found) for _ in asked.owners]
    question = asked.question
    try:
        result = together(answers, question.wanted(default_limit))
    except ProviderError as error:
        return _unanswered(error)
    shared = question.owners is not UNSET
    memories, text = await within_budget(question, list(map(shown, result.memories)), names_owners=shared)
    return batch_schemas.RecallItem(
        status="answered", memories=memories, count=len(memories), text=text, considered=result.considered
    )


def _unanswered(result: ProviderError | Problem) -> batch_schemas.RecallItem:
    return batch_schemas.RecallItem(status="failed", problem=problems.problem_in_batch(result))
