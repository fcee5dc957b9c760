"""What mem0's API does, in the terms of a store of memories."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from app.auth.caller import Caller
from app.compat.calls import ProtocolCall
from app.compat.mem0.filters import label_named, selections
from app.compat.mem0.ids import Place, opened, sealed
from app.compat.mem0.labels import Labels, labelled, unlabelled
from app.compat.mem0.listing import Counted, Wanted, all_of, counted
from app.compat.mem0.records import (
    AddAnswer,
    AddedMemory,
    AddedText,
    HistoryEntry,
    Mem0Memory,
    history_of,
    mem0_memories,
)
from app.compat.mem0.requests import (
    AddBody,
    BatchItem,
    Message,
    Named,
    Narrowed,
    SearchBody,
    UpdateBody,
    refuse_unserved,
)
from app.compat.mem0.users import caller_named, caller_of
from app.http.admission import price
from app.http.problems import RequestError, problem_of
from app.http.schemas import RecallRequest, RememberRequest, UpdateRequest
from providers import limits
from providers.answer_size import recall_within
from providers.answers import Found, Stored
from providers.errors import InvalidInput, MemoryNotFound, ProviderError
from providers.types import Deletion, Edit, MemoryRecord, Metadata, NewMemory, RecallQuery

VERBATIM = "Stored word for word: this service draws no conclusions from messages (infer)."
MAX_TOP_K = 1_000
MAX_MESSAGES = 100
DEFAULT_TOP_K = 10
_APART = timedelta(microseconds=1)


class Mem0Operations(Struct, frozen=True):
    """Do what one request asks for, on behalf of its caller."""

    call: ProtocolCall
    clock: Callable[[], datetime] = partial(datetime.now, UTC)

    async def add(self, body: AddBody) -> AddAnswer:
        """Store each message as a memory, word for word; what breaks a rule is refused before anything is stored."""
        self.call.require("write")
        refuse_unserved(body.expiration_date, body.enable_graph)
        said = body.said
        if not said:
            return AddAnswer(message="Nothing to store.", status="SUCCEEDED", results=[])
        limits.check_batch("messages", said, MAX_MESSAGES)
        caller = caller_named(self.call, body)
        ids = self.call.ids(caller)
        # Within a millisecond a list is in the order of ids, which is that of chance.
        moment = self.clock() if body.timestamp is None else _moment(body.timestamp)
        memories = [
            limits.check_new_memory(
                NewMemory(
                    owner=caller.owner,
                    content=message.text,
                    metadata=labelled(body.metadata, replace(body.labels, role=_role(message))),
                    memory_id=ids.memory(place),
                    created_at=moment + place * _APART,
                )
            )
            for place, message in enumerate(said)
        ]
        await self.call.admission.charge(price.of_memories(RememberRequest(memory.content) for memory in memories))
        outcomes = await self.call.provider.store_many(memories)
        if all(isinstance(outcome, ProviderError) for outcome in outcomes):
            raise next(outcome for outcome in outcomes if isinstance(outcome, ProviderError))
        results = [
            _added(outcome, memory, message, caller)
            for outcome, memory, message in zip(outcomes, memories, said, strict=True)
        ]
        whole = all(result.error is None for result in results)
        return AddAnswer(message=VERBATIM, status="SUCCEEDED" if whole else "FAILED", results=results)

    async def search(self, body: SearchBody) -> list[Mem0Memory]:
        """Return the memories nearest to a query, best first; of several users each one's in turn of their scores."""
        self.call.require("read")
        top_k = body.top_k or body.limit or DEFAULT_TOP_K
        limits.check_range("top_k", top_k, 1, MAX_TOP_K)
        threshold = body.threshold or 0.0
        limits.check_text("query", body.query, limits.MAX_QUERY_CHARS)
        found: list[MemoryRecord] = []
        for one in self._wanted(body):
            question = RecallQuery(
                owner=one.owner,
                query=body.query,
                limit=min(top_k, limits.MAX_RECALL_LIMIT),
                where=one.selection.where,
                created_from=one.selection.created_from,
                created_before=one.selection.created_before,
                min_score=threshold,
                most_bytes=self.call.most_bytes,
            )
            limits.check_recall(question)
            asked = RecallRequest(query=body.query, limit=question.limit, where=question.where)
            cost = price.of_question(asked, self.call.recall_limit)
            found += await self._nearest(question, top_k, cost)
        found.sort(key=lambda memory: memory.similarity_score or 0.0, reverse=True)
        return mem0_memories((await recall_within(Found(memories=found[:top_k]), self.call.most_bytes)).memories)

    async def page(self, body: Narrowed, skip: int, take: int) -> Counted:
        """Return a part of the list of memories, newest first, and how many there are."""
        self.call.require("read")
        found = await counted(self.call, self._wanted(body), skip, take)
        await recall_within(Found(memories=found.memories), self.call.most_bytes)
        return found

    async def get(self, memory_id: str) -> MemoryRecord:
        """Return one memory."""
        self.call.require("read")
        place, caller = self._meant(memory_id)
        return (await self.call.provider.fetch(caller.owner, place.memory_id)).memory

    async def history(self, memory_id: str) -> list[HistoryEntry]:
        """Return what is known of a memory's life."""
        return history_of(await self.get(memory_id))

    async def update(self, memory_id: str, body: UpdateBody) -> MemoryRecord:
        """Change one memory; the names that it carries stay."""
        self.call.require("write")
        refuse_unserved(body.expiration_date)
        place, caller = self._meant(memory_id)
        text = UNSET if body.text is None else body.text
        metadata: Metadata | UnsetType | None = UNSET if body.metadata is None else body.metadata
        if text is UNSET and metadata is UNSET:
            raise InvalidInput("text", "or metadata is required")
        await self.call.admission.charge(price.of_edit(UpdateRequest(text)))
        if metadata is not UNSET:
            # The names never change, so that nothing is lost between this look and the edit.
            present = (await self.call.provider.fetch(caller.owner, place.memory_id)).memory
            metadata = labelled(metadata, unlabelled(present.metadata)[1]) or None
        edit_id = self.call.ids(caller).update(place.memory_id, text, metadata)
        edit = Edit(owner=caller.owner, memory_id=place.memory_id, content=text, metadata=metadata, edit_id=edit_id)
        return (await self.call.provider.change(edit)).memory

    async def delete(self, memory_id: str) -> None:
        """Delete one memory for good; raise `MemoryNotFound` if there is none."""
        self.call.require("delete")
        place, caller = self._meant(memory_id)
        edit_id = self.call.ids(caller).delete(place.memory_id)
        deletion = Deletion(owner=caller.owner, memory_id=place.memory_id, edit_id=edit_id)
        if not (await self.call.provider.erase(deletion)).count:
            raise MemoryNotFound(memory_id)

    async def delete_all(self, named: Named) -> int:
        """Delete all memories of a user, or those of them that carry all names given, and return how many."""
        self.call.require("delete")
        if named.nobody and self.call.identity.user is None:
            raise InvalidInput("user_id", "is required, or agent_id, app_id or run_id")
        caller = caller_named(self.call, named)
        if named.labels != Labels():
            return await self._delete_some(caller, named)
        deleted = 0
        while True:
            await self.call.admission.charge(price.ERASE_ALL)
            erased = await self.call.provider.erase_all(caller.owner)
            deleted += erased.count
            if erased.count < limits.MAX_BATCH:
                return deleted

    async def update_many(self, items: Sequence[BatchItem]) -> int:
        """Change the texts of several memories, one after another, and return how many."""
        limits.check_batch("memories", items)
        for item in items:
            if item.text is None:
                raise InvalidInput("text", "is required for each memory")
            limits.check_content(item.text)
            self._meant(item.memory_id)
        for item in items:
            await self.update(item.memory_id, UpdateBody(text=item.text))
        return len(items)

    async def delete_many(self, items: Sequence[BatchItem]) -> int:
        """Delete several memories, and return how many there were."""
        limits.check_batch("memories", items)
        for item in items:
            self._meant(item.memory_id)
        deleted = 0
        for item in items:
            try:
                await self.delete(item.memory_id)
            except MemoryNotFound:
                continue
            deleted += 1
        return deleted

    def _wanted(self, body: Narrowed) -> list[Wanted]:
        """Return whose memories are meant, and on which conditions; names at the top count as conditions."""
        names = msgspec.to_builtins(body)
        top = {name: names[name] for name in ("user_id", "agent_id", "app_id", "run_id") if names[name]}
        tree = {"AND": [top, body.filters]} if top and body.filters else top or body.filters
        labels = Labels(**label_named(tree))
        return [Wanted(caller_of(self.call, one.user, labels).owner, one) for one in selections(tree)]

    def _meant(self, memory_id: str) -> tuple[Place, Caller]:
        """Return which memory an id means, and the caller on behalf of its user.

        Raises:
            MemoryNotFound: nobody issued the id, or it is that of a user for whom the key does not speak.
        """
        place = opened(memory_id)
        try:
            return place, self.call.caller(place.user)
        except (RequestError, InvalidInput):
            raise MemoryNotFound(memory_id) from None

    async def _nearest(self, question: RecallQuery, top_k: int, cost: float) -> list[MemoryRecord]:
        """Return the `top_k` nearest, by as many questions as it takes."""
        found: list[MemoryRecord] = []
        while True:
            await self.call.admission.charge(cost * (1 + len(found) // limits.MAX_RECALL_LIMIT))
            memories = (await self.call.provider.find(question)).memories
            found += memories
            if len(found) >= top_k or len(memories) < question.limit:
                return found
            question = replace(question, without=frozenset(memory.id for memory in found))

    async def _delete_some(self, caller: Caller, named: Named) -> int:
        names = {name: value for name, value in msgspec.to_builtins(named.labels).items() if value}
        [selection] = selections(names)
        chosen = [memory.id async for memory in all_of(self.call, [Wanted(caller.owner, selection)])]
        await self.call.admission.charge(price.ORDINARY * (1 + len(chosen)))
        for memory_id in chosen:
            await self.call.provider.erase(Deletion(owner=caller.owner, memory_id=memory_id))
        return len(chosen)


def _added(outcome: Stored | ProviderError, memory: NewMemory, message: Message, caller: Caller) -> AddedMemory:
    data = AddedText(memory.content)
    if isinstance(outcome, Stored):
        memory_id = sealed(outcome.id, caller.user_id)
        return AddedMemory(id=memory_id, memory=memory.content, event="ADD", data=data, role=message.role)
    error = problem_of(outcome).detail
    return AddedMemory(memory=memory.content, event="FAILED", data=data, role=message.role, error=error)


def _role(message: Message) -> str | None:
    return None if message.role == "user" else message.role


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidInput("timestamp", "must be seconds since 1970") from None
