"""What mem0's API does, in the terms of a store of memories."""

from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from app.auth.caller import Caller
from app.compat.calls import ProtocolCall
from app.compat.mem0.adding import add_messages
from app.compat.mem0.expiration import expiry_of
from app.compat.mem0.filters import label_named, selections
from app.compat.mem0.ids import OpenedId, opened
from app.compat.mem0.labels import LABELS, EntityNames
from app.compat.mem0.listing import Counted, Wanted, check_wanted, counted
from app.compat.mem0.records import (
    AddAnswer,
    HistoryEntry,
    Mem0Memory,
    history_of,
    mem0_memories,
)
from app.compat.mem0.requests import (
    AddBody,
    BatchItem,
    Named,
    Narrowed,
    SearchBody,
    UpdateBody,
)
from app.compat.mem0.users import caller_named, caller_of
from app.http.admission import price
from app.http.problems import RequestError
from app.http.schemas import RecallRequest, UpdateRequest
from providers import limits
from providers.answer_size import recall_within
from providers.answers import Found
from providers.errors import InvalidInput, MemoryNotFound, Unsupported
from providers.history import MAX_HISTORY_LIMIT, HistoryQuery
from providers.types import Conditions, Deletion, Edit, MemoryRecord, Metadata, RecallQuery

MAX_TOP_K = 1_000
DEFAULT_TOP_K = 10
# Memories that one search looks at for conditions on names which no store answers.
MAX_LOOKED_AT = 5_000
_TOO_MANY = (
    f"leave {MAX_LOOKED_AT} memories and more to be looked at: give agent_id, app_id and run_id one value each, outside"
    " of OR and NOT"
)


class Mem0Operations(Struct, frozen=True):
    """Do what one request asks for, on behalf of its caller."""

    call: ProtocolCall

    async def add(self, body: AddBody) -> AddAnswer:
        """Store each message as a memory; see `add_messages`."""
        return await add_messages(self.call, body)

    async def search(self, body: SearchBody) -> list[Mem0Memory]:
        """Return the memories nearest to a query, best first; of several users each one's in turn of their scores."""
        top_k = body.top_k or body.limit or DEFAULT_TOP_K
        limits.check_range("top_k", top_k, 1, MAX_TOP_K)
        threshold = body.threshold or 0.0
        limits.check_text("query", body.query, limits.MAX_QUERY_CHARS)
        found: list[MemoryRecord] = []
        for one in self._wanted(body):
            check_wanted(one)
            question = RecallQuery(
                owner=one.owner,
                query=body.query,
                limit=top_k if one.selection.rest is None else limits.MAX_RECALL_LIMIT,
                min_score=threshold,
                most_bytes=self.call.most_bytes,
                **asdict(one.selection.conditions),
            )
            limits.check_recall(question)
            asked = RecallRequest(query=body.query, limit=question.limit, where=question.where)
            cost = price.of_question(asked, self.call.recall_limit)
            found += await self._nearest(question, one, top_k, cost)
        found.sort(key=lambda memory: memory.similarity_score or 0.0, reverse=True)
        return mem0_memories((await recall_within(Found(memories=found[:top_k]), self.call.most_bytes)).memories)

    async def page(self, body: Narrowed, skip: int, take: int) -> Counted:
        """Return a part of the list of memories, newest first, and how many there are."""
        found = await counted(self.call, self._wanted(body), skip, take)
        await recall_within(Found(memories=found.memories), self.call.most_bytes)
        return found

    async def get(self, memory_id: str) -> MemoryRecord:
        """Return one memory."""
        place, caller = self._meant(memory_id)
        return (await self.call.provider.fetch(caller.owner, place.memory_id)).memory

    async def history(self, memory_id: str) -> list[HistoryEntry]:
        """Return what is known of a memory's life, the oldest event first; of a store without history, the least."""
        place, caller = self._meant(memory_id)
        query = HistoryQuery(
            owner=caller.owner,
            memory_id=place.memory_id,
            limit=MAX_HISTORY_LIMIT,
            most_bytes=self.call.most_bytes,
        )
        await self.call.admission.charge(price.of_page(MAX_HISTORY_LIMIT, 0))
        try:
            page = await self.call.provider.history(query)
        except Unsupported:
            return history_of([await self.get(memory_id)])
        return history_of([state.record for state in reversed(page.versions)])

    async def update(self, memory_id: str, body: UpdateBody) -> MemoryRecord:
        """Change one memory; its labels stay. The key must also allow reading, since the answer shows the memory."""
        place, caller = self._meant(memory_id)
        text = UNSET if body.text is None else body.text
        metadata: Metadata | UnsetType | None = UNSET if body.metadata is None else body.metadata
        if text is UNSET and metadata is UNSET and body.expiration_date is UNSET:
            raise InvalidInput("text", "or metadata or expiration_date is required")
        expires_at = UNSET if body.expiration_date is UNSET else expiry_of(body.expiration_date)
        self.call.require("read")
        await self.call.admission.charge(price.of_edit(UpdateRequest(text)))
        edit = Edit(
            owner=caller.owner,
            memory_id=place.memory_id,
            content=text,
            metadata=None if metadata == {} else metadata,
            expires_at=self.call.lifetime(caller).of_change(expires_at, UNSET),
        )
        return (await self.call.provider.change(self.call.ids(caller).update(edit))).memory

    async def delete(self, memory_id: str) -> None:
        """Delete one memory for good; raise `MemoryNotFound` if there is none."""
        place, caller = self._meant(memory_id)
        edit_id = self.call.ids(caller).delete(place.memory_id)
        deletion = Deletion(owner=caller.owner, memory_id=place.memory_id, edit_id=edit_id)
        if not (await self.call.provider.erase(deletion)).count:
            raise MemoryNotFound(memory_id)

    async def delete_all(self, named: Named) -> int:
        """Delete all memories of a user, or those of them that carry all names given, and return how many."""
        if named.nobody and self.call.own_user is None:
            raise InvalidInput("user_id", "is required, or agent_id, app_id or run_id")
        caller = caller_named(self.call, named)
        conditions = Conditions(**named.labels.own)
        deleted = 0
        while True:
            await self.call.admission.charge(price.ERASE_ALL)
            erased = await self.call.provider.erase_all(caller.owner, conditions=conditions)
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
        body.refuse()
        top = {name: value for name in ("user_id", *LABELS) if (value := getattr(body, name))}
        tree = {"AND": [top, body.filters]} if top and body.filters else top or body.filters
        labels = EntityNames(**label_named(tree))
        return [Wanted(caller_of(self.call, one.user, labels).owner, one) for one in selections(tree)]

    def _meant(self, memory_id: str) -> tuple[OpenedId, Caller]:
        """Return which memory an id means, and the caller on behalf of its user.

        Raises:
            MemoryNotFound: nobody issued the id, or it is that of a user for whom the key does not speak.
        """
        place = opened(memory_id)
        try:
            return place, self.call.caller(place.user)
        except (RequestError, InvalidInput):
            raise MemoryNotFound(memory_id) from None

    async def _nearest(self, question: RecallQuery, one: Wanted, top_k: int, cost: float) -> list[MemoryRecord]:
        """Return the `top_k` nearest, by as many questions as it takes where memories are looked at here.

        Raises:
            InvalidInput: more memories would have to be looked at than a search may.
        """
        found, seen = list[MemoryRecord](), frozenset[str]()
        while True:
            await self.call.admission.charge(cost * (1 + len(seen) // limits.MAX_RECALL_LIMIT))
            memories = (await self.call.provider.find(question)).memories
            found += filter(one.selection.meets, memories)
            if len(found) >= top_k or len(memories) < question.limit:
                return found
            seen |= {memory.id for memory in memories}
            if len(seen) >= MAX_LOOKED_AT:
                raise InvalidInput("filters", _TOO_MANY)
            question = replace(question, without=seen)
